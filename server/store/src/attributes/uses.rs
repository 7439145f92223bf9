//! What tests an attribute, buckets by it or saves a value of it.

use std::collections::BTreeMap;

use engine::{AttributeName, Attributes, EnvironmentKey, FlagKey, GroupKey, Rollout, Snapshot};

use crate::{
    Administrator, ObjectKind, Store, StoreError, change::Work, db::args, limits::PERSONAS_MAX, live::State,
    signed, versioned::parse,
};

/// One use of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeUse {
    /// A rule of the flag's rollout there tests it, or buckets by it.
    Rollout {
        environment: EnvironmentKey,
        flag: FlagKey,
        name: String,
    },
    Group {
        key: GroupKey,
        name: String,
    },
    Persona {
        name: String,
    },
}

/// A rollout whose rules let in whoever says of themselves what an attribute demands, once nobody has to vouch for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub name: String,
}

/// By attribute, in the order of groups, rollouts and personas.
pub type AttributeUses = BTreeMap<String, Vec<AttributeUse>>;

impl AttributeUse {
    /// `pay in production`, `the group vip`, `the persona A VIP`.
    fn phrase(&self) -> String {
        match self {
            Self::Rollout { environment, flag, .. } => format!("{flag} in {environment}"),
            Self::Group { key, .. } => format!("the group {key}"),
            Self::Persona { name } => format!("the persona {name}"),
        }
    }
}

impl Store {
    /// What uses each attribute that something uses.
    pub async fn attribute_uses(&self, _by: &Administrator) -> Result<AttributeUses, StoreError> {
        let rows = self.db().all(PERSONAS, args![signed(PERSONAS_MAX as u64)]).await?;
        uses(&self.live().state(), rows)
    }

    /// The rollouts that a browser could enter by what it says of itself, if the attribute were not trusted: those that test
    /// it, bucket by it, or name a group that tests it. What is archived is not asked for.
    pub fn entries_by(&self, _by: &Administrator, attribute: &AttributeName) -> Vec<Entry> {
        self.live().state().snapshots.iter().flat_map(|snapshot| entries(snapshot, attribute)).collect()
    }
}

impl Work<'_> {
    /// Refuses while something uses the attribute.
    pub(super) async fn require_unused(&mut self, attribute: &AttributeName) -> Result<(), StoreError> {
        let rows = self.tx.all(PERSONAS, args![signed(PERSONAS_MAX as u64)]).await?;
        let mut uses = uses(&*self.state().await?, rows)?;
        let Some(used) = uses.remove(attribute.as_str()) else { return Ok(()) };
        let by = used.iter().map(AttributeUse::phrase).collect();
        Err(StoreError::InUse { kind: ObjectKind::Attribute, key: attribute.to_string(), by })
    }
}

const PERSONAS: &str = "SELECT name, attributes FROM personas ORDER BY lower(name) LIMIT $1";

fn uses(state: &State, personas: Vec<(String, String)>) -> Result<AttributeUses, StoreError> {
    let mut uses = AttributeUses::new();
    let mut add = |mut names: Vec<&str>, user: &AttributeUse| {
        names.sort_unstable();
        names.dedup();
        for name in names {
            uses.entry(name.to_owned()).or_default().push(user.clone());
        }
    };
    // Groups are the same in all environments.
    for group in
        state.snapshots.first().into_iter().flat_map(|it| it.groups()).map(engine::CompiledGroup::group)
    {
        let condition = group.condition.iter();
        let names = condition.flat_map(|it| it.attributes()).map(AttributeName::as_str).collect();
        add(names, &AttributeUse::Group { key: group.key.clone(), name: group.name.clone() });
    }
    for snapshot in &state.snapshots {
        for flag in snapshot.flags() {
            let names = flag.rollout().attributes().map(AttributeName::as_str).collect();
            let (environment, flag) = (snapshot.environment().clone(), flag.flag());
            add(
                names,
                &AttributeUse::Rollout { environment, flag: flag.key.clone(), name: flag.name.clone() },
            );
        }
    }
    for (name, attributes) in personas {
        let attributes: Attributes = parse("personas", &name, &attributes)?;
        let names = attributes.iter().map(|(name, _)| name).collect();
        add(names, &AttributeUse::Persona { name });
    }
    Ok(uses)
}

fn entries(snapshot: &Snapshot, attribute: &AttributeName) -> Vec<Entry> {
    let tests = |group: &GroupKey| {
        let condition = snapshot.group(group.as_str()).and_then(|it| it.group().condition.as_ref());
        condition.is_some_and(|it| it.attributes().contains(&attribute))
    };
    // A group that is excluded keeps out whoever says the truth.
    let enters =
        |rollout: &Rollout| rollout.attributes().any(|it| it == attribute) || rollout.groups().any(tests);
    let flags = snapshot.flags().filter(|flag| !flag.is_archived() && enters(flag.rollout()));
    flags
        .map(|flag| Entry {
            environment: snapshot.environment().clone(),
            flag: flag.key().clone(),
            name: flag.flag().name.clone(),
        })
        .collect()
}

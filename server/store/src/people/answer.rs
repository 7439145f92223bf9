//! Support's question about one person, answered for every flag of an environment: what they were served, what they
//! would be served, and why. Decided by the engine, remembered by the ledger; the two are never mixed.

use std::{collections::HashMap, sync::Arc};

use engine::{
    Attributes, Context, EnvironmentKey, Explanation, Flag, Snapshot, SubjectKey, VariantKey, hints,
};

use crate::{PeopleReader, Seen, Store, StoreError, live::Environment};

/// One flag for one person.
#[derive(Debug, Clone)]
pub struct FlagAnswer {
    pub flag: Arc<Flag>,
    /// What the ledger holds, newest first; of an instant: what was served around it, at most one line.
    pub saw: Vec<Seen>,
    /// What the configuration decides: that of now, or that of the instant.
    pub would: Explanation,
    /// What would change that, when a simple thing would.
    pub hints: Vec<String>,
    /// Served something other than the off variant.
    pub on: bool,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct PersonAnswer {
    pub environment: Environment,
    /// The instant that was asked for; `None` for now.
    pub as_of_ms: Option<i64>,
    /// The configuration that decides: that of now, or that of the instant.
    pub snapshot: Arc<Snapshot>,
    /// What was stored with them then; `None` when they were not known.
    pub traits: Option<Attributes>,
    /// By name; archived flags only when the ledger knows them.
    pub flags: Vec<FlagAnswer>,
    /// What was served of flags that the configuration does not have (any more, or not yet).
    pub other: Vec<Seen>,
}

impl FlagAnswer {
    /// The variant that is decided; `None` when there is no answer.
    pub fn decided(&self) -> Option<&VariantKey> {
        self.would.decision.as_ref().ok().map(|served| &served.variant)
    }

    /// The last thing served and what is decided are not the same.
    pub fn differs(&self) -> bool {
        self.saw.first().is_some_and(|seen| self.decided() != Some(&seen.variant))
    }
}

impl Store {
    /// Answers for every flag; with `as_of_ms` what was served around that instant and what the configuration of that
    /// instant decides. The look-up itself is audited by [`Store::look_up`].
    pub async fn answer_person(
        &self,
        by: &PeopleReader,
        environment: &Environment,
        subject: &SubjectKey,
        as_of_ms: Option<i64>,
    ) -> Result<PersonAnswer, StoreError> {
        let key = &environment.key;
        let (snapshot, traits, saw, at_ms) = match as_of_ms {
            None => {
                let people = self.live().people();
                let traits = people.traits(subject.as_str()).map(|traits| traits.to_attributes());
                let saw = self.exposures_of(by, key, subject).await?;
                (self.snapshot_now(key)?, traits, saw, self.clock().now_ms())
            }
            Some(at_ms) => {
                let traits = self.traits_as_of(by, subject, at_ms).await?;
                let saw = self.exposures_around(by, key, subject, at_ms).await?;
                (self.snapshot_as_of(by, key, at_ms).await?.snapshot, traits, saw, at_ms)
            }
        };
        let context = Context::from_traits(subject.as_str(), traits.as_ref().unwrap_or(Attributes::EMPTY));
        let (flags, other) = answers(&snapshot, &context, saw, at_ms);
        Ok(PersonAnswer { environment: environment.clone(), as_of_ms, snapshot, traits, flags, other })
    }

    fn snapshot_now(&self, environment: &EnvironmentKey) -> Result<Arc<Snapshot>, StoreError> {
        let missing =
            || StoreError::NotFound { kind: crate::ObjectKind::Environment, key: environment.to_string() };
        self.live().snapshot(environment.as_str()).ok_or_else(missing)
    }
}

/// `saw` newest first.
fn answers(
    snapshot: &Snapshot,
    context: &Context<'_>,
    saw: Vec<Seen>,
    at_ms: i64,
) -> (Vec<FlagAnswer>, Vec<Seen>) {
    let mut by_flag: HashMap<String, Vec<Seen>> = HashMap::new();
    for seen in saw {
        by_flag.entry(seen.flag.to_string()).or_default().push(seen);
    }
    let mut flags = Vec::new();
    for compiled in snapshot.flags() {
        let flag = compiled.flag();
        let saw = by_flag.remove(flag.key.as_str()).unwrap_or_default();
        if compiled.is_archived() && saw.is_empty() {
            continue;
        }
        let would = snapshot.explain(flag.key.as_str(), context, at_ms);
        flags.push(FlagAnswer {
            hints: hints(snapshot, &would, context, at_ms),
            on: would.decision.as_ref().is_ok_and(|served| served.variant != flag.off_variant),
            flag: Arc::clone(flag),
            saw,
            would,
        });
    }
    flags.sort_by_cached_key(|it| (it.flag.name.to_lowercase(), it.flag.key.clone()));
    let mut other: Vec<_> = by_flag.into_values().flatten().collect();
    other.sort_by(|a, b| b.last_ms.cmp(&a.last_ms).then_with(|| a.flag.cmp(&b.flag)));
    (flags, other)
}

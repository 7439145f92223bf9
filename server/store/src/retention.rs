//! For how many days each environment keeps what it was told: exposures and feedback. What is older is deleted by
//! [`Store::sweep_ledger`] and [`Store::sweep_feedback`].

use std::collections::BTreeMap;

use engine::EnvironmentKey;

use crate::{
    Action, Administrator, Invalid, ObjectKind, ObjectRef, RecentAdministrator, Store, StoreError,
    change::Entry,
    db::args,
    limits::{FEEDBACK_RETENTION_DAYS_DEFAULT, RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MAX},
};

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Exposures,
    /// What users told, triaged or not, from when it arrived.
    Feedback,
}

/// The statements of one table.
struct Sql {
    table: &'static str,
    all: &'static str,
    one: &'static str,
    put: &'static str,
}

macro_rules! sql {
    ($table:literal) => {
        Sql {
            table: $table,
            all: concat!(
                "SELECT environments.key, COALESCE(kept.days, $1) AS days FROM environments LEFT JOIN ",
                $table,
                " AS kept ON kept.environment = environments.key"
            ),
            one: concat!("SELECT days FROM ", $table, " WHERE environment = $1"),
            put: concat!(
                "INSERT INTO ",
                $table,
                " (environment, days) VALUES ($1, $2) \
                 ON CONFLICT (environment) DO UPDATE SET days = excluded.days"
            ),
        }
    };
}

impl Kept {
    pub fn days_default(self) -> u32 {
        match self {
            Self::Exposures => RETENTION_DAYS_DEFAULT,
            Self::Feedback => FEEDBACK_RETENTION_DAYS_DEFAULT,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Exposures => "exposures",
            Self::Feedback => "feedback",
        }
    }

    fn sql(self) -> Sql {
        match self {
            Self::Exposures => sql!("ledger_retention"),
            Self::Feedback => sql!("feedback_retention"),
        }
    }
}

impl Store {
    /// How many days each environment keeps it.
    pub async fn retention_days(
        &self,
        _by: &Administrator,
        kept: Kept,
    ) -> Result<BTreeMap<EnvironmentKey, u32>, StoreError> {
        self.days_kept(kept).await
    }

    /// The same for the server's own sweeps and limits: no proof.
    pub async fn days_kept(&self, kept: Kept) -> Result<BTreeMap<EnvironmentKey, u32>, StoreError> {
        let Sql { table, all, .. } = kept.sql();
        let rows: Vec<(String, i64)> = self.db().all(all, args![i64::from(kept.days_default())]).await?;
        let corrupt = |id: &str| StoreError::CorruptRow { table, id: id.to_owned() };
        let days = |(key, days): (String, i64)| {
            let environment = EnvironmentKey::parse(&key).map_err(|_| corrupt(&key))?;
            Ok((environment, u32::try_from(days).map_err(|_| corrupt(&key))?))
        };
        rows.into_iter().map(days).collect()
    }

    /// Keeps it in an environment for 1 to [`RETENTION_DAYS_MAX`] days from the next sweep on.
    pub async fn set_retention(
        &self,
        by: &RecentAdministrator,
        kept: Kept,
        environment: &EnvironmentKey,
        days: u32,
    ) -> Result<(), StoreError> {
        if !(1..=RETENTION_DAYS_MAX).contains(&days) {
            return Err(Invalid::Retention.into());
        }
        let known = self.live().environment(environment.as_str()).ok_or_else(|| StoreError::NotFound {
            kind: ObjectKind::Environment,
            key: environment.to_string(),
        })?;
        let Sql { one, put, .. } = kept.sql();
        let mut work = self.begin(by).await?;
        let before: Option<(i64,)> = work.tx.optional(one, args![environment.as_str()]).await?;
        let before = before.map_or(i64::from(kept.days_default()), |(days,)| days);
        if before == i64::from(days) {
            return work.cancel().await;
        }
        work.tx.execute(put, args![environment.as_str(), i64::from(days)]).await?;
        let (noun, place) = (kept.noun(), known.name.to_lowercase());
        let sentence =
            format!("keeps {noun} in {place} for {} instead of {before}", engine::counted(days, "day"));
        let object = ObjectRef::new(ObjectKind::Environment, environment.as_str());
        let document = |days: i64| Some(format!("{{\"{noun}\":{days}}}"));
        let entry = Entry {
            environment: Some(environment.clone()),
            before: document(before),
            after: document(i64::from(days)),
            ..Entry::new(Action::RetentionChanged, object, &known.name, sentence)
        };
        work.finish(entry).await?;
        Ok(())
    }
}

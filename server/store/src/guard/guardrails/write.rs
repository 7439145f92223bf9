//! Saving guardrails, and taking them away again: one change for a rollout's own and for the workspace's.

use engine::{
    Change, EnvironmentKey, FlagKey, MetricDefinition, MetricKind,
    guardrail::{CustomKind, Guardrail, Metric, guardrail_problems},
};

use super::{DEFAULTS, GuardrailSet, OWN};
use crate::{
    Action, Administrator, Conflict, FlagEditor, Invalid, ObjectKind, ObjectRef, Store, StoreError,
    Versioned,
    change::{Entry, Work, lead},
    db::args,
    flags::refuse,
    number, signed, stored_metric,
    text::reason,
    to_json,
    versioned::parse,
};

/// Whose guardrails are written.
#[derive(Clone, Copy)]
enum Whose<'a> {
    Rollout { environment: &'a EnvironmentKey, flag: &'a FlagKey, name: &'a str },
    Workspace,
}

impl Whose<'_> {
    fn object(self) -> ObjectRef {
        match self {
            Self::Rollout { flag, .. } => ObjectRef::new(ObjectKind::Flag, flag.as_str()),
            Self::Workspace => ObjectRef::new(ObjectKind::Workspace, "guardrails"),
        }
    }

    fn environment(self) -> Option<EnvironmentKey> {
        match self {
            Self::Rollout { environment, .. } => Some(environment.clone()),
            Self::Workspace => None,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Rollout { name, .. } => name.to_owned(),
            Self::Workspace => "default guardrails".to_owned(),
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Rollout { .. } => "guardrails",
            Self::Workspace => "guardrail_defaults",
        }
    }

    /// Without `changes`, the same guardrails are somebody's own from now on.
    fn saved(self, changes: &[Change]) -> String {
        match self {
            Self::Rollout { environment, name, .. } => {
                lead(changes, |phrase| format!("{phrase} on {name} in {environment}"))
                    .unwrap_or_else(|| format!("gave {name} in {environment} guardrails of its own"))
            }
            Self::Workspace => lead(changes, |phrase| format!("{phrase} for every rollout without its own"))
                .unwrap_or_else(|| "changed the guardrails of every rollout without its own".to_owned()),
        }
    }

    fn taken_away(self) -> String {
        match self {
            Self::Rollout { environment, name, .. } => {
                format!("took {name} in {environment} back to the default guardrails")
            }
            Self::Workspace => {
                "went back to the built-in guardrails for every rollout without its own".to_owned()
            }
        }
    }
}

impl Store {
    /// Gives the rollout guardrails of its own. Its evidence begins anew: a limit is chosen before the data are seen.
    pub async fn save_guardrails(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        set: GuardrailSet,
        comment: &str,
    ) -> Result<u64, StoreError> {
        self.write_own(by, (environment, flag), expected, Some(set), comment).await
    }

    /// Takes the rollout's own guardrails away: the workspace's defaults guard it from now on.
    pub async fn reset_guardrails(
        &self,
        by: &FlagEditor,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        expected: u64,
        comment: &str,
    ) -> Result<(), StoreError> {
        self.write_own(by, (environment, flag), expected, None, comment).await.map(drop)
    }

    /// Sets what guards every rollout that has no guardrails of its own. The evidence of all of those begins anew.
    pub async fn save_default_guardrails(
        &self,
        by: &Administrator,
        expected: u64,
        set: GuardrailSet,
        comment: &str,
    ) -> Result<u64, StoreError> {
        self.write_defaults(by, expected, Some(set), comment).await
    }

    /// Takes the workspace's guardrails away: the built-in ones guard every rollout without its own from now on.
    pub async fn reset_default_guardrails(
        &self,
        by: &Administrator,
        expected: u64,
        comment: &str,
    ) -> Result<(), StoreError> {
        self.write_defaults(by, expected, None, comment).await.map(drop)
    }

    async fn write_own(
        &self,
        by: &FlagEditor,
        (environment, flag): (&EnvironmentKey, &FlagKey),
        expected: u64,
        set: Option<GuardrailSet>,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = checked(self, set.as_ref(), comment)?;
        let mut work = self.begin(by).await?;
        let target = work.rollout_target(environment, flag).await?;
        let whose = Whose::Rollout { environment, flag, name: &target.flag.value.name };
        let own: Option<Versioned<GuardrailSet>> =
            work.read(OWN, args![environment.as_str(), flag.as_str()], "guardrails", flag.as_str()).await?;
        let defaults: Option<Versioned<GuardrailSet>> =
            work.read(DEFAULTS, args![], "guardrail_defaults", "1").await?;
        let beneath = defaults.map_or_else(GuardrailSet::built_in, |defaults| defaults.value);
        work.put_guardrails(whose, (own, beneath), expected, set, reason).await
    }

    async fn write_defaults(
        &self,
        by: &Administrator,
        expected: u64,
        set: Option<GuardrailSet>,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = checked(self, set.as_ref(), comment)?;
        let mut work = self.begin(by).await?;
        let current: Option<Versioned<GuardrailSet>> =
            work.read(DEFAULTS, args![], "guardrail_defaults", "1").await?;
        let beneath = GuardrailSet::built_in();
        // What is built in needs no row that says the same.
        let set = set.filter(|set| current.is_some() || *set != beneath);
        work.put_guardrails(Whose::Workspace, (current, beneath), expected, set, reason).await
    }
}

fn checked(store: &Store, set: Option<&GuardrailSet>, comment: &str) -> Result<String, StoreError> {
    let reason = reason(comment)?;
    let guardrails = set.map_or(&[][..], |set| &set.guardrails);
    refuse(guardrail_problems(guardrails))?;
    let metrics = store.live().metrics();
    let is_known = |guardrail: &Guardrail| {
        let key = stored_metric(&guardrail.metric);
        key.is_some_and(|key| {
            metrics.iter().any(|metric| metric.key == key && fits(metric, &guardrail.metric))
        })
    };
    match guardrails.iter().find(|guardrail| !is_known(guardrail)) {
        None => Ok(reason),
        Some(unknown) => Err(Invalid::UnknownMetric { metric: unknown.metric.noun() }.into()),
    }
}

/// Whether the workspace counts a metric as the guardrail reads it.
fn fits(definition: &MetricDefinition, metric: &Metric) -> bool {
    match metric {
        Metric::Custom { kind, lower_is_worse, .. } => {
            let same_kind = match kind {
                CustomKind::Rate => definition.kind == MetricKind::Rate,
                CustomKind::Count => definition.kind == MetricKind::Count,
                CustomKind::Duration(_) => definition.kind == MetricKind::Duration,
            };
            same_kind && *lower_is_worse != definition.lower_is_better
        }
        Metric::ErrorRate
        | Metric::Latency(_)
        | Metric::Conversion
        | Metric::Crashes
        | Metric::Complaints
        | Metric::MissingOutcome => true,
    }
}

impl Work<'_> {
    /// Saves `set`, or without one takes what was saved away, so that what stands `beneath` applies. Gives the new
    /// version: see [`super::GuardrailsInForce::version`].
    async fn put_guardrails(
        mut self,
        whose: Whose<'_>,
        (current, beneath): (Option<Versioned<GuardrailSet>>, GuardrailSet),
        expected: u64,
        set: Option<GuardrailSet>,
        reason: String,
    ) -> Result<u64, StoreError> {
        self.check_guardrails_version(whose, expected, current.as_ref(), &beneath).await?;
        if current.as_ref().map(|current| &current.value) == set.as_ref() {
            self.cancel().await?;
            return Ok(expected);
        }
        let version = match &set {
            Some(set) => self.write_row(whose, set).await?,
            None => self.delete_row(whose).await?,
        };
        let before = current.map_or_else(|| beneath.clone(), |current| current.value);
        let after = set.as_ref().unwrap_or(&beneath);
        let changes = before.changes(after);
        let sentence = if set.is_some() { whose.saved(&changes) } else { whose.taken_away() };
        let entry = Entry {
            reason,
            environment: whose.environment(),
            before: Some(to_json(whose.table(), &before)?),
            after: Some(to_json(whose.table(), after)?),
            changes,
            ..Entry::new(Action::GuardrailsChanged, whose.object(), &whose.name(), sentence)
        };
        self.finish(entry).await?;
        Ok(version)
    }

    async fn write_row(&mut self, whose: Whose<'_>, set: &GuardrailSet) -> Result<u64, StoreError> {
        let document = to_json(whose.table(), set)?;
        self.keep_version(whose, &document).await?;
        let (now_ms, seq, author) = (self.now_ms(), self.seq(), self.by().to_owned());
        match whose {
            Whose::Rollout { environment, flag, .. } => {
                self.tx
                    .execute(
                        "INSERT INTO guardrails \
                         (environment, flag, document, version, changed_ms, changed_by, audit_seq) \
                         VALUES ($1, $2, $3, $4, $5, $6, $4) \
                         ON CONFLICT (environment, flag) DO UPDATE SET document = excluded.document, \
                         version = excluded.version, changed_ms = excluded.changed_ms, \
                         changed_by = excluded.changed_by, audit_seq = excluded.audit_seq",
                        args![environment.as_str(), flag.as_str(), &document, seq, now_ms, &author],
                    )
                    .await?
            }
            Whose::Workspace => {
                self.tx
                    .execute(
                        "INSERT INTO guardrail_defaults \
                         (id, document, version, changed_ms, changed_by, audit_seq) \
                         VALUES (1, $1, $2, $3, $4, $2) \
                         ON CONFLICT (id) DO UPDATE SET document = excluded.document, \
                         version = excluded.version, changed_ms = excluded.changed_ms, \
                         changed_by = excluded.changed_by, audit_seq = excluded.audit_seq",
                        args![&document, seq, now_ms, &author],
                    )
                    .await?
            }
        };
        Ok(number(seq))
    }

    /// The version of a set is the sequence of its entry; `null` is the version that took it away.
    async fn keep_version(&mut self, whose: Whose<'_>, document: &str) -> Result<(), StoreError> {
        let seq = self.seq();
        let (key, environment) = match whose {
            Whose::Rollout { environment, flag, .. } => (flag.as_str(), environment.as_str()),
            Whose::Workspace => ("", ""),
        };
        self.add_version(whose.table(), key, environment, seq, document).await
    }

    async fn delete_row(&mut self, whose: Whose<'_>) -> Result<u64, StoreError> {
        self.keep_version(whose, "null").await?;
        match whose {
            Whose::Rollout { environment, flag, .. } => {
                self.tx
                    .execute(
                        "DELETE FROM guardrails WHERE environment = $1 AND flag = $2",
                        args![environment.as_str(), flag.as_str()],
                    )
                    .await?
            }
            Whose::Workspace => {
                self.tx.execute("DELETE FROM guardrail_defaults WHERE id = 1", args![]).await?
            }
        };
        Ok(0)
    }

    /// Refuses a set made on another version than the current one, with what the others changed.
    async fn check_guardrails_version(
        &mut self,
        whose: Whose<'_>,
        expected: u64,
        current: Option<&Versioned<GuardrailSet>>,
        beneath: &GuardrailSet,
    ) -> Result<(), StoreError> {
        let version = current.map_or(0, |current| current.version);
        if version == expected {
            return Ok(());
        }
        let (by, at_ms) = match current {
            Some(current) => (current.changed_by.clone(), current.changed_ms),
            None => self.last_author(whose).await?,
        };
        let read = match expected {
            0 => Some(beneath.clone()),
            seq => self.guardrails_at(whose, seq).await?,
        };
        let now = current.map_or(beneath, |current| &current.value);
        let changes = read.map(|read| read.changes(now)).unwrap_or_default();
        Err(Conflict { expected, current: version, by, at_ms, changes }.into())
    }

    /// Who took the guardrails away that somebody has read, and when.
    async fn last_author(&mut self, whose: Whose<'_>) -> Result<(String, i64), StoreError> {
        let (object, environment) = (whose.object(), whose.environment());
        let row: Option<(String, i64)> = self
            .tx
            .optional(
                "SELECT actor, at_ms FROM audit WHERE object_kind = $1 AND object_key = $2 AND action = $3 \
                 AND COALESCE(environment, '') = $4 ORDER BY seq DESC LIMIT 1",
                args![
                    object.kind.as_str(),
                    &object.key,
                    Action::GuardrailsChanged.as_str(),
                    environment.as_ref().map_or("", EnvironmentKey::as_str)
                ],
            )
            .await?;
        Ok(row.unwrap_or_else(|| ("somebody".to_owned(), self.now_ms())))
    }

    /// The set that the audit entry `seq` put into force.
    async fn guardrails_at(
        &mut self,
        whose: Whose<'_>,
        seq: u64,
    ) -> Result<Option<GuardrailSet>, StoreError> {
        let (object, environment) = (whose.object(), whose.environment());
        let row: Option<(Option<String>,)> = self
            .tx
            .optional(
                "SELECT document_after FROM audit WHERE seq = $1 AND object_kind = $2 AND object_key = $3 \
                 AND action = $4 AND COALESCE(environment, '') = $5",
                args![
                    signed(seq),
                    object.kind.as_str(),
                    &object.key,
                    Action::GuardrailsChanged.as_str(),
                    environment.as_ref().map_or("", EnvironmentKey::as_str)
                ],
            )
            .await?;
        let document = row.and_then(|(document,)| document);
        document.map(|document| parse("audit", &seq.to_string(), &document)).transpose()
    }
}

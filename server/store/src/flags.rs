//! Flags: what they are, the same in every environment. A flag is never deleted, only archived.

use engine::{
    Change, EnvironmentKey, Flag, FlagKey, Lifecycle, Prerequisite, Problem, Rollout, flag_changes,
    means_a_place,
};

use crate::{
    Action, FlagEditor, Invalid, ObjectKind, ObjectRef, Store, StoreError, Taken, Versioned, Viewer,
    change::{Entry, Revisions, Work, lead},
    db::args,
    live::State,
    secret::random_hex,
    text::reason,
    to_json,
    versioned::{VersionKey, VersionedRow, parse},
};

const SEED_BYTES: usize = 8;

pub(crate) fn flag_line(key: &FlagKey) -> VersionKey<'_> {
    VersionKey { kind: "flag", key: key.as_str(), environment: "" }
}

pub(crate) fn flag_not_found(key: &FlagKey) -> StoreError {
    StoreError::NotFound { kind: ObjectKind::Flag, key: key.to_string() }
}

impl Store {
    pub async fn find_flag(
        &self,
        _by: &Viewer,
        key: &FlagKey,
    ) -> Result<Option<Versioned<Flag>>, StoreError> {
        let row: Option<VersionedRow> = self
            .db()
            .optional(
                "SELECT document, version, changed_ms, changed_by, audit_seq FROM flags WHERE key = $1",
                args![key.as_str()],
            )
            .await?;
        row.map(|row| row.parse("flags", key.as_str())).transpose()
    }

    /// Creates the flag and, in every environment, an enabled rollout without rules and with a fresh seed.
    pub async fn create_flag(&self, by: &FlagEditor, flag: Flag) -> Result<u64, StoreError> {
        self.create_flag_seeded(by, flag, &|_| random_hex::<SEED_BYTES>()).await
    }

    pub(crate) async fn create_flag_seeded(
        &self,
        by: &FlagEditor,
        flag: Flag,
        seed: &(dyn Fn(&EnvironmentKey) -> Result<String, StoreError> + Sync),
    ) -> Result<u64, StoreError> {
        refuse(flag.problems())?;
        if means_a_place(flag.key.as_str()) {
            return Err(Invalid::KeyMeansAPlace(flag.key.to_string()).into());
        }
        let mut work = self.begin(by).await?;
        work.require_free_key(&flag.key).await?;
        let document = to_json("flags", &flag)?;
        let (now_ms, seq, author) = (work.now_ms(), work.seq(), work.by().to_owned());
        work.tx
            .execute(
                "INSERT INTO flags (key, document, version, changed_ms, changed_by, audit_seq) \
                 VALUES ($1, $2, 1, $3, $4, $5)",
                args![flag.key.as_str(), &document, now_ms, &author, seq],
            )
            .await?;
        work.add_version("flag", flag.key.as_str(), "", 1, &document).await?;
        for environment in self.live().environments().iter() {
            let document = to_json("rollouts", &Rollout::new(&seed(&environment.key)?))?;
            let (key, flag) = (environment.key.as_str(), flag.key.as_str());
            work.tx
                .execute(
                    "INSERT INTO rollouts (environment, flag, document, version, changed_ms, changed_by, audit_seq) \
                     VALUES ($1, $2, $3, 1, $4, $5, $6)",
                    args![key, flag, &document, now_ms, &author, seq],
                )
                .await?;
            work.add_version("rollout", flag, key, 1, &document).await?;
        }
        work.bump(Revisions::All).await?;
        let mut entry = flag_entry(Action::FlagCreated, &flag, format!("created the flag {}", flag.name));
        entry.version = Some(1);
        work.finish(entry).await?;
        Ok(1)
    }

    /// Saves a flag's definition; archiving and restoring go through here too. Refuses to remove a variant that a
    /// rollout or a prerequisite names and to archive what other flags wait for.
    pub async fn update_flag(
        &self,
        by: &FlagEditor,
        expected: u64,
        flag: Flag,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let current = work.require_flag(&flag.key).await?;
        work.check_version(flag_line(&flag.key), expected, &current, flag_changes).await?;
        work.write_flag(current, flag, reason, None).await
    }
}

impl Work<'_> {
    pub(crate) async fn find_flag(&mut self, key: &FlagKey) -> Result<Option<Versioned<Flag>>, StoreError> {
        let sql = "SELECT document, version, changed_ms, changed_by, audit_seq FROM flags WHERE key = $1";
        self.read(sql, args![key.as_str()], "flags", key.as_str()).await
    }

    /// Changes are made one after the other: nobody takes the key in between.
    async fn require_free_key(&mut self, asked: &FlagKey) -> Result<(), StoreError> {
        let sql = "SELECT document FROM flags WHERE lower(key) = lower($1) ORDER BY key <> $1 LIMIT 1";
        let found: Option<(String,)> = self.tx.optional(sql, args![asked.as_str()]).await?;
        let Some((document,)) = found else { return Ok(()) };
        let flag: Flag = parse("flags", asked.as_str(), &document)?;
        let by = match flag.lifecycle {
            Lifecycle::Archived => Taken::Archived,
            Lifecycle::Draft | Lifecycle::Active | Lifecycle::Completed if flag.key == *asked => {
                Taken::Present
            }
            Lifecycle::Draft | Lifecycle::Active | Lifecycle::Completed => Taken::InOtherCase,
        };
        Err(StoreError::AlreadyExists { kind: ObjectKind::Flag, key: flag.key.to_string(), by })
    }

    pub(crate) async fn require_flag(&mut self, key: &FlagKey) -> Result<Versioned<Flag>, StoreError> {
        self.find_flag(key).await?.ok_or_else(|| flag_not_found(key))
    }

    /// Checks and saves the next version; `reverted` names the entry that is undone by it.
    pub(crate) async fn write_flag(
        mut self,
        current: Versioned<Flag>,
        flag: Flag,
        reason: String,
        reverted: Option<u64>,
    ) -> Result<u64, StoreError> {
        refuse(flag.problems())?;
        let Versioned { value: before, version, .. } = current;
        if before == flag {
            self.cancel().await?;
            return Ok(version);
        }
        if before.value_type != flag.value_type && before.lifecycle != Lifecycle::Draft {
            return Err(Invalid::ValueTypeChanged.into());
        }
        check_use(&*self.state().await?, &before, &flag)?;
        let version = version + 1;
        self.put_flag(&flag, version).await?;
        if alters_decisions(&before, &flag) {
            self.bump(Revisions::All).await?;
        }
        let changes = flag_changes(&before, &flag);
        let (action, sentence) = match reverted {
            Some(seq) => (Action::Reverted, format!("reverted change {seq} on {}", flag.name)),
            None => flag_sentence(&before, &flag, &changes),
        };
        let entry = Entry { changes, reason, version: Some(version), ..flag_entry(action, &flag, sentence) };
        self.finish(entry).await?;
        Ok(version)
    }

    /// The row and its version, nothing else.
    pub(crate) async fn put_flag(&mut self, flag: &Flag, version: u64) -> Result<(), StoreError> {
        let document = to_json("flags", flag)?;
        let (key, version) = (flag.key.as_str(), crate::signed(version));
        let (now_ms, seq, author) = (self.now_ms(), self.seq(), self.by().to_owned());
        self.tx
            .execute(
                "UPDATE flags SET document = $1, version = $2, changed_ms = $3, changed_by = $4, audit_seq = $5 \
                 WHERE key = $6",
                args![&document, version, now_ms, &author, seq, key],
            )
            .await?;
        self.add_version("flag", key, "", version, &document).await
    }
}

/// Nothing when there are no problems.
pub(crate) fn refuse(problems: Vec<Problem>) -> Result<(), StoreError> {
    if problems.is_empty() { Ok(()) } else { Err(StoreError::Refused(problems)) }
}

fn flag_entry(action: Action, flag: &Flag, sentence: String) -> Entry {
    Entry::new(action, ObjectRef::new(ObjectKind::Flag, flag.key.as_str()), &flag.name, sentence)
}

fn alters_decisions(before: &Flag, after: &Flag) -> bool {
    let archived = |flag: &Flag| flag.lifecycle == Lifecycle::Archived;
    before.variants != after.variants
        || before.off_variant != after.off_variant
        || archived(before) != archived(after)
}

fn flag_sentence(before: &Flag, after: &Flag, changes: &[Change]) -> (Action, String) {
    let name = &after.name;
    match (before.lifecycle, after.lifecycle) {
        (from, to) if from == to => {
            let sentence = lead(changes, |phrase| {
                let preposition = if phrase.starts_with("changed") { "of" } else { "on" };
                format!("{phrase} {preposition} {name}")
            });
            (Action::FlagChanged, sentence.unwrap_or_else(|| format!("changed {name}")))
        }
        (_, Lifecycle::Archived) => (Action::FlagArchived, format!("archived {name}")),
        (Lifecycle::Archived, _) => (Action::FlagRestored, format!("restored {name}")),
        (_, Lifecycle::Draft) => (Action::FlagChanged, format!("moved {name} back to draft")),
        (_, Lifecycle::Active) => (Action::FlagChanged, format!("made {name} active")),
        (_, Lifecycle::Completed) => (Action::FlagChanged, format!("marked {name} as completed")),
    }
}

/// What the rest of the workspace needs of the flag must still be there afterwards.
fn check_use(state: &State, before: &Flag, after: &Flag) -> Result<(), StoreError> {
    let archives = before.lifecycle != Lifecycle::Archived && after.lifecycle == Lifecycle::Archived;
    let restores = before.lifecycle == Lifecycle::Archived && after.lifecycle != Lifecycle::Archived;
    let missing = |prerequisite: &&Prerequisite| {
        prerequisite.flag == after.key && (archives || after.variant(&prerequisite.variant).is_none())
    };
    let mut by = Vec::new();
    for snapshot in &state.snapshots {
        let environment = snapshot.environment();
        for other in snapshot.flags().filter(|other| !other.is_archived()) {
            if other.rollout().prerequisites.iter().any(|prerequisite| missing(&prerequisite)) {
                by.push(format!("{} in {environment}", other.flag().key));
            }
        }
        let Some(own) = snapshot.flag(after.key.as_str()) else { continue };
        for problem in own.rollout().problems(after, |_| true) {
            if let Problem::UnknownVariant { variant } = problem {
                by.push(format!("its rollout in {environment} (variant {variant})"));
            }
        }
        if restores {
            refuse(crate::rollouts::prerequisite_problems(state, environment, &after.key, own.rollout()))?;
        }
    }
    by.sort();
    by.dedup();
    if by.is_empty() {
        return Ok(());
    }
    Err(StoreError::InUse { kind: ObjectKind::Flag, key: after.key.to_string(), by })
}

//! Pilot groups. A group that a rollout names cannot be deleted; a deleted one keeps its row and its versions.

use std::sync::Arc;

use engine::{Change, EnvironmentKey, FlagKey, Group, GroupKey, Snapshot, group_changes, means_a_place};

use crate::{
    Action, FlagEditor, Invalid, ObjectKind, ObjectRef, Store, StoreError, Taken, Versioned, Viewer,
    change::{Entry, Revisions, Work, lead},
    db::args,
    flags::refuse,
    live::State,
    testers::rows::{self, definition},
    text::reason,
    to_json,
    versioned::{VersionKey, VersionedRow, parse},
};

/// A rollout that names a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupUse {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub flag_name: String,
}

/// A line of the groups page.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRow {
    pub group: Arc<Group>,
    pub version: u64,
    /// When the group, or who is in it, was last changed.
    pub changed_ms: i64,
    pub changed_by: String,
    pub used_by: Vec<GroupUse>,
}

pub(crate) fn group_line(key: &GroupKey) -> VersionKey<'_> {
    VersionKey { kind: "group", key: key.as_str(), environment: "" }
}

impl Store {
    pub async fn find_group(
        &self,
        _by: &Viewer,
        key: &GroupKey,
    ) -> Result<Option<Versioned<Group>>, StoreError> {
        let row: Option<VersionedRow> = self
            .db()
            .optional(
                "SELECT document, version, changed_ms, changed_by, audit_seq FROM groups \
                 WHERE key = $1 AND NOT deleted",
                args![key.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let group: Group = parse("groups", key.as_str(), &row.document)?;
        let enrolments = rows::find(&self.db(), key.as_str()).await?;
        Ok(Some(row.of(Group { enrolments, ..group })))
    }

    /// All groups by name. A row that cannot be read is left out: it is in the log.
    pub async fn list_groups(&self, _by: &Viewer) -> Result<Vec<GroupRow>, StoreError> {
        let mut tx = self.db().begin_read().await?;
        let rows: Vec<VersionedRow> = tx
            .all(
                // Who is in a group changes without its definition: the newest entry about it tells of both.
                "SELECT groups.document, groups.version, \
                 COALESCE(audit.at_ms, groups.changed_ms) AS changed_ms, \
                 COALESCE(audit.actor, groups.changed_by) AS changed_by, groups.audit_seq \
                 FROM groups LEFT JOIN audit ON audit.seq = (\
                     SELECT MAX(entry.seq) FROM audit AS entry \
                     WHERE entry.object_kind = 'group' AND entry.object_key = groups.key) \
                 WHERE NOT groups.deleted",
                args![],
            )
            .await?;
        let mut testers = rows::all(&mut tx, rows::report).await?;
        tx.rollback().await?;
        let state = self.live().state();
        let row = |row: VersionedRow| {
            let group: Group = parse("groups", "", &row.document).ok()?;
            let enrolments = testers.remove(group.key.as_str()).unwrap_or_default();
            let Versioned { value: group, version, changed_ms, changed_by, .. } =
                row.of(Group { enrolments, ..group });
            let used_by = uses(&state, &group.key);
            Some(GroupRow { group: Arc::new(group), version, changed_ms, changed_by, used_by })
        };
        let mut groups: Vec<_> = rows.into_iter().filter_map(row).collect();
        groups.sort_by_cached_key(|row| (row.group.name.to_lowercase(), row.group.key.clone()));
        Ok(groups)
    }

    /// The rollouts that name the group, in the order of the environments, then by flag.
    #[expect(
        clippy::unused_async,
        reason = "every read of the store is awaited; this one happens to be in memory"
    )]
    pub async fn group_use(&self, _by: &Viewer, key: &GroupKey) -> Result<Vec<GroupUse>, StoreError> {
        Ok(uses(&self.live().state(), key))
    }

    pub async fn create_group(
        &self,
        by: &FlagEditor,
        group: Group,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        refuse(group.problems())?;
        if means_a_place(group.key.as_str()) {
            return Err(Invalid::KeyMeansAPlace(group.key.to_string()).into());
        }
        let mut work = self.begin(by).await?;
        work.require_free_group_key(&group.key).await?;
        work.put_group(&group, 1, false).await?;
        work.put_testers(&group).await?;
        let sentence = format!("created the group {}", group.name);
        let entry = Entry { reason, version: Some(1), ..group_entry(Action::GroupCreated, &group, sentence) };
        work.finish(entry).await?;
        Ok(1)
    }

    /// Changes what the group is. Who is in it stays: testers come and go by [`Store::enrol`] and its siblings.
    pub async fn update_group(
        &self,
        by: &FlagEditor,
        expected: u64,
        group: Group,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let current = work.require_group(&group.key).await?;
        work.check_version(group_line(&group.key), expected, &current, definition_changes).await?;
        let group = Group { enrolments: current.value.enrolments.clone(), ..group };
        work.write_group(current, group, reason, Action::GroupChanged).await
    }

    /// Refuses while a rollout names the group.
    pub async fn delete_group(
        &self,
        by: &FlagEditor,
        expected: u64,
        key: &GroupKey,
        comment: &str,
    ) -> Result<(), StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let current = work.require_group(key).await?;
        work.check_version(group_line(key), expected, &current, definition_changes).await?;
        let used_by = uses(&*work.state().await?, key);
        if !used_by.is_empty() {
            let by = used_by.iter().map(|used| format!("{} in {}", used.flag, used.environment)).collect();
            return Err(StoreError::InUse { kind: ObjectKind::Group, key: key.to_string(), by });
        }
        let (group, version) = (current.value, current.version + 1);
        work.put_group(&group, version, true).await?;
        let sentence = format!("deleted the group {}", group.name);
        let entry =
            Entry { reason, version: Some(version), ..group_entry(Action::GroupDeleted, &group, sentence) };
        work.finish(entry).await?;
        Ok(())
    }
}

impl Work<'_> {
    /// Changes are made one after the other: nobody takes the key in between.
    async fn require_free_group_key(&mut self, asked: &GroupKey) -> Result<(), StoreError> {
        let sql = "SELECT key, deleted, audit_seq FROM groups WHERE lower(key) = lower($1) \
                   ORDER BY key <> $1 LIMIT 1";
        let found: Option<(String, bool, i64)> = self.tx.optional(sql, args![asked.as_str()]).await?;
        let Some((key, deleted, seq)) = found else { return Ok(()) };
        let by = match deleted {
            true => Taken::Deleted { seq: crate::number(seq) },
            false if key == asked.as_str() => Taken::Present,
            false => Taken::InOtherCase,
        };
        Err(StoreError::AlreadyExists { kind: ObjectKind::Group, key, by })
    }

    pub(crate) async fn require_group(&mut self, key: &GroupKey) -> Result<Versioned<Group>, StoreError> {
        let sql = "SELECT document, version, changed_ms, changed_by, audit_seq FROM groups \
                   WHERE key = $1 AND NOT deleted";
        let row: Option<VersionedRow> = self.tx.optional(sql, args![key.as_str()]).await?;
        let missing = || StoreError::NotFound { kind: ObjectKind::Group, key: key.to_string() };
        let row = row.ok_or_else(missing)?;
        let group = self.with_testers(key, &row.document).await?;
        Ok(row.of(group))
    }

    /// The group of a document with those who are in it now.
    async fn with_testers(&mut self, key: &GroupKey, document: &str) -> Result<Group, StoreError> {
        let group: Group = parse("groups", key.as_str(), document)?;
        let enrolments = rows::of_group(&mut self.tx, key.as_str(), || rows::report(key.as_str())).await?;
        Ok(Group { enrolments, ..group })
    }

    pub(crate) async fn write_group(
        mut self,
        current: Versioned<Group>,
        group: Group,
        reason: String,
        action: Action,
    ) -> Result<u64, StoreError> {
        refuse(group.problems())?;
        let Versioned { value: before, version, .. } = current;
        if before == group {
            self.cancel().await?;
            return Ok(version);
        }
        let redefined = definition(&before) != definition(&group);
        let version = if redefined { version + 1 } else { version };
        if redefined {
            self.put_group(&group, version, false).await?;
        }
        self.put_testers(&group).await?;
        if before.condition != group.condition || before.enrolments != group.enrolments {
            self.bump(Revisions::All).await?;
        }
        let changes = group_changes(&before, &group);
        let sentence = lead(&changes, |phrase| group_sentence(phrase, &group.name));
        let sentence = sentence.unwrap_or_else(|| format!("changed {}", group.name));
        let written = redefined.then_some(version);
        let entry = Entry { changes, reason, version: written, ..group_entry(action, &group, sentence) };
        self.finish(entry).await?;
        Ok(version)
    }

    async fn put_group(&mut self, group: &Group, version: u64, deleted: bool) -> Result<(), StoreError> {
        let document = to_json("groups", &definition(group))?;
        let (key, version) = (group.key.as_str(), crate::signed(version));
        let (now_ms, seq, author) = (self.now_ms(), self.seq(), self.by().to_owned());
        self.tx
            .execute(
                "INSERT INTO groups (key, document, deleted, version, changed_ms, changed_by, audit_seq) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) \
                 ON CONFLICT (key) DO UPDATE SET document = excluded.document, deleted = excluded.deleted, \
                 version = excluded.version, changed_ms = excluded.changed_ms, changed_by = excluded.changed_by, \
                 audit_seq = excluded.audit_seq",
                args![key, &document, deleted, version, now_ms, &author, seq],
            )
            .await?;
        self.add_version("group", key, "", version, &document).await
    }

    /// The testers whom the entry `seq` changed, as they were before it.
    pub(crate) async fn revert_testers(
        mut self,
        key: &GroupKey,
        seq: u64,
        reason: String,
    ) -> Result<u64, StoreError> {
        let current = self.require_group(key).await?;
        let enrolments = self.testers_before(&current.value, crate::signed(seq)).await?;
        let group = Group { enrolments, ..current.value.clone() };
        self.write_group(current, group, reason, Action::Reverted).await
    }

    /// The group before the entry `seq`, made the next version; a deleted group comes back.
    pub(crate) async fn revert_group(
        mut self,
        key: &GroupKey,
        (seq, version): (u64, u64),
        reason: String,
    ) -> Result<u64, StoreError> {
        let document = group_line(key).document(&mut self.tx, crate::signed(version) - 1).await?;
        let reverted: Group = parse("versions", key.as_str(), &document.ok_or(Invalid::NotRevertible)?)?;
        let (deleted, document, current): (bool, String, i64) = self
            .tx
            .optional("SELECT deleted, document, version FROM groups WHERE key = $1", args![key.as_str()])
            .await?
            .ok_or_else(|| StoreError::NotFound { kind: ObjectKind::Group, key: key.to_string() })?;
        let before = self.with_testers(key, &document).await?;
        let group = Group { enrolments: before.enrolments.clone(), ..reverted };
        refuse(group.problems())?;
        if !deleted && before == group {
            self.cancel().await?;
            return Ok(crate::number(current));
        }
        let version = crate::number(current) + 1;
        self.put_group(&group, version, false).await?;
        self.put_testers(&group).await?;
        self.bump(Revisions::All).await?;
        let sentence = format!("reverted change {seq} of the group {}", group.name);
        let changes = group_changes(&before, &group);
        let entry = Entry {
            changes,
            reason,
            version: Some(version),
            ..group_entry(Action::Reverted, &group, sentence)
        };
        self.finish(entry).await?;
        Ok(version)
    }
}

/// What others changed of the group itself: testers do not conflict.
fn definition_changes(read: &Group, now: &Group) -> Vec<Change> {
    group_changes(&definition(read), &definition(now))
}

fn group_entry(action: Action, group: &Group, sentence: String) -> Entry {
    Entry::new(action, ObjectRef::new(ObjectKind::Group, group.key.as_str()), &group.name, sentence)
}

fn group_sentence(phrase: &str, name: &str) -> String {
    let preposition = match phrase.split(' ').next() {
        Some("added") => "to",
        Some("removed") => "from",
        Some("changed") if phrase.contains("enrolment") => "in",
        Some(_) | None => "of",
    };
    format!("{phrase} {preposition} {name}")
}

fn uses(state: &State, key: &GroupKey) -> Vec<GroupUse> {
    state.snapshots.iter().flat_map(|snapshot| uses_in(snapshot, key)).collect()
}

fn uses_in(snapshot: &Snapshot, key: &GroupKey) -> Vec<GroupUse> {
    let naming = snapshot.flags().filter(|flag| flag.rollout().groups().any(|group| group == key));
    let mut uses: Vec<_> = naming
        .map(|flag| GroupUse {
            environment: snapshot.environment().clone(),
            flag: flag.flag().key.clone(),
            flag_name: flag.flag().name.clone(),
        })
        .collect();
    uses.sort_by(|a, b| a.flag.cmp(&b.flag));
    uses
}

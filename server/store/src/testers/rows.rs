//! Testers as they are stored: a row each, with versions of its own, beside the definition of their group, whose document
//! names none of them.

use std::collections::HashMap;

use engine::{Enrolment, Group, GroupKey, SubjectKey};

use crate::{
    StoreError,
    change::{VersionLine, Work},
    db::{Arg, Db, Tx, args},
    to_json,
    versioned::parse,
};

/// The kind of a tester's lines in `versions`; their key is [`line_key`].
pub(crate) const KIND: &str = "enrolment";
/// The document of somebody who is not in the group any more.
const LEFT: &str = "null";
/// Testers are in the order in which they came: the sequence of the change, then the place in its list, which is longer in
/// no group (`ENROLMENTS_MAX`).
const PLACES: i64 = 20_000;

/// Group keys have no slash, so the first one ends the group.
pub(crate) fn line_key(group: &GroupKey, subject: &str) -> String {
    format!("{group}/{subject}")
}

pub(crate) fn of_line_key(key: &str) -> Option<(&str, &str)> {
    key.split_once('/')
}

/// The document of a group: what it is, without who is in it.
pub(crate) fn definition(group: &Group) -> Group {
    Group { enrolments: Vec::new(), ..group.clone() }
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    group_key: String,
    document: String,
}

/// Testers by the key of their group, in their order.
pub(crate) type Rosters = HashMap<String, Vec<Enrolment>>;

fn rosters(rows: Vec<Row>, mut unreadable: impl FnMut(&str)) -> Rosters {
    let mut rosters = Rosters::new();
    for Row { group_key, document } in rows {
        match serde_json::from_str(&document) {
            Ok(enrolment) => rosters.entry(group_key).or_default().push(enrolment),
            Err(_) => unreadable(&group_key),
        }
    }
    rosters
}

const ALL: &str =
    "SELECT group_key, document FROM enrolments WHERE document <> 'null' ORDER BY group_key, place";
const OF_GROUP: &str = "SELECT group_key, document FROM enrolments \
                        WHERE group_key = $1 AND document <> 'null' ORDER BY place";

/// Everybody who is enrolled anywhere; `unreadable` is told the group of a row that cannot be read.
pub(crate) async fn all(tx: &mut Tx, unreadable: impl FnMut(&str)) -> Result<Rosters, StoreError> {
    Ok(rosters(tx.all(ALL, args![]).await?, unreadable))
}

/// Who is in one group.
pub(crate) async fn of_group(
    tx: &mut Tx,
    key: &str,
    mut unreadable: impl FnMut(),
) -> Result<Vec<Enrolment>, StoreError> {
    let mut rosters = rosters(tx.all(OF_GROUP, args![key]).await?, |_| unreadable());
    Ok(rosters.remove(key).unwrap_or_default())
}

/// The groups in which somebody changed after the entry `since`.
pub(crate) async fn changed_since(tx: &mut Tx, since: i64) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT group_key FROM enrolments WHERE audit_seq > $1";
    let rows: Vec<(String,)> = tx.all(sql, args![since]).await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// A tester's row, also of somebody who left.
#[derive(sqlx_macros::FromRow)]
struct Kept {
    subject: String,
    document: String,
    version: i64,
    place: i64,
}

/// A row as it is to be.
struct Written {
    subject: String,
    document: String,
    version: i64,
    place: i64,
}

impl Work<'_> {
    /// Makes `group`'s testers those of the rows, one version for each that differs. Returns how many did.
    pub(crate) async fn put_testers(&mut self, group: &Group) -> Result<usize, StoreError> {
        let sql = "SELECT subject, document, version, place FROM enrolments WHERE group_key = $1";
        let kept: Vec<Kept> = self.tx.all(sql, args![group.key.as_str()]).await?;
        let written = differing(kept, group, self.seq().saturating_mul(PLACES))?;
        if written.is_empty() {
            return Ok(0);
        }
        let line = |it: &Written| (it.subject.clone(), it.document.clone(), it.version, it.place);
        let rows = to_json("enrolments", &written.iter().map(line).collect::<Vec<_>>())?;
        let (now_ms, seq) = (self.now_ms(), self.seq());
        let args: &[Arg<'_>] = args![&rows, group.key.as_str(), now_ms, seq];
        let sql = match &self.tx {
            Tx::Sqlite(_) => UPSERT_SQLITE,
            Tx::Pg(_) => UPSERT_PG,
        };
        self.tx.execute(sql, args).await?;
        let count = written.len();
        let lines = written.into_iter().map(|it| VersionLine {
            key: line_key(&group.key, &it.subject),
            version: it.version,
            document: it.document,
        });
        self.add_versions(KIND, lines.collect()).await?;
        Ok(count)
    }

    /// Who was in the group before the entry `seq` changed some of its testers, with what they were; the others as they
    /// are now.
    pub(crate) async fn testers_before(
        &mut self,
        group: &Group,
        seq: i64,
    ) -> Result<Vec<Enrolment>, StoreError> {
        let sql = "SELECT changed.object_key, earlier.document FROM versions AS changed \
                   LEFT JOIN versions AS earlier ON earlier.object_kind = changed.object_kind \
                   AND earlier.object_key = changed.object_key AND earlier.environment = changed.environment \
                   AND earlier.version = changed.version - 1 \
                   WHERE changed.object_kind = 'enrolment' AND changed.audit_seq = $1 ORDER BY changed.object_key";
        let rows: Vec<(String, Option<String>)> = self.tx.all(sql, args![seq]).await?;
        let mut testers = group.enrolments.clone();
        let places: HashMap<SubjectKey, usize> =
            testers.iter().enumerate().map(|(at, it)| (it.subject.clone(), at)).collect();
        let mut leaving = Vec::new();
        for (key, document) in rows {
            let Some((_, subject)) = of_line_key(&key) else { continue };
            let before: Option<Enrolment> = match &document {
                Some(document) => parse("versions", &key, document)?,
                None => None,
            };
            match (places.get(subject), before) {
                (Some(at), Some(before)) => testers[*at] = before,
                (Some(at), None) => leaving.push(*at),
                (None, Some(before)) => testers.push(before),
                (None, None) => {}
            }
        }
        leaving.sort_unstable();
        for at in leaving.into_iter().rev() {
            testers.remove(at);
        }
        Ok(testers)
    }
}

/// The rows that are not yet as `group` wants them. Who is enrolled anew goes to the end.
fn differing(kept: Vec<Kept>, group: &Group, first_place: i64) -> Result<Vec<Written>, StoreError> {
    let mut kept: HashMap<String, Kept> = kept.into_iter().map(|it| (it.subject.clone(), it)).collect();
    let mut written = Vec::new();
    for (at, enrolment) in (0_i64..).zip(&group.enrolments) {
        let document = to_json("enrolments", enrolment)?;
        let (subject, new_place) = (enrolment.subject.to_string(), first_place.saturating_add(at));
        let Some(row) = kept.remove(&subject) else {
            written.push(Written { subject, document, version: 1, place: new_place });
            continue;
        };
        if row.document == document {
            continue;
        }
        let was = serde_json::from_str::<Option<Enrolment>>(&row.document).ok().flatten();
        let stays = was.is_some_and(|was| was.at_ms == enrolment.at_ms);
        let place = if stays { row.place } else { new_place };
        written.push(Written { subject, document, version: row.version + 1, place });
    }
    let left = kept.into_values().filter(|row| row.document != LEFT);
    let mut left: Vec<_> = left
        .map(|row| Written { document: LEFT.to_owned(), version: row.version + 1, ..row.into() })
        .collect();
    left.sort_unstable_by(|a, b| a.subject.cmp(&b.subject));
    written.append(&mut left);
    Ok(written)
}

impl From<Kept> for Written {
    fn from(row: Kept) -> Self {
        Self { subject: row.subject, document: row.document, version: row.version, place: row.place }
    }
}

/// One bound JSON text, an array of arrays, has no limit on the number of parameters.
const UPSERT_SQLITE: &str = "INSERT INTO enrolments \
     (group_key, subject, document, version, place, changed_ms, audit_seq) \
     SELECT $2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, $3, $4 FROM json_each($1) WHERE true \
     ON CONFLICT (group_key, subject) DO UPDATE SET document = excluded.document, version = excluded.version, \
     place = excluded.place, changed_ms = excluded.changed_ms, audit_seq = excluded.audit_seq";
const UPSERT_PG: &str = "INSERT INTO enrolments \
     (group_key, subject, document, version, place, changed_ms, audit_seq) \
     SELECT $2, line ->> 0, line ->> 1, (line ->> 2)::BIGINT, (line ->> 3)::BIGINT, $3, $4 \
     FROM json_array_elements($1::json) AS line \
     ON CONFLICT (group_key, subject) DO UPDATE SET document = excluded.document, version = excluded.version, \
     place = excluded.place, changed_ms = excluded.changed_ms, audit_seq = excluded.audit_seq";

/// The testers of one group, outside a change.
pub(crate) async fn find(db: &Db, key: &str) -> Result<Vec<Enrolment>, StoreError> {
    let mut rosters = rosters(db.all(OF_GROUP, args![key]).await?, report);
    Ok(rosters.remove(key).unwrap_or_default())
}

pub(crate) fn report(key: &str) {
    tracing::error!(table = "enrolments", group = key, "this row cannot be read and is left out");
}

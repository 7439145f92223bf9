//! When somebody was in which group by name: read from what was kept of each moment, so that a change of today says
//! nothing about yesterday.

use std::collections::BTreeMap;

use engine::{Enrolment, Group, GroupKey, SubjectKey};

use crate::{PeopleReader, Store, StoreError, db::args, limits::STAYS_READ_MAX, versioned::parse};

/// A stretch of time in which an enrolment counted, counts or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    pub group: GroupKey,
    /// What the group is called, or was last.
    pub group_name: String,
    /// Epoch ms, inclusive. `None`: nobody wrote down when it began.
    pub from_ms: Option<i64>,
    /// Epoch ms, exclusive; may lie ahead. `None`: without end.
    pub until_ms: Option<i64>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    group_key: String,
    document: String,
    at_ms: i64,
    deleted: bool,
}

/// What holds from a moment on, until the next. `None`: nothing.
#[derive(Debug)]
struct Since<T> {
    at_ms: i64,
    what: Option<T>,
}

/// The past of one group, as far as it is about one subject.
#[derive(Debug, Default)]
struct Past {
    name: String,
    enrolments: Vec<Since<Enrolment>>,
    group: Vec<Since<()>>,
}

/// Epoch ms; the end is exclusive.
type Stretch = (i64, i64);
const ALWAYS: Stretch = (i64::MIN, i64::MAX);

impl Store {
    /// When the subject was, is or will be in which group by name: the groups in the order of their keys, the stays in that
    /// of time. Of very long histories the newest part.
    pub async fn stays_of(&self, _by: &PeopleReader, subject: &SubjectKey) -> Result<Vec<Stay>, StoreError> {
        let mut tx = self.db().begin_read().await?;
        let enrolments: Vec<Row> = tx.all(ENROLMENTS, args![subject.as_str(), STAYS_READ_MAX]).await?;
        let groups: Vec<Row> = tx.all(GROUPS, args![subject.as_str(), STAYS_READ_MAX]).await?;
        tx.rollback().await?;
        let mut pasts: BTreeMap<GroupKey, Past> = BTreeMap::new();
        for row in groups.into_iter().rev() {
            let group: Group = parse("versions", &row.group_key, &row.document)?;
            let past = pasts.entry(group.key).or_default();
            past.name = group.name;
            past.group.push(Since { at_ms: row.at_ms, what: (!row.deleted).then_some(()) });
        }
        for row in enrolments.into_iter().rev() {
            let corrupt = |_| StoreError::CorruptRow { table: "enrolments", id: row.group_key.clone() };
            let past = pasts.entry(GroupKey::parse(&row.group_key).map_err(corrupt)?).or_default();
            let what: Option<Enrolment> = parse("versions", &row.group_key, &row.document)?;
            // A row may be younger than the enrolment that was written into it first.
            let said_ms = what.as_ref().and_then(|it| it.at_ms).filter(|_| past.enrolments.is_empty());
            let at_ms = said_ms.map_or(row.at_ms, |said| said.min(row.at_ms));
            past.enrolments.push(Since { at_ms, what });
        }
        self.add_embedded(subject, &mut pasts);
        Ok(pasts.into_iter().flat_map(|(key, past)| past.stays(&key)).collect())
    }

    /// Testers of a group that was saved last when they were part of its document have no rows yet.
    fn add_embedded(&self, subject: &SubjectKey, pasts: &mut BTreeMap<GroupKey, Past>) {
        let state = self.live().state();
        for group in state.snapshots.first().into_iter().flat_map(|snapshot| snapshot.groups()) {
            let found = group.group().enrolments.iter().find(|it| it.subject == *subject);
            let Some(enrolment) = found.filter(|_| !pasts.contains_key(group.key())) else { continue };
            let at_ms = enrolment.at_ms.unwrap_or(i64::MIN);
            let enrolments = vec![Since { at_ms, what: Some(enrolment.clone()) }];
            let past = Past { name: group.name().to_owned(), enrolments, group: Vec::new() };
            pasts.insert(group.key().clone(), past);
        }
    }
}

impl Past {
    fn stays(&self, key: &GroupKey) -> Vec<Stay> {
        let there = stretches(&self.group, |()| ALWAYS);
        // A group of before its versions are kept was there.
        let there = if self.group.is_empty() { vec![ALWAYS] } else { there };
        let enrolled = stretches(&self.enrolments, |enrolment| {
            (enrolment.from_ms.unwrap_or(i64::MIN), enrolment.until_ms.unwrap_or(i64::MAX))
        });
        let both = enrolled
            .iter()
            .flat_map(|(from, until)| there.iter().map(|(since, gone)| (*from.max(since), *until.min(gone))));
        both.filter(|(from, until)| from < until)
            .map(|(from, until)| Stay {
                group: key.clone(),
                group_name: self.name.clone(),
                from_ms: Some(from).filter(|ms| *ms != i64::MIN),
                until_ms: Some(until).filter(|ms| *ms != i64::MAX),
            })
            .collect()
    }
}

/// When there was something, told by what was kept in the order of time; what goes on without a gap is one stretch.
/// `window` is what the thing itself says of when it holds.
fn stretches<T>(kept: &[Since<T>], window: impl Fn(&T) -> Stretch) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (at, since) in kept.iter().enumerate() {
        let Some(what) = &since.what else { continue };
        let next_ms = kept.get(at + 1).map_or(i64::MAX, |next| next.at_ms);
        let (begins, ends) = window(what);
        let (from, until) = (begins.max(since.at_ms), ends.min(next_ms));
        match stretches.last_mut() {
            _ if from >= until => {}
            Some((_, before)) if *before == from => *before = until,
            Some(_) | None => stretches.push((from, until)),
        }
    }
    stretches
}

const ENROLMENTS: &str = "SELECT enrolments.group_key, versions.document, versions.at_ms, FALSE AS deleted \
     FROM enrolments JOIN versions ON versions.object_kind = 'enrolment' \
     AND versions.object_key = enrolments.group_key || '/' || enrolments.subject AND versions.environment = '' \
     WHERE enrolments.subject = $1 ORDER BY versions.audit_seq DESC LIMIT $2";
/// The last version of a deleted group is the one that its deletion made.
const GROUPS: &str = "SELECT enrolments.group_key, versions.document, versions.at_ms, \
     audit.action = 'group_deleted' AS deleted \
     FROM enrolments JOIN versions ON versions.object_kind = 'group' \
     AND versions.object_key = enrolments.group_key AND versions.environment = '' \
     JOIN audit ON audit.seq = versions.audit_seq \
     WHERE enrolments.subject = $1 ORDER BY versions.audit_seq DESC LIMIT $2";

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(at_ms: i64, what: Option<Stretch>) -> Since<Stretch> {
        Since { at_ms, what }
    }

    fn of(kept: &[Since<Stretch>]) -> Vec<Stretch> {
        stretches(kept, |window| *window)
    }

    #[test]
    fn what_goes_on_is_one_stretch_and_what_ended_is_over() {
        assert_eq!(of(&[kept(10, Some(ALWAYS))]), [(10, i64::MAX)]);
        assert_eq!(of(&[kept(10, Some(ALWAYS)), kept(20, Some((0, 50)))]), [(10, 50)], "an end was set");
        assert_eq!(of(&[kept(10, Some(ALWAYS)), kept(20, None)]), [(10, 20)]);
        assert_eq!(of(&[kept(10, Some((0, 15))), kept(20, Some(ALWAYS))]), [(10, 15), (20, i64::MAX)]);
        assert_eq!(of(&[kept(10, Some((30, 40))), kept(20, None)]), [], "taken out before it began");
    }
}

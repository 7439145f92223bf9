//! Testers of pilot groups: enrolling with a dry run, extending, removing, excluding. Each operation works on the
//! newest version under the lock, so two people who enrol at once do not conflict.

mod find;
mod invitations;
mod list;
mod past;
mod report;
pub(crate) mod rows;

use std::collections::HashSet;

use engine::{Enrolment, EnvironmentKey, FlagKey, Group, GroupKey, SubjectKey};

pub use invitations::{
    Acceptance, InvitationState, NewTesterInvitation, TesterInvitation, TesterInvitationId,
};
pub use list::{EnrolmentLine, EnrolmentList, MalformedLine, RawLine, ReadColumns};
pub use past::Stay;
pub use report::{CheckedLine, EnrolmentChoice, EnrolmentReport, ExcludedFrom, TesterStanding};

use crate::{
    Action, Enroller, Invalid, PeopleReader, Store, StoreError,
    db::{Db, args},
    number,
    text::reason,
    to_json,
};

/// What came of enrolling a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolled {
    /// Those of the report whom the choice takes are in.
    Done(EnrolmentReport),
    /// Nothing was written: this is not the report that the caller has seen.
    Changed(EnrolmentReport),
}

/// A group that somebody is enrolled in, and what keeps the enrolment from counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TesterIn {
    pub group: GroupKey,
    pub group_name: String,
    pub enrolment: Enrolment,
    pub excluded_from: Vec<ExcludedFrom>,
}

impl Store {
    /// What enrolling the list would do now.
    #[expect(
        clippy::unused_async,
        reason = "every read of the store is awaited; this one happens to be in memory"
    )]
    pub async fn check_enrolments(
        &self,
        _by: &Enroller,
        group: &Group,
        list: &EnrolmentList,
    ) -> Result<EnrolmentReport, StoreError> {
        Ok(EnrolmentReport::of(list, group, &self.live().state(), self.clock().now_ms()))
    }

    /// Enrols whom `choice` takes of the list. With `seen`, the fingerprint of a dry run, only when nothing has
    /// happened since that would give another report.
    pub async fn enrol(
        &self,
        by: &Enroller,
        key: &GroupKey,
        list: &EnrolmentList,
        choice: EnrolmentChoice,
        seen: Option<&str>,
        comment: &str,
    ) -> Result<Enrolled, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let current = work.require_group(key).await?;
        let (state, now_ms) = (work.state().await?, work.now_ms());
        let report = EnrolmentReport::of(list, &current.value, &state, now_ms);
        if seen.is_some_and(|seen| seen != report.fingerprint()) {
            work.cancel().await?;
            return Ok(Enrolled::Changed(report));
        }
        let fresh: Vec<_> = report
            .enrolled(choice)
            .map(|it| Enrolment {
                subject: it.line.subject.clone(),
                purpose: it.line.purpose.clone(),
                from_ms: it.line.from_ms,
                until_ms: it.line.until_ms,
                by: work.by().to_owned(),
                at_ms: Some(now_ms),
            })
            .collect();
        let group = with_enrolments(&current.value, fresh);
        work.write_group(current, group, reason, Action::EnrolmentsChanged).await?;
        Ok(Enrolled::Done(report))
    }

    /// Takes testers out of the group; those who are not in it do not matter. Returns how many were in.
    pub async fn remove_testers(
        &self,
        by: &Enroller,
        key: &GroupKey,
        subjects: &[SubjectKey],
        comment: &str,
    ) -> Result<usize, StoreError> {
        let leaving: HashSet<_> = subjects.iter().collect();
        let stays = |it: &Enrolment| !leaving.contains(&it.subject);
        self.change_testers(by, key, comment, |enrolments| enrolments.retain(stays)).await
    }

    /// Gives testers another end, `None` for no end. Returns how many of them are in the group.
    pub async fn extend_testers(
        &self,
        by: &Enroller,
        key: &GroupKey,
        subjects: &[SubjectKey],
        until_ms: Option<i64>,
        comment: &str,
    ) -> Result<usize, StoreError> {
        if until_ms.is_some_and(|until| until <= self.clock().now_ms()) {
            return Err(Invalid::EndHasPassed.into());
        }
        let chosen: HashSet<_> = subjects.iter().collect();
        self.change_testers(by, key, comment, |enrolments| {
            for enrolment in enrolments.iter_mut().filter(|it| chosen.contains(&it.subject)) {
                enrolment.until_ms = until_ms;
            }
        })
        .await
    }

    async fn change_testers(
        &self,
        by: &Enroller,
        key: &GroupKey,
        comment: &str,
        change: impl FnOnce(&mut Vec<Enrolment>),
    ) -> Result<usize, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let current = work.require_group(key).await?;
        let mut group = current.value.clone();
        change(&mut group.enrolments);
        let changed = if group.enrolments.len() == current.value.enrolments.len() {
            group.enrolments.iter().zip(&current.value.enrolments).filter(|(is, was)| is != was).count()
        } else {
            current.value.enrolments.len() - group.enrolments.len()
        };
        work.write_group(current, group, reason, Action::EnrolmentsChanged).await?;
        Ok(changed)
    }

    /// Keeps one subject from one flag, whatever they are enrolled in. The reason stands in the audit log.
    pub async fn exclude_tester(
        &self,
        by: &Enroller,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        subject: &SubjectKey,
        why: &str,
    ) -> Result<u64, StoreError> {
        self.set_excluded(by, environment, flag, subject, true, why).await
    }

    /// Takes such an exclusion back. Who is excluded through a group stays excluded.
    pub async fn readmit_tester(
        &self,
        by: &Enroller,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        subject: &SubjectKey,
        why: &str,
    ) -> Result<u64, StoreError> {
        self.set_excluded(by, environment, flag, subject, false, why).await
    }

    async fn set_excluded(
        &self,
        by: &Enroller,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        subject: &SubjectKey,
        excluded: bool,
        why: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(why)?;
        if reason.is_empty() {
            return Err(Invalid::ReasonMissing.into());
        }
        let mut work = self.begin(by).await?;
        let target = work.rollout_target(environment, flag).await?;
        let mut rollout = target.rollout.value.clone();
        rollout.exclusions.subjects.retain(|it| it != subject);
        if excluded {
            rollout.exclusions.subjects.push(subject.clone());
        }
        work.write_rollout(target, rollout, reason, None).await
    }

    /// From which rollouts with a rule for the group these subjects are excluded; those who are from none are left
    /// out.
    #[expect(
        clippy::unused_async,
        reason = "every read of the store is awaited; this one happens to be in memory"
    )]
    pub async fn excluded_testers(
        &self,
        _by: &PeopleReader,
        group: &GroupKey,
        subjects: &[SubjectKey],
    ) -> Result<Vec<(SubjectKey, Vec<ExcludedFrom>)>, StoreError> {
        let (state, now_ms) = (self.live().state(), self.clock().now_ms());
        let users = report::using(&state, group);
        let found = subjects
            .iter()
            .map(|subject| (subject.clone(), report::excluded_from(&users, &state, subject, now_ms)));
        Ok(found.filter(|(_, excluded)| !excluded.is_empty()).collect())
    }

    /// How much feedback each of these subjects left, those who left none left out.
    pub async fn feedback_counts(
        &self,
        _by: &PeopleReader,
        environment: &EnvironmentKey,
        subjects: &[SubjectKey],
    ) -> Result<Vec<(SubjectKey, u64)>, StoreError> {
        let subjects = to_json("feedback", &subjects)?;
        let sql = match &*self.db() {
            Db::Sqlite { .. } => {
                "SELECT subject, COUNT(*) FROM feedback \
                 WHERE environment = $1 AND subject IN (SELECT value FROM json_each($2)) GROUP BY subject"
            }
            Db::Pg(_) => {
                "SELECT subject, COUNT(*) FROM feedback \
                 WHERE environment = $1 AND subject = ANY (ARRAY(SELECT json_array_elements_text($2::json))) \
                 GROUP BY subject"
            }
        };
        let rows: Vec<(String, i64)> = self.db().all(sql, args![environment.as_str(), &subjects]).await?;
        let parse = |(subject, count): (String, i64)| match SubjectKey::parse(&subject) {
            Ok(key) => Ok((key, number(count))),
            Err(_) => Err(StoreError::CorruptRow { table: "feedback", id: subject }),
        };
        rows.into_iter().map(parse).collect()
    }

    /// Every group that the subject is enrolled in, by name, whether the enrolment counts now or not.
    pub async fn pilots_of(
        &self,
        by: &PeopleReader,
        subject: &SubjectKey,
    ) -> Result<Vec<TesterIn>, StoreError> {
        let (state, now_ms) = (self.live().state(), self.clock().now_ms());
        let groups = self.list_groups(&by.viewer()).await?;
        let enrolled = groups.into_iter().filter_map(|row| {
            let enrolment = row.group.enrolments.iter().find(|it| it.subject == *subject)?.clone();
            let users = report::using(&state, &row.group.key);
            Some(TesterIn {
                group: row.group.key.clone(),
                group_name: row.group.name.clone(),
                enrolment,
                excluded_from: report::excluded_from(&users, &state, subject, now_ms),
            })
        });
        Ok(enrolled.collect())
    }
}

/// The group with these enrolments, each in place of an older one of its subject.
fn with_enrolments(group: &Group, fresh: Vec<Enrolment>) -> Group {
    let renewed: HashSet<_> = fresh.iter().map(|it| &it.subject).collect();
    let kept = group.enrolments.iter().filter(|it| !renewed.contains(&it.subject)).cloned();
    let enrolments = kept.collect::<Vec<_>>().into_iter().chain(fresh.iter().cloned()).collect();
    Group { enrolments, ..group.clone() }
}

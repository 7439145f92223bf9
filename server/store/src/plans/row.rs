//! The row of a plan.

use engine::EnvironmentKey;

use super::ReleasePlan;
use crate::{
    StoreError, UserId, audit::plan_document, change::Work, db::args, number, signed, to_json,
    versioned::parse,
};

macro_rules! plans {
    ($rest:literal) => {
        concat!(
            "SELECT document, state, version, changed_ms, changed_by, proposed_by, proposed_by_name, moved_by \
             FROM plans ",
            $rest
        )
    };
}

pub(super) const ONE: &str = plans!("WHERE environment = $1 AND flag = $2");

#[derive(Debug, sqlx_macros::FromRow)]
pub(crate) struct PlanRow {
    pub(crate) document: String,
    pub(crate) state: String,
    pub(crate) version: i64,
    pub(crate) changed_ms: i64,
    pub(crate) changed_by: String,
    pub(crate) proposed_by: i64,
    pub(crate) proposed_by_name: String,
    pub(crate) moved_by: String,
}

impl PlanRow {
    pub(crate) fn parse(self, id: &str) -> Result<ReleasePlan, StoreError> {
        Ok(ReleasePlan {
            plan: parse("plans", id, &self.document)?,
            state: parse("plans", id, &self.state)?,
            version: number(self.version),
            changed_ms: self.changed_ms,
            changed_by: self.changed_by,
            proposed_by: UserId::new(self.proposed_by),
            proposed_by_name: self.proposed_by_name,
            moved_by: parse("plans", id, &self.moved_by)?,
        })
    }
}

impl Work<'_> {
    /// Writes the plan as its next version.
    pub(super) async fn put_plan(
        &mut self,
        environment: &EnvironmentKey,
        flag: &str,
        release: ReleasePlan,
    ) -> Result<ReleasePlan, StoreError> {
        let release = ReleasePlan {
            version: release.version + 1,
            changed_ms: self.now_ms(),
            changed_by: self.by().to_owned(),
            ..release
        };
        let (document, state) = (to_json("plans", &release.plan)?, to_json("plans", &release.state)?);
        let moved_by = to_json("plans", &release.moved_by)?;
        let seq = self.seq();
        let kept = plan_document(&document, &state, release.proposed_by.get(), &moved_by)?;
        self.add_version("plan", flag, environment.as_str(), signed(release.version), &kept).await?;
        self.tx
            .execute(
                "INSERT INTO plans (environment, flag, document, state, version, changed_ms, changed_by, \
                 proposed_by, proposed_by_name, moved_by, audit_seq) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                 ON CONFLICT (environment, flag) DO UPDATE SET document = excluded.document, \
                 state = excluded.state, version = excluded.version, changed_ms = excluded.changed_ms, \
                 changed_by = excluded.changed_by, proposed_by = excluded.proposed_by, \
                 proposed_by_name = excluded.proposed_by_name, moved_by = excluded.moved_by, \
                 audit_seq = excluded.audit_seq",
                args![
                    environment.as_str(),
                    flag,
                    &document,
                    &state,
                    signed(release.version),
                    release.changed_ms,
                    &release.changed_by,
                    release.proposed_by.get(),
                    &release.proposed_by_name,
                    &moved_by,
                    seq
                ],
            )
            .await?;
        Ok(release)
    }
}

//! What the guard remembers between looks and restarts: written when something was folded, without an audit entry,
//! because nothing is changed by knowing more.

use engine::{
    EnvironmentKey, FlagKey, RuleId,
    guardrail::{Guard, GuardAction, Judgement},
};

use super::verdicts::insert_verdict;
use crate::{GuardLease, Store, StoreError, Watched, db::args, to_json, versioned::parse};

/// The engine's state of one rule's guardrails, and the judgement it last came to.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardState {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub rule: RuleId,
    /// What the state was computed for: guardrails, audience, since when. Another one begins anew.
    pub fingerprint: String,
    pub guard: Guard,
    pub judgement: Judgement,
}

/// Since when a rollout's evidence counts, and what was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardStanding {
    pub began_ms: i64,
    /// The strongest action so far, and when.
    pub acted: Option<(GuardAction, i64)>,
}

#[derive(sqlx_macros::FromRow)]
struct StateRow {
    environment: String,
    flag: String,
    rule: String,
    fingerprint: String,
    state: String,
    judgement: String,
}

impl TryFrom<StateRow> for GuardState {
    type Error = StoreError;

    fn try_from(row: StateRow) -> Result<Self, StoreError> {
        let id = format!("{}/{}/{}", row.environment, row.flag, row.rule);
        let corrupt = || StoreError::CorruptRow { table: "guard_states", id: id.clone() };
        Ok(Self {
            environment: EnvironmentKey::try_from(row.environment).map_err(|_| corrupt())?,
            flag: FlagKey::try_from(row.flag).map_err(|_| corrupt())?,
            rule: RuleId::try_from(row.rule).map_err(|_| corrupt())?,
            fingerprint: row.fingerprint,
            guard: parse("guard_states", &id, &row.state)?,
            judgement: parse("guard_states", &id, &row.judgement)?,
        })
    }
}

impl Store {
    /// Everything the guard remembers, when a server becomes the guard. A row that cannot be read is logged and left
    /// out: that rule's evidence begins anew.
    pub async fn list_guard_states(&self, _by: &GuardLease) -> Result<Vec<GuardState>, StoreError> {
        let rows: Vec<StateRow> = self
            .db()
            .all(
                "SELECT environment, flag, rule, fingerprint, state, judgement FROM guard_states \
                 ORDER BY environment, flag, rule",
                args![],
            )
            .await?;
        let read = |row: StateRow| {
            GuardState::try_from(row)
                .inspect_err(|error| tracing::error!(%error, "a guard's state is left out"))
                .ok()
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Keeps states and, where `told` says that the judgement is another than before, its verdict.
    pub async fn save_guard_states(
        &self,
        by: &GuardLease,
        states: &[(GuardState, bool)],
    ) -> Result<(), StoreError> {
        if states.is_empty() {
            return Ok(());
        }
        let mut tx = self.db().begin().await?;
        if !by.is_held(&mut tx).await? {
            return Ok(tx.rollback().await?);
        }
        for (state, told) in states {
            let (environment, flag, rule) =
                (state.environment.as_str(), state.flag.as_str(), state.rule.as_str());
            let guard = to_json("guard_states", &state.guard)?;
            let judgement = to_json("guard_states", &state.judgement)?;
            tx.execute(
                "INSERT INTO guard_states (environment, flag, rule, fingerprint, state, health, judgement, at_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (environment, flag, rule) DO UPDATE SET fingerprint = excluded.fingerprint, \
                 state = excluded.state, health = excluded.health, judgement = excluded.judgement, \
                 at_ms = excluded.at_ms",
                args![
                    environment,
                    flag,
                    rule,
                    &state.fingerprint,
                    &guard,
                    state.judgement.health.as_str(),
                    &judgement,
                    state.judgement.at_ms
                ],
            )
            .await?;
            if *told {
                insert_verdict(&mut tx, (environment, flag, rule), &state.judgement, None).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// Since when the rollout's evidence counts: at the first look, since it became what it is. What a person changes
    /// after the guard has acted is a decision to go on, and the evidence begins anew; but what the guard has stopped
    /// stays stopped by it, whatever is changed, until somebody resumes it.
    pub async fn guard_standing(
        &self,
        by: &GuardLease,
        watched: &Watched,
    ) -> Result<GuardStanding, StoreError> {
        let Watched { environment, flag, changed_ms, person_ms, .. } = watched;
        let key = (environment.as_str(), flag.as_str());
        let began_ms = match self.find_standing(environment, flag).await? {
            None => (*changed_ms).min(self.clock().now_ms()),
            Some(standing @ GuardStanding { acted: Some((action, acted_ms)), .. }) => {
                let stays = action == GuardAction::Stop && !watched.rollout.enabled;
                match person_ms.filter(|ms| *ms > acted_ms && !stays) {
                    Some(ms) => ms,
                    None => return Ok(standing),
                }
            }
            Some(standing) => return Ok(standing),
        };
        let mut tx = self.db().begin().await?;
        if by.is_held(&mut tx).await? {
            begin(&mut tx, key, began_ms).await?;
        }
        tx.commit().await?;
        Ok(GuardStanding { began_ms, acted: None })
    }

    async fn find_standing(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<GuardStanding>, StoreError> {
        let row: Option<(i64, Option<String>, Option<i64>)> = self
            .db()
            .optional(
                "SELECT began_ms, acted, acted_ms FROM guards WHERE environment = $1 AND flag = $2",
                args![environment.as_str(), flag.as_str()],
            )
            .await?;
        Ok(row.map(|(began_ms, acted, acted_ms)| {
            // What was done cannot be read: it is done once more, rather than never.
            let acted = acted.zip(acted_ms).and_then(|(word, ms)| {
                let action = parse::<GuardAction>("guards", flag.as_str(), &format!("\"{word}\""));
                let action =
                    action.inspect_err(|error| tracing::error!(%error, "what the guard did is unknown"));
                action.ok().map(|action| (action, ms))
            });
            GuardStanding { began_ms, acted }
        }))
    }
}

/// The evidence counts from `began_ms`, and nothing was done about it yet.
pub(crate) async fn begin(
    tx: &mut crate::db::Tx,
    (environment, flag): (&str, &str),
    began_ms: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO guards (environment, flag, began_ms, acted, acted_ms) VALUES ($1, $2, $3, NULL, NULL) \
         ON CONFLICT (environment, flag) DO UPDATE SET began_ms = excluded.began_ms, acted = NULL, acted_ms = NULL",
        args![environment, flag, began_ms],
    )
    .await?;
    Ok(())
}

/// Remembers what was done, so that it is done once.
pub(crate) async fn acted(
    tx: &mut crate::db::Tx,
    (environment, flag): (&str, &str),
    action: GuardAction,
    now_ms: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO guards (environment, flag, began_ms, acted, acted_ms) VALUES ($1, $2, $3, $4, $3) \
         ON CONFLICT (environment, flag) DO UPDATE SET acted = excluded.acted, acted_ms = excluded.acted_ms",
        args![environment, flag, now_ms, action.as_str()],
    )
    .await?;
    Ok(())
}

/// What the guard stopped goes on: a stop that follows is somebody else's.
pub(crate) async fn resumed(
    tx: &mut crate::db::Tx,
    (environment, flag): (&str, &str),
    now_ms: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE guards SET began_ms = $3, acted = NULL, acted_ms = NULL \
         WHERE environment = $1 AND flag = $2 AND acted = 'stop'",
        args![environment, flag, now_ms],
    )
    .await?;
    Ok(())
}

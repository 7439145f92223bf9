//! Links by which somebody without an account reads one incident. The link is a text that we signed: nothing else can be
//! asked with it, it ends by itself, and making one is audited.

use std::sync::Arc;

use engine::{EnvironmentKey, Flag, FlagKey, Rollout};

use super::Incident;
use crate::{
    Action, AuditReader, ObjectKind, ObjectRef, Store, StoreError, change::Entry, clock::DAY_MS,
    signing::SigningKey,
};

/// How long a link to an incident holds.
pub const INCIDENT_SHARE_MS: i64 = 7 * DAY_MS;

const PURPOSE: &str = "fader incident link 1";

/// Leave to read one incident: of whoever holds a link to it that still holds. Nobody makes one out of nothing:
///
/// ```compile_fail,E0451
/// fn forge(flag: engine::FlagKey, environment: engine::EnvironmentKey) -> store::IncidentGrant {
///     store::IncidentGrant { environment, flag, seq: 1, until_ms: i64::MAX }
/// }
/// ```
#[derive(Debug)]
pub struct IncidentGrant {
    environment: EnvironmentKey,
    flag: FlagKey,
    seq: u64,
    until_ms: i64,
}

impl IncidentGrant {
    /// Epoch ms, exclusive.
    pub fn until_ms(&self) -> i64 {
        self.until_ms
    }
}

/// What whoever holds a link reads.
#[derive(Debug)]
pub struct SharedIncident {
    pub incident: Incident,
    pub flag: Arc<Flag>,
    pub environment: EnvironmentKey,
    /// The rollout as it is now.
    pub rollout: Arc<Rollout>,
    /// There is a release plan.
    pub is_planned: bool,
}

impl Store {
    async fn incident_key(&self) -> Result<SigningKey, StoreError> {
        SigningKey::new(&self.workspace_secret().await?, PURPOSE)
    }

    /// Makes a link to an act of the guard for somebody without an account: its token, and until when it holds (epoch ms).
    /// `None` when there is no such act on this flag.
    pub async fn share_incident(
        &self,
        by: &AuditReader,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        seq: u64,
    ) -> Result<Option<(String, i64)>, StoreError> {
        let Some(incident) = self.find_incident(&by.viewer(), environment, flag, seq).await? else {
            return Ok(None);
        };
        let key = self.incident_key().await?;
        let work = self.begin(by).await?;
        let until_ms = work.now_ms() + INCIDENT_SHARE_MS;
        let name = &incident.entry.object_name;
        let days = engine::counted(INCIDENT_SHARE_MS / DAY_MS, "day");
        let sentence = format!(
            "shared change {seq} by the guard on {name} in {environment}: whoever has the link reads it for {days}"
        );
        let object = ObjectRef::new(ObjectKind::Flag, flag.as_str());
        let entry = Entry {
            environment: Some(environment.clone()),
            ..Entry::new(Action::IncidentShared, object, name, sentence)
        };
        work.finish(entry).await?;
        Ok(Some((key.sign(until_ms, &(environment, flag, seq))?, until_ms)))
    }

    /// What a link lets one read; `None` when we did not make it, or when it has ended.
    pub async fn read_incident_link(&self, token: &str) -> Result<Option<IncidentGrant>, StoreError> {
        let read = self.incident_key().await?.verify(token, self.clock().now_ms());
        let grant = |(until_ms, (environment, flag, seq))| IncidentGrant { environment, flag, seq, until_ms };
        Ok(read.map(grant))
    }

    /// `None` when its flag is gone.
    pub async fn find_shared_incident(
        &self,
        by: &IncidentGrant,
    ) -> Result<Option<SharedIncident>, StoreError> {
        let IncidentGrant { environment, flag, seq, until_ms: _ } = by;
        let Some(incident) = self.incident(&by.into(), environment, flag, *seq).await? else {
            return Ok(None);
        };
        let Some(snapshot) = self.live().snapshot(environment.as_str()) else { return Ok(None) };
        let Some(compiled) = snapshot.flag(flag.as_str()) else { return Ok(None) };
        Ok(Some(SharedIncident {
            incident,
            flag: Arc::clone(compiled.flag()),
            environment: environment.clone(),
            rollout: Arc::clone(compiled.rollout()),
            is_planned: self.plan(environment, flag).await?.is_some(),
        }))
    }
}

//! One answer for the line before something critical is done: may this subject do it now? Whatever is not a plain yes is no.

use engine::{Decision, EvaluationError, Reason, SubjectKey};
use http::request::Parts;
use serde_json::Value;

use super::{context::CallerContext, evaluate::engine_context, exposure, preview, state::Ofrep};
use crate::edge::access::Caller;

/// May it, why, and by which definitions.
pub struct Checked {
    pub allowed: bool,
    /// `DISABLED` and the other reasons of decisions, or the code of why there is none.
    pub reason: &'static str,
    pub revision: u64,
}

impl Ofrep {
    /// Decides a boolean flag for the subject, and records that it was served, as an evaluation by a server does. `None`:
    /// the environment of the token is gone.
    pub fn check(
        &self,
        caller: &Caller,
        parts: &Parts,
        (flag, subject): (&str, &SubjectKey),
        context: &CallerContext,
    ) -> Option<Checked> {
        let store = self.store();
        let snapshot = store.live().snapshot(caller.token.environment_key())?;
        let revision = snapshot.revision();
        let refused = |reason| Some(Checked { allowed: false, reason, revision });
        let Some((place, flag)) = snapshot.find_flag(flag) else { return refused("FLAG_NOT_FOUND") };
        let (people, now_ms, keys) = (store.live().people(), store.clock().now_ms(), self.keys());
        let prepared = self.prepared.get(&snapshot);
        if let Some(flag_parts) = prepared.parts.get(place) {
            flag_parts.asked.note(now_ms);
        }
        let grant = preview::of(&keys.previews, caller, &parts.headers, context, now_ms);
        let shown = grant.as_ref().map(|grant| &grant.preview);
        let decision =
            snapshot.evaluate_found(flag, &engine_context(caller, context, &people), shown, now_ms);
        let decision = match decision {
            Ok(decision) => decision,
            Err(EvaluationError::FlagNotFound) => return refused("FLAG_NOT_FOUND"),
            Err(EvaluationError::TargetingKeyMissing) => return refused("TARGETING_KEY_MISSING"),
            Err(EvaluationError::General) => return refused("GENERAL"),
        };
        if !decision.variant.value.is_boolean() {
            return refused("TYPE_MISMATCH");
        }
        if !decision.previewed && exposure::is_wanted(caller, parts) {
            exposure::record(&self.parts.intake, &snapshot, subject, flag, &decision, now_ms);
        }
        Some(Checked { allowed: allows(&decision), reason: decision.reason.as_str(), revision })
    }
}

/// A stopped flag allows nothing, whatever its off variant says.
pub(super) fn allows(decision: &Decision<'_>) -> bool {
    decision.variant.value == Value::Bool(true) && decision.reason != Reason::Disabled
}

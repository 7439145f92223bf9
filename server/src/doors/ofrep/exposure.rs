//! A server that asks for one decision is about to serve it: that is an exposure, recorded by itself. Bulk answers
//! are prefetched, and pages say themselves what they showed.

use engine::{CompiledFlag, Decision, Snapshot, SubjectKey};
use http::{HeaderName, request::Parts};
use store::{Exposure, TokenKind};

use crate::{edge::access::Caller, intake::Intake};

const HEADER: HeaderName = HeaderName::from_static("x-fader-exposure");
/// In the header, or as `?exposure=none`: nobody is going to see this decision.
const NONE: &str = "none";

/// Whether the caller serves what it asked for. It can say that it does not.
pub fn is_wanted(caller: &Caller, parts: &Parts) -> bool {
    let declined = parts.headers.get(HEADER).is_some_and(|value| value.as_bytes() == NONE.as_bytes())
        || parts.uri.query().is_some_and(|query| {
            form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "exposure" && value == NONE)
        });
    match caller.token.kind {
        TokenKind::Server => !declined,
        TokenKind::Client | TokenKind::Admin(_) => false,
    }
}

/// A full buffer loses the exposure, counts it, and fails no decision.
pub fn record(
    intake: &Intake,
    snapshot: &Snapshot,
    subject: &SubjectKey,
    flag: &CompiledFlag,
    decision: &Decision<'_>,
    now_ms: i64,
) {
    let exposure = Exposure {
        subject: subject.clone(),
        flag: flag.key().clone(),
        variant: decision.variant.key.clone(),
        revision: snapshot.revision(),
        rule: decision.rule.cloned(),
        arm: decision.arm,
        at_ms: now_ms,
    };
    if let Err(full) = intake.exposures.offer(snapshot.environment(), vec![exposure]) {
        tracing::debug!(%full, "an exposure was not recorded");
    }
}

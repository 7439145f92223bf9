//! Everything that a subject may do now: the boolean flags that are permissions, each allowed or not.

use engine::{FlagKind, ValueType};
use http::request::Parts;

use super::{check, context::CallerContext, evaluate::engine_context, preview, state::Ofrep, ticket::Ticket};
use crate::edge::access::Caller;

/// All of one moment.
pub struct Permitted {
    pub revision: u64,
    /// By the flag's key. Whatever is not here is not allowed.
    pub permissions: Vec<(String, bool)>,
    /// Where a stream says that it is time to ask again.
    pub stream: String,
}

impl Ofrep {
    /// Decides every permission for the subject, as an evaluation of all flags would; nothing is recorded as served. `None`:
    /// the environment of the token is gone.
    pub fn permissions(&self, caller: &Caller, parts: &Parts, context: &CallerContext) -> Option<Permitted> {
        let store = self.store();
        let snapshot = store.live().snapshot(caller.token.environment_key())?;
        let (people, now_ms, keys) = (store.live().people(), store.clock().now_ms(), self.keys());
        let prepared = self.prepared.get(&snapshot);
        let grant = preview::of(&keys.previews, caller, &parts.headers, context, now_ms);
        let shown = grant.as_ref().map(|grant| &grant.preview);
        let engine = engine_context(caller, context, &people);
        let mut evaluator = snapshot.evaluator(&engine, now_ms);
        let mut permissions = Vec::new();
        for (compiled, flag_parts) in snapshot.flags().zip(&prepared.parts) {
            let flag = compiled.flag();
            let is_permission = flag.kind == FlagKind::Permission && flag.value_type == ValueType::Boolean;
            if !is_permission || compiled.is_archived() {
                continue;
            }
            flag_parts.asked.note(now_ms);
            let decision = evaluator.evaluate(compiled, shown);
            permissions.push((flag.key.to_string(), decision.is_ok_and(|it| check::allows(&it))));
        }
        permissions.sort_unstable();
        let mark = context.targeting_key.as_ref().map(|subject| keys.tickets.mark(subject));
        let ticket = Ticket::new(caller.hash, mark, prepared.revision(now_ms), now_ms);
        let stream = format!("{}{}", self.stream_address, keys.tickets.sign(&ticket));
        Some(Permitted { revision: snapshot.revision(), permissions, stream })
    }
}

//! The proof of a decision that a browser sends back with its events. Servers are believed without one.

use engine::{Decision, RuleId, SubjectKey};
use store::{Proof, ReceiptKey, SubjectReceipts, TokenKind};

use crate::edge::access::Caller;

/// The receipts of one answer; `None` where nobody needs any.
pub struct Receipts(SubjectReceipts);

impl Receipts {
    pub fn of(
        key: &ReceiptKey,
        caller: &Caller,
        subject: Option<&SubjectKey>,
        revision: u64,
        now_ms: i64,
    ) -> Option<Self> {
        let subject = subject.filter(|_| is_needed(caller.token.kind))?;
        let environment = caller.token.environment_key();
        Some(Self(key.of_subject(environment, subject.as_str(), revision, now_ms)))
    }

    /// Appends the receipt of a decision that is no preview: a preview is no exposure, so there is nothing to prove.
    pub fn write(&self, flag: &str, decision: &Decision<'_>, out: &mut Vec<u8>) {
        let proof = Proof {
            flag,
            variant: decision.variant.key.as_str(),
            rule: decision.rule.map(RuleId::as_str),
            arm: decision.arm,
        };
        self.0.write(&proof, out);
    }
}

/// Which day's receipts an answer carries, 0 for none: part of what the answer depends on.
pub const fn day(kind: TokenKind, now_ms: i64) -> i64 {
    if is_needed(kind) { ReceiptKey::until_day(now_ms) } else { 0 }
}

const fn is_needed(kind: TokenKind) -> bool {
    match kind {
        TokenKind::Client => true,
        TokenKind::Server | TokenKind::Admin(_) => false,
    }
}

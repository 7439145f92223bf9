//! The proof of a decision that a browser sends back with its events. Servers are believed without one.

use engine::{Decision, RuleId, SubjectKey};
use store::{Claim, ReceiptKey, TokenKind};

use crate::{Server, access::Caller};

/// What the receipts of one answer have in common; `None` where nobody needs any.
pub struct Receipts<'a> {
    key: &'a ReceiptKey,
    environment: &'a str,
    subject: &'a str,
    revision: u64,
    now_ms: i64,
}

impl<'a> Receipts<'a> {
    pub fn of(
        server: &'a Server,
        caller: &'a Caller,
        subject: Option<&'a SubjectKey>,
        revision: u64,
        now_ms: i64,
    ) -> Option<Self> {
        let key = &server.ofrep.receipts;
        let environment = caller.token.environment.as_str();
        is_needed(caller.token.kind)
            .then(|| subject.map(|it| Self { key, environment, subject: it.as_str(), revision, now_ms }))
            .flatten()
    }

    /// A preview is no exposure, so there is nothing to prove.
    pub fn sign(&self, flag: &str, decision: &Decision<'_>) -> Option<String> {
        let claim = Claim {
            environment: self.environment,
            subject: self.subject,
            flag,
            variant: decision.variant.key.as_str(),
            rule: decision.rule.map(RuleId::as_str),
            arm: decision.arm,
            revision: self.revision,
        };
        (!decision.previewed).then(|| self.key.sign(&claim, self.now_ms))
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

//! The proof of a decision that a browser sends back with its events. Servers are believed without one.

use std::sync::Arc;

use engine::{Decision, RuleId, SubjectKey};
use store::{Claim, ReceiptKey, Token, TokenKind};

use super::Keys;
use crate::{Server, access::Caller};

/// What the receipts of one answer have in common; `None` where nobody needs any.
pub struct Receipts {
    keys: Arc<Keys>,
    token: Arc<Token>,
    subject: SubjectKey,
    revision: u64,
    now_ms: i64,
}

impl Receipts {
    pub fn of(
        server: &Server,
        caller: &Caller,
        subject: Option<&SubjectKey>,
        revision: u64,
        now_ms: i64,
    ) -> Option<Self> {
        let subject = subject.filter(|_| is_needed(caller.token.kind))?.clone();
        let (keys, token) = (server.ofrep.keys.load_full(), Arc::clone(&caller.token));
        Some(Self { keys, token, subject, revision, now_ms })
    }

    /// A preview is no exposure, so there is nothing to prove.
    pub fn sign(&self, flag: &str, decision: &Decision<'_>) -> Option<String> {
        let claim = Claim {
            environment: self.token.environment_key(),
            subject: self.subject.as_str(),
            flag,
            variant: decision.variant.key.as_str(),
            rule: decision.rule.map(RuleId::as_str),
            arm: decision.arm,
            revision: self.revision,
        };
        (!decision.previewed).then(|| self.keys.receipts.sign(&claim, self.now_ms))
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

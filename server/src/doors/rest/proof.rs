//! What browsers prove: that Fader decided a flag for a subject as they say, by the receipt of that decision. Servers
//! are believed.

use engine::{Arm, FlagKey, RuleId, Sender, Snapshot, SubjectKey, VariantKey};
use serde::Deserialize;
use store::{Claim, Proof, ReceiptKey, TokenKind};
use utoipa::ToSchema;

use super::events::key;
use crate::intake::outcomes::Feature;

/// A flag that was in force. Without `rule` and `arm` (as decisions carry them) Fader looks up where the subject stands.
#[derive(Deserialize, ToSchema)]
pub(crate) struct FeatureItem {
    flag: String,
    variant: Option<String>,
    rule: Option<String>,
    #[schema(value_type = Option<String>)]
    arm: Option<Arm>,
    /// Of the decision (`metadata.revision`); belongs to `receipt`.
    pub(super) revision: Option<u64>,
    /// `metadata.receipt` of the decision.
    receipt: Option<String>,
}

/// What is claimed by the bearer of one token.
pub(super) struct Proofs<'a> {
    snapshot: &'a Snapshot,
    /// Of a client token, whose claims anybody can make up: what proves them.
    receipts: Option<&'a ReceiptKey>,
    now_ms: i64,
}

impl<'a> Proofs<'a> {
    pub(super) fn of(kind: TokenKind, snapshot: &'a Snapshot, receipts: &'a ReceiptKey, now_ms: i64) -> Self {
        let receipts = match kind {
            TokenKind::Client => Some(receipts),
            TokenKind::Server | TokenKind::Admin(_) => None,
        };
        Self { snapshot, receipts, now_ms }
    }

    pub(super) fn are_needed(&self) -> bool {
        self.receipts.is_some()
    }

    pub(super) fn sender(&self) -> Sender {
        if self.are_needed() { Sender::Client } else { Sender::Server }
    }

    pub(super) fn is_proved(&self, receipt: Option<&str>, claim: &Claim<'_>) -> bool {
        self.receipts.is_none_or(|key| receipt.is_some_and(|it| key.proves(it, claim, self.now_ms)))
    }

    /// The feature, and whether it is known to have been in force. The error is the sentence for the sender.
    pub(super) fn feature(
        &self,
        item: FeatureItem,
        subject: Option<&SubjectKey>,
    ) -> Result<(Feature, bool), String> {
        let (receipt, revision) = (item.receipt.clone(), item.revision);
        let feature = self.read(item)?;
        let is_proved =
            !self.are_needed() || self.is_in_force(&feature, subject, receipt.as_deref(), revision);
        Ok((feature, is_proved))
    }

    fn is_in_force(
        &self,
        feature: &Feature,
        subject: Option<&SubjectKey>,
        receipt: Option<&str>,
        revision: Option<u64>,
    ) -> bool {
        let Feature { flag, variant, rule, arm } = feature;
        let (Some(subject), Some(variant), Some(revision)) = (subject, variant, revision) else {
            return false;
        };
        let claim = Claim {
            environment: self.snapshot.environment().as_str(),
            subject: subject.as_str(),
            revision,
            proof: Proof {
                flag: flag.as_str(),
                variant: variant.as_str(),
                rule: rule.as_ref().map(RuleId::as_str),
                arm: *arm,
            },
        };
        self.is_proved(receipt, &claim)
    }

    fn read(&self, item: FeatureItem) -> Result<Feature, String> {
        let flag = key("flag", FlagKey::try_from(item.flag))?;
        let Some(compiled) = self.snapshot.flag(flag.as_str()) else {
            return Err(format!("there is no flag \"{flag}\" in {}", self.snapshot.environment()));
        };
        let variant =
            item.variant.map(|variant| key("variant", VariantKey::try_from(variant))).transpose()?;
        if let Some(unknown) = variant.as_ref().filter(|variant| compiled.flag().variant(variant).is_none()) {
            return Err(format!("the flag \"{flag}\" has no variant \"{unknown}\""));
        }
        let rule = item.rule.map(|rule| key("rule", RuleId::try_from(rule))).transpose()?;
        Ok(Feature { flag, variant, rule, arm: item.arm })
    }
}

//! Preview links: one variant of one flag in one environment, shown to one subject for a short while. The link is a
//! text that we signed, so that looking at it touches no database; making one is audited.

use engine::{EnvironmentKey, Preview};

use crate::{
    Action, Enroller, Invalid, ObjectKind, ObjectRef, Store, StoreError,
    change::Entry,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    signing::SigningKey,
    text::reason,
};

/// How long a preview holds when nothing else is said.
pub const PREVIEW_MS: i64 = HOUR_MS;
/// The shortest and the longest that a preview can hold.
pub const PREVIEW_MS_RANGE: std::ops::RangeInclusive<i64> = MINUTE_MS..=DAY_MS;
/// Keeps this use of the workspace's secret apart from any other.
const PURPOSE: &str = "fader preview link 1";

/// What a preview token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewGrant {
    pub environment: EnvironmentKey,
    pub preview: Preview,
    /// Epoch ms, exclusive.
    pub until_ms: i64,
}

/// Signs and reads preview tokens: the same on all copies of the server.
#[derive(Clone)]
pub struct PreviewKey(SigningKey);

impl std::fmt::Debug for PreviewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PreviewKey(…)")
    }
}

impl PreviewKey {
    fn sign(&self, grant: &PreviewGrant) -> Result<String, StoreError> {
        let Preview { flag, subject, variant } = &grant.preview;
        self.0.sign(grant.until_ms, &(&grant.environment, flag, subject, variant))
    }

    /// What the token says, when we signed it and it still holds.
    pub fn verify(&self, token: &str, now_ms: i64) -> Option<PreviewGrant> {
        let (until_ms, (environment, flag, subject, variant)) = self.0.verify(token, now_ms)?;
        Some(PreviewGrant { environment, preview: Preview { flag, subject, variant }, until_ms })
    }
}

impl Store {
    /// What preview tokens are read with; it never changes, so it is asked for once.
    pub async fn preview_key(&self) -> Result<PreviewKey, StoreError> {
        Ok(PreviewKey(SigningKey::new(&self.workspace_secret().await?, PURPOSE)?))
    }

    /// Makes a preview that holds for `holds_ms`, within [`PREVIEW_MS_RANGE`]. Returns its token and until when it
    /// holds (epoch ms).
    pub async fn make_preview(
        &self,
        by: &Enroller,
        environment: &EnvironmentKey,
        preview: Preview,
        holds_ms: i64,
        why: &str,
    ) -> Result<(String, i64), StoreError> {
        let reason = reason(why)?;
        if !PREVIEW_MS_RANGE.contains(&holds_ms) {
            return Err(Invalid::PreviewTime.into());
        }
        let key = self.preview_key().await?;
        let mut work = self.begin(by).await?;
        let flag = work.rollout_target(environment, &preview.flag).await?.flag.value;
        if flag.variant(&preview.variant).is_none() {
            let variant = preview.variant.clone();
            return Err(StoreError::Refused(vec![engine::Problem::UnknownVariant { variant }]));
        }
        let until_ms = work.now_ms() + holds_ms;
        let sentence = format!(
            "made a preview of “{}” for {} on {} in {environment}, for {}",
            preview.variant,
            preview.subject,
            flag.name,
            engine::counted(holds_ms / MINUTE_MS, "minute")
        );
        let token = key.sign(&PreviewGrant { environment: environment.clone(), preview, until_ms })?;
        let object = ObjectRef::new(ObjectKind::Flag, flag.key.as_str());
        let entry = Entry {
            reason,
            environment: Some(environment.clone()),
            ..Entry::new(Action::PreviewMade, object, &flag.name, sentence)
        };
        work.finish(entry).await?;
        Ok((token, until_ms))
    }
}

#[cfg(test)]
mod tests {
    use engine::{FlagKey, SubjectKey, VariantKey};

    use super::*;

    fn grant() -> PreviewGrant {
        PreviewGrant {
            environment: EnvironmentKey::parse("production").expect("a key"),
            preview: Preview {
                flag: FlagKey::parse("fast-payment").expect("a key"),
                subject: SubjectKey::parse("Zoë.\"Z\" @ example").expect("a key"),
                variant: VariantKey::parse("on").expect("a key"),
            },
            until_ms: 1000,
        }
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_ends() {
        let key = PreviewKey(SigningKey::new("a secret", PURPOSE).expect("a key"));
        let token = key.sign(&grant()).expect("a token");
        assert_eq!(key.verify(&token, 999), Some(grant()));
        assert_eq!(key.verify(&token, 1000), None);
    }
}

//! A variant shown to one subject for one call, before any rule lets them in.

use crate::{Context, FlagKey, SubjectKey, VariantKey};

/// What a preview shows to whom. Whoever made it signed it; the engine only decides by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Preview {
    pub flag: FlagKey,
    pub subject: SubjectKey,
    pub variant: VariantKey,
}

impl Preview {
    /// It counts for its own flag and its own subject only.
    pub fn is_about(&self, flag: &str, context: &Context<'_>) -> bool {
        self.flag.as_str() == flag && context.subject() == Some(self.subject.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Attributes, EnvironmentConfig, Reason, Snapshot, Step};

    fn snapshot(rollouts: &[(&str, serde_json::Value)]) -> Snapshot {
        let flags = rollouts.iter().map(|(key, rollout)| {
            let flag = serde_json::json!({
                "key": key, "name": key, "kind": "release", "value_type": "boolean", "off_variant": "off",
                "variants": [{"key": "on", "value": true}, {"key": "off", "value": false}], "lifecycle": "active",
            });
            let flag = serde_json::from_value(flag).expect("a flag");
            let rollout = serde_json::from_value(rollout.clone()).expect("a rollout");
            (Arc::new(flag), Arc::new(rollout))
        });
        let config = EnvironmentConfig {
            environment: crate::EnvironmentKey::parse("production").expect("a key"),
            revision: 1,
            flags: flags.collect(),
            groups: Vec::new(),
            attributes: Arc::default(),
        };
        let (snapshot, errors) = Snapshot::compile(config, None);
        assert_eq!(errors, []);
        snapshot
    }

    fn preview(flag: &str, variant: &str) -> Preview {
        Preview {
            flag: FlagKey::parse(flag).expect("a key"),
            subject: SubjectKey::parse("ada").expect("a key"),
            variant: VariantKey::parse(variant).expect("a key"),
        }
    }

    /// What `subject` is served of `flag`, and whether that is a preview.
    fn served(snapshot: &Snapshot, flag: &str, subject: Option<&str>, preview: &Preview) -> (String, bool) {
        let context = Context::from_server(subject, Attributes::EMPTY);
        let decision = snapshot.evaluate_previewed(flag, &context, Some(preview), 0).expect("a decision");
        let explained = snapshot.explain_previewed(flag, &context, Some(preview), 0);
        assert_eq!(explained.decision.expect("a decision").variant, decision.variant.key);
        assert_eq!(explained.steps.iter().any(|it| matches!(it, Step::Previewed { .. })), decision.previewed);
        (decision.variant.key.to_string(), decision.previewed)
    }

    #[test]
    fn a_preview_shows_its_variant_to_its_subject_only() {
        let plain = serde_json::json!({"enabled": true, "seed": "s", "rules": []});
        let snapshot = snapshot(&[("a", plain.clone()), ("b", plain)]);
        let on = preview("a", "on");
        assert_eq!(served(&snapshot, "a", Some("ada"), &on), ("on".to_owned(), true));
        assert_eq!(served(&snapshot, "a", Some("bob"), &on), ("off".to_owned(), false));
        assert_eq!(served(&snapshot, "a", None, &on), ("off".to_owned(), false));
        assert_eq!(served(&snapshot, "b", Some("ada"), &on), ("off".to_owned(), false));
        assert_eq!(served(&snapshot, "a", Some("ada"), &preview("a", "gone")), ("off".to_owned(), false));
        let context = Context::from_server(Some("ada"), Attributes::EMPTY);
        let decision = snapshot.evaluate_previewed("a", &context, Some(&on), 0).expect("a decision");
        assert_eq!((decision.reason, decision.rule), (Reason::TargetingMatch, None));
    }

    #[test]
    fn stops_exclusions_and_prerequisites_come_before_a_preview() {
        let snapshot = snapshot(&[
            ("stopped", serde_json::json!({"enabled": false, "seed": "s", "rules": []})),
            (
                "excluded",
                serde_json::json!({"enabled": true, "seed": "s", "rules": [], "exclusions": {"subjects": ["ada"]}}),
            ),
            (
                "waits",
                serde_json::json!({
                    "enabled": true, "seed": "s", "rules": [],
                    "prerequisites": [{"flag": "plain", "variant": "on"}],
                }),
            ),
            ("plain", serde_json::json!({"enabled": true, "seed": "s", "rules": []})),
        ]);
        for flag in ["stopped", "excluded", "waits"] {
            assert_eq!(served(&snapshot, flag, Some("ada"), &preview(flag, "on")), ("off".to_owned(), false));
        }
        // A preview of the prerequisite changes nothing for the flag that waits for it.
        assert_eq!(
            served(&snapshot, "waits", Some("ada"), &preview("plain", "on")),
            ("off".to_owned(), false)
        );
    }

    #[test]
    fn a_preview_beats_a_pin() {
        let pins = serde_json::json!([{"subject": "ada", "variant": "off"}]);
        let snapshot =
            snapshot(&[("a", serde_json::json!({"enabled": true, "seed": "s", "rules": [], "pins": pins}))]);
        assert_eq!(served(&snapshot, "a", Some("ada"), &preview("a", "on")), ("on".to_owned(), true));
    }
}

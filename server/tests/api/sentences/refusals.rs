//! What is said when something is refused, beside a field, on a page of its own or to a program; and what a page says when
//! something was done.

use app::{
    error::{AppError, Thing},
    form::error::as_sentence,
    page::toast::Toast,
};
use engine::{EnvironmentKey, GroupKey, InvalidKey, Problem};
use serde_json::json;
use server::edge::fault::Fault;
use store::{Denied, DeniedBecause, Invalid, ObjectKind, Omission, Operation, Role, StoreError, Taken};

use super::Listed;

pub(super) fn list(listed: &mut Listed) {
    problems(listed);
    invalid(listed);
    stored(listed);
    pages(listed);
    listed.section("Who may not");
    for operation in Operation::ALL {
        let denied = |because| Denied { operation, because };
        let role = |environment| DeniedBecause::Role {
            role: Role::Viewer,
            who: vec![Role::Admin, Role::Product],
            environment,
        };
        listed.phrase(denied(role(None)).to_string());
        listed.phrase(denied(role(Some(EnvironmentKey::parse("production").expect("a key")))).to_string());
        for because in [
            DeniedBecause::OneEnvironment,
            DeniedBecause::AnotherEnvironment,
            DeniedBecause::Nobodys,
            DeniedBecause::NoTraits,
            DeniedBecause::ClientToken,
            DeniedBecause::Disabled,
            DeniedBecause::Ended,
        ] {
            listed.phrase(denied(because).to_string());
        }
    }
    listed.section("Telemetry that was left out");
    for omission in [
        Omission::UnknownFlag,
        Omission::UnknownVariant,
        Omission::Malformed,
        Omission::Nobody,
        Omission::NoVariant,
        Omission::NoArm,
        Omission::TooOld,
        Omission::TooLate,
        Omission::TooLong,
        Omission::Rejected,
    ] {
        listed.phrase(omission.phrase(1));
        listed.phrase(omission.phrase(1_200));
    }
}

/// Every problem that there is: the type itself says which they are.
fn problems(listed: &mut Listed) {
    listed.section("Definitions that are refused");
    let unknown = serde_json::from_value::<Problem>(json!({"problem": "?"})).expect_err("none is called so");
    let unknown = unknown.to_string();
    let names: Vec<_> = unknown.split('`').skip(3).step_by(2).collect();
    assert!(names.len() > 40, "{unknown}");
    for name in names {
        let problem = json!({
            "problem": name, "max": 50, "chars_max": 30, "variant": "blue", "value_type": "number", "group": "vip",
            "flag": "checkout", "path": ["checkout", "payment"], "rule": "everyone", "total": 900, "subject": "ada",
            "attribute": "tier", "guardrail": "errors", "step": 2,
        });
        let problem: Problem =
            serde_json::from_value(problem).unwrap_or_else(|error| panic!("{name}: {error}"));
        listed.phrase(problem.to_string());
        listed.sentence(as_sentence(&problem.to_string()));
    }
    for error in [InvalidKey::Empty, InvalidKey::TooLong(100), InvalidKey::Characters, InvalidKey::Control] {
        listed.sentence(as_sentence(&format!("a key {error}")));
    }
}

fn invalid(listed: &mut Listed) {
    listed.section("Input that is refused");
    let by = || "errors on Fast payment".to_owned();
    let all = [
        Invalid::Email,
        Invalid::MemberName,
        Invalid::PasswordTooShort,
        Invalid::PasswordTooLong,
        Invalid::PasswordIsEmail,
        Invalid::PasswordCommon,
        Invalid::PasswordIsOwn,
        Invalid::DemoAmongMembers,
        Invalid::WrongPassword,
        Invalid::TooManyAttempts { retry_after_s: 1 },
        Invalid::SetupCode,
        Invalid::AlreadySetUp,
        Invalid::ExpiredLink,
        Invalid::LastAdmin,
        Invalid::DisabledMember,
        Invalid::ReasonTooLong,
        Invalid::TokenName,
        Invalid::Origins,
        Invalid::TokenScope,
        Invalid::TokenTraits,
        Invalid::TokenLifetime,
        Invalid::TokenOverlap,
        Invalid::TokenOwner,
        Invalid::TokenRevoked,
        Invalid::PersonaName,
        Invalid::TooManyPersonas,
        Invalid::Traits,
        Invalid::TraitType {
            subject: "ada".into(),
            attribute: "tier".into(),
            expected: "a number",
            actual: "x".into(),
        },
        Invalid::TooManyPeople,
        Invalid::TooManyAttributes,
        Invalid::KeyChanged,
        Invalid::ValueTypeChanged,
        Invalid::SeedChanged,
        Invalid::Archived,
        Invalid::NotRevertible,
        Invalid::MetricName,
        Invalid::MetricUnit,
        Invalid::MetricKind,
        Invalid::BuiltInMetric,
        Invalid::TooManyMetrics,
        Invalid::UnknownMetric { metric: "abandonment".into() },
        Invalid::MetricWatched { by: by() },
        Invalid::NoPlan,
        Invalid::PlanReached,
        Invalid::OwnApproval,
        Invalid::WebhookUrl,
        Invalid::WebhookPrivate,
        Invalid::TooManyWebhooks,
        Invalid::TooManyWebhookTests,
        Invalid::AuditSecretTooShort,
        Invalid::AuditSecretMissing,
        Invalid::AuditSecretWrong,
        Invalid::DatabaseUrl,
        Invalid::FeedbackEmpty,
        Invalid::FeedbackComment,
        Invalid::FeedbackPage,
        Invalid::FeedbackEventId,
        Invalid::FeedbackDuration,
        Invalid::FeedbackTime,
        Invalid::FeedbackDayFull { retry_after_s: 60 },
        Invalid::FeedbackAssignee,
        Invalid::Retention,
        Invalid::EndHasPassed,
        Invalid::ReasonMissing,
        Invalid::InvitationPurpose,
        Invalid::InvitationCapacity,
        Invalid::PreviewTime,
    ];
    for invalid in all {
        listed.sentence(as_sentence(&invalid.to_string()));
    }
}

fn stored(listed: &mut Listed) {
    for kind in ObjectKind::ALL {
        let key = GroupKey::parse("x").expect("a key").to_string();
        for error in [
            StoreError::NotFound { kind, key: key.clone() },
            StoreError::InUse {
                kind,
                key,
                by: vec!["checkout in production".into(), "payment in staging".into()],
            },
        ] {
            listed.sentence(as_sentence(&error.to_string()));
        }
        for by in [Taken::Present, Taken::InOtherCase, Taken::Archived, Taken::Deleted { seq: 1 }] {
            let taken = StoreError::AlreadyExists { kind, key: "x".into(), by };
            listed.sentence(as_sentence(&taken.to_string()));
        }
    }
    for error in [
        StoreError::PasswordNeeded,
        StoreError::Busy { retry_after_s: 1 },
        StoreError::Entropy,
        StoreError::Restored,
        StoreError::Unwritable { table: "flags" },
        StoreError::CorruptRow { table: "flags", id: "x".into() },
    ] {
        listed.sentence(as_sentence(&error.to_string()));
    }
}

fn pages(listed: &mut Listed) {
    listed.section("Pages that cannot be shown");
    let mut errors = vec![
        AppError::SignedOut,
        AppError::PasswordNeeded,
        AppError::StaleLink,
        AppError::Conflict,
        AppError::Refused,
        AppError::BadForm,
        AppError::TooLarge,
        AppError::FieldTooLong { chars_max: 2_000 },
        AppError::Throttled { retry_after_s: 1 },
        AppError::Busy { retry_after_s: 30 },
        AppError::WrongMethod,
        AppError::Internal,
        AppError::Unavailable,
    ];
    let things = [
        Thing::Page,
        Thing::Flag,
        Thing::Group,
        Thing::Environment,
        Thing::Change,
        Thing::Member,
        Thing::Token,
        Thing::Other,
        Thing::Feedback,
        Thing::Incident,
    ];
    errors.extend(things.into_iter().map(AppError::NotFound));
    for error in errors {
        listed.sentence(error.to_string());
    }
    for fault in [
        Fault::NotFound,
        Fault::MethodNotAllowed,
        Fault::TooLarge { bytes_max: 65_536 },
        Fault::TimedOut,
        Fault::BrokenBody,
        Fault::Nul,
        Fault::QueryTooLong { chars_max: 2_000 },
        Fault::CrossSite,
        Fault::Unavailable,
        Fault::Busy,
        Fault::TooOften { retry_after_s: 1 },
        Fault::TooDetailed,
        Fault::Crowded,
        Fault::GivenUp,
        Fault::WithoutDatabase,
        Fault::Internal,
    ] {
        listed.sentence(fault.sentence());
    }
    listed.section("What a page says was done");
    for toast in Toast::ALL {
        listed.sentence(toast.sentence());
    }
}

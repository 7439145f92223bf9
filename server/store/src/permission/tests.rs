use engine::EnvironmentKey;

use super::{DeniedBecause, *};
use crate::clock::MINUTE_MS;

fn someone(role: Role) -> Principal {
    Principal::new(
        UserId::new(7),
        "Some One".into(),
        "one@example.test".into(),
        role,
        RequestOrigin::default(),
    )
}

#[test]
fn proofs_follow_the_role_table() {
    for role in Role::ALL {
        let p = someone(role);
        assert_eq!(p.flag_editor().is_ok(), p.may(Operation::EditFlags), "{role}");
        assert_eq!(p.stopper().is_ok(), p.may(Operation::Stop), "{role}");
        assert_eq!(p.enroller().is_ok(), p.may(Operation::Enrol), "{role}");
        assert_eq!(p.people_reader().is_ok(), p.may(Operation::ReadPeople), "{role}");
        assert_eq!(p.people_writer().is_ok(), p.may(Operation::Administer), "{role}");
        assert_eq!(p.feedback_handler().is_ok(), p.may(Operation::HandleFeedback), "{role}");
        assert_eq!(p.approver().is_ok(), p.may(Operation::Approve), "{role}");
        assert_eq!(p.audit_reader().is_ok(), p.may(Operation::ReadAudit), "{role}");
        assert_eq!(p.administrator().is_ok(), p.may(Operation::Administer), "{role}");
        assert!(p.may(Operation::View), "{role}");
    }
}

#[test]
fn the_lesser_role_may_nothing_that_either_may_not() {
    for (a, b) in Role::ALL.into_iter().flat_map(|a| Role::ALL.map(|b| (a, b))) {
        let lesser = a.lesser(b);
        assert_eq!(lesser, b.lesser(a));
        for operation in Operation::ALL {
            assert_eq!(lesser.may(operation), a.may(operation) && b.may(operation), "{a} {b} {operation:?}");
        }
    }
}

#[test]
fn who_is_bound_to_an_environment_has_no_proof_for_what_concerns_them_all() {
    let [production, staging] =
        ["production", "staging"].map(|key| EnvironmentKey::parse(key).expect("a key"));
    let token = TokenAuthority {
        id: UserId::new(-1),
        name: "token".into(),
        rights: TokenRights::Manages(Role::Admin),
        reach: Reach::Only(staging.clone()),
        owner: Some(TokenAnswerer { id: UserId::new(7), role: Role::Admin, disabled: false }),
    };
    let bound = Principal::of_authority(token, RequestOrigin::default()).expect("manages");
    let whole = [
        bound.enroller().map(drop),
        bound.people_reader().map(drop),
        bound.people_writer().map(drop),
        bound.feedback_handler().map(drop),
        bound.audit_reader().map(drop),
        bound.administrator().map(drop),
    ];
    for denied in whole {
        assert_eq!(denied.map_err(|it| it.because), Err(DeniedBecause::OneEnvironment));
    }
    assert!(bound.flag_editor().is_ok() && bound.stopper().is_ok() && bound.approver().is_ok());
    assert!(bound.require_in(&staging).is_ok() && bound.require_in(&production).is_err());
    assert_eq!(bound.environment(None), Ok(Some(staging)));
    assert!(bound.environment(Some(production.clone())).is_err());
    assert_eq!(someone(Role::Viewer).environment(Some(production.clone())), Ok(Some(production)));
}

#[test]
fn a_denied_token_says_how_to_make_the_right_one() {
    let because = [
        DeniedBecause::OneEnvironment,
        DeniedBecause::AnotherEnvironment,
        DeniedBecause::Nobodys,
        DeniedBecause::NoTraits,
    ];
    for because in because {
        let sentence = Denied { operation: Operation::Administer, because }.to_string();
        assert!(
            sentence.contains("Settings → Tokens") && sentence.contains("fader token create"),
            "{sentence}"
        );
    }
}

#[test]
fn qa_and_support_read_only_their_own_changes() {
    for (role, own) in [(Role::Admin, false), (Role::Product, false), (Role::Qa, true), (Role::Support, true)]
    {
        let reader = someone(role).audit_reader().expect("may read");
        assert_eq!(reader.only_own().is_some(), own, "{role}");
    }
    assert!(someone(Role::Viewer).audit_reader().is_err());
}

#[test]
fn a_password_counts_for_ten_minutes() {
    let session = |at_ms| someone(Role::Admin).in_session(SessionId::new(1), at_ms);
    let now_ms = 100 * MINUTE_MS;
    assert!(session(now_ms).recent_administrator(now_ms).is_ok());
    assert!(session(now_ms - PASSWORD_HOLDS_MS + 1).recent_administrator(now_ms).is_ok());
    let late = session(now_ms - PASSWORD_HOLDS_MS).recent_administrator(now_ms);
    assert!(matches!(late, Err(RecentRefused::PasswordNeeded)), "{late:?}");
    assert!(Principal::command_line().recent_administrator(now_ms).is_ok());
    let product = someone(Role::Product).recent_administrator(now_ms);
    assert!(matches!(product, Err(RecentRefused::Denied(_))), "{product:?}");
}

#[test]
fn a_denial_says_who_may() {
    let denied = someone(Role::Qa).flag_editor().expect_err("denied");
    let sentence = denied.to_string();
    assert!(
        sentence.contains("your role (QA)") && sentence.contains("Admin and Product manager may"),
        "{sentence}"
    );
}

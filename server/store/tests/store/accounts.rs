mod guessing;

use store::{
    Browser, DEVICE_KEPT_MS, Denied, DeniedBecause, Invalid, InvitePurpose, MemberState, NewSession,
    ObjectKind, Principal, RequestOrigin, Role, SignInError, StoreError,
};

use crate::harness::*;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

on_both!(
    the_first_admin_comes_with_the_code,
    a_session_is_idle_for_twelve_hours_at_most,
    a_session_ends_after_thirty_days_however_busy,
    signing_in_makes_a_new_session_and_signing_out_ends_it,
    wrong_unknown_and_disabled_answer_alike,
    an_invitation_works_once_and_for_a_week,
    a_reset_link_ends_the_old_sessions_and_lasts_a_day,
    a_changed_password_ends_the_other_sessions,
    one_signs_oneself_out_everywhere_else,
    what_changes_who_may_do_what_asks_for_the_password_again,
    a_password_that_is_tried_first_is_refused,
    the_last_admin_stays,
    disabling_signs_out_at_once,
    a_session_that_was_ended_meanwhile_changes_nothing,
    a_new_role_holds_from_the_next_request,
    of_many_sessions_those_are_known_that_hold,
    an_address_belongs_to_one_account,
    bad_input_is_named,
);

const NEW_PASSWORD: &str = "a brand new password";

pub fn from(address: &str) -> RequestOrigin {
    RequestOrigin { address: address.into(), ..RequestOrigin::default() }
}

pub async fn add(t: &Harness, email: &str, role: Role) -> store::UserId {
    t.store.add_user(&admin(), email, "Some One", role, PASSWORD).await.expect("added")
}

pub async fn is_signed_in(t: &Harness, token: &str) -> bool {
    t.store.find_session(token, origin()).await.expect("reads").is_some()
}

async fn the_first_admin_comes_with_the_code(t: Harness) {
    assert!(t.store.setup_needed().await.expect("reads"));
    let first = t.store.issue_setup_code().await.expect("issued").expect("a code");
    let code = t.store.issue_setup_code().await.expect("issued").expect("a newer code");
    let set_up = |code: String| {
        let store = t.store.clone();
        async move { store.set_up(&code, "Ann@Example.test", "Ann", PASSWORD, &origin(), "browser").await }
    };
    assert!(matches!(set_up(first).await, Err(StoreError::Invalid(Invalid::SetupCode))));
    let session = set_up(code.clone()).await.expect("set up");
    assert_eq!((session.principal.role(), session.principal.email()), (Role::Admin, "ann@example.test"));
    assert!(is_signed_in(&t, &session.token).await);
    assert!(matches!(set_up(code).await, Err(StoreError::Invalid(Invalid::AlreadySetUp))));
    assert_eq!(t.store.issue_setup_code().await.expect("reads"), None);
    let entry = t.store.find_audit(&auditor(), 1).await.expect("reads").expect("an entry");
    assert_eq!(
        (entry.actor.as_str(), entry.sentence.as_str()),
        ("Ann", "set up the workspace and became its first admin")
    );
}

async fn a_session_is_idle_for_twelve_hours_at_most(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    let session = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    t.advance(11 * HOUR_MS);
    assert!(is_signed_in(&t, &session.token).await, "seen after eleven hours");
    t.advance(11 * HOUR_MS);
    assert!(is_signed_in(&t, &session.token).await, "the last visit counts");
    t.advance(12 * HOUR_MS);
    assert!(!is_signed_in(&t, &session.token).await);
}

async fn a_session_ends_after_thirty_days_however_busy(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    let session = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    assert_eq!(session.expires_ms, START_MS + 30 * DAY_MS);
    for _ in 0..(30 * 24 / 10) {
        assert!(is_signed_in(&t, &session.token).await);
        t.advance(10 * HOUR_MS);
    }
    assert!(!is_signed_in(&t, &session.token).await);
}

async fn signing_in_makes_a_new_session_and_signing_out_ends_it(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    let first = t.store.sign_in(" ANN@example.test", PASSWORD, &origin(), "one").await.expect("signs in");
    let second = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "two").await.expect("signs in");
    assert_ne!(first.token, second.token);
    assert_eq!(first.token.len(), 64);
    let sessions = t.store.list_sessions(&first.principal, &first.token).await.expect("reads");
    assert_eq!(sessions.len(), 2);
    let current: Vec<_> = sessions.iter().filter(|s| s.current).map(|s| s.user_agent.as_str()).collect();
    assert_eq!(current, ["one"]);
    t.store.sign_out(&first.token, &origin()).await.expect("signed out");
    t.store.sign_out("nonsense", &origin()).await.expect("no error");
    assert!(!is_signed_in(&t, &first.token).await && is_signed_in(&t, &second.token).await);
    let other = t.store.list_sessions(&second.principal, &second.token).await.expect("reads")[0].id;
    t.store.revoke_session(&second.principal, other).await.expect("revoked");
    assert!(!is_signed_in(&t, &second.token).await);
}

async fn wrong_unknown_and_disabled_answer_alike(t: Harness) {
    let id = add(&t, "ann@example.test", Role::Viewer).await;
    t.store.disable_member(&admin(), id).await.expect("disabled");
    t.store.invite_member(&admin(), "new@example.test", "New", Role::Viewer).await.expect("invited");
    for email in
        ["ann@example.test", "new@example.test", "nobody@example.test", "", "a\u{0}b", "not an address"]
    {
        let refused = t.store.sign_in(email, PASSWORD, &from("192.0.2.7"), "").await;
        assert!(matches!(refused, Err(SignInError::Wrong)), "{email:?}: {refused:?}");
    }
}

async fn an_invitation_works_once_and_for_a_week(t: Harness) {
    let invite =
        async |email: &str| t.store.invite_member(&admin(), email, "New", Role::Qa).await.expect("invited");
    let accept = async |token: &str| t.store.accept_invite(token, PASSWORD, &origin(), "").await;
    let token = invite("a@example.test").await;
    let shown = t.store.find_invite(token.as_str()).await.expect("reads").expect("a link");
    assert_eq!((shown.email.as_str(), shown.purpose), ("a@example.test", InvitePurpose::Join));
    assert_eq!(t.store.list_members(&admin()).await.expect("reads")[0].state, MemberState::Invited);
    let short = t.store.accept_invite(token.as_str(), "short", &origin(), "").await;
    assert!(
        matches!(short, Err(StoreError::Invalid(Invalid::PasswordTooShort))),
        "the link survives a bad password"
    );
    let session = accept(token.as_str()).await.expect("joined");
    assert_eq!(session.principal.role(), Role::Qa);
    assert!(matches!(accept(token.as_str()).await, Err(StoreError::Invalid(Invalid::ExpiredLink))));
    let late = invite("b@example.test").await;
    t.advance(7 * DAY_MS);
    assert_eq!(t.store.find_invite(late.as_str()).await.expect("reads"), None);
    assert!(matches!(accept(late.as_str()).await, Err(StoreError::Invalid(Invalid::ExpiredLink))));
    let again = t.store.list_members(&admin()).await.expect("reads");
    let id = again.iter().find(|m| m.email == "b@example.test").expect("a member").id;
    let fresh = t.store.reset_member(&admin(), id).await.expect("a new link");
    accept(fresh.as_str()).await.expect("joined");
}

async fn a_reset_link_ends_the_old_sessions_and_lasts_a_day(t: Harness) {
    let id = add(&t, "ann@example.test", Role::Viewer).await;
    let old = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let stale = t.store.reset_member(&admin(), id).await.expect("a link");
    let link = t.store.reset_member(&admin(), id).await.expect("a newer link");
    assert_eq!(t.store.find_invite(stale.as_str()).await.expect("reads"), None, "the newest link only");
    assert!(is_signed_in(&t, &old.token).await, "asking for a link ends nothing");
    t.store.accept_invite(link.as_str(), NEW_PASSWORD, &origin(), "").await.expect("reset");
    assert!(!is_signed_in(&t, &old.token).await);
    let refused = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await;
    assert!(matches!(refused, Err(SignInError::Wrong)));
    let link = t.store.reset_member(&admin(), id).await.expect("a link");
    t.advance(DAY_MS);
    assert_eq!(t.store.find_invite(link.as_str()).await.expect("reads"), None);
}

async fn a_changed_password_ends_the_other_sessions(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    let here = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let there = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let principal = t.store.find_session(&here.token, origin()).await.expect("reads").expect("signed in");
    let id = principal.id();
    let link = t.store.reset_member(&admin(), id).await.expect("a link");
    let wrong = t.store.change_password(&principal, "not it at all", NEW_PASSWORD).await;
    assert!(matches!(wrong, Err(StoreError::Invalid(Invalid::WrongPassword))));
    assert_eq!(t.last_sentence().await, "gave a wrong password when it was asked for again");
    assert!(t.store.find_invite(link.as_str()).await.expect("reads").is_some(), "nothing has ended yet");
    let changed = t.store.change_password(&principal, PASSWORD, NEW_PASSWORD).await.expect("changed");
    assert!(!is_signed_in(&t, &there.token).await, "the other browser");
    assert!(!is_signed_in(&t, &here.token).await, "the old token of this one");
    let goes_on = t.store.find_session(&changed.token, origin()).await.expect("reads").expect("signed in");
    assert_eq!(goes_on.id(), id);
    assert_eq!(t.store.find_invite(link.as_str()).await.expect("reads"), None, "an older link has ended");
    let used = t.store.accept_invite(link.as_str(), "a third fine password", &origin(), "").await;
    assert!(matches!(used, Err(StoreError::Invalid(Invalid::ExpiredLink))), "{used:?}");
    t.store.sign_in("ann@example.test", NEW_PASSWORD, &origin(), "").await.expect("signs in");
}

async fn one_signs_oneself_out_everywhere_else(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    add(&t, "bob@example.test", Role::Viewer).await;
    let here = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let there = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let bob = t.store.sign_in("bob@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    assert_eq!(t.store.revoke_other_sessions(&here.principal).await.expect("ended"), 1);
    assert_eq!(t.last_sentence().await, "signed all their other browsers out");
    assert!(is_signed_in(&t, &here.token).await && is_signed_in(&t, &bob.token).await);
    assert!(!is_signed_in(&t, &there.token).await);
    let seq = t.store.live().seq();
    assert_eq!(t.store.revoke_other_sessions(&here.principal).await.expect("nothing to end"), 0);
    assert_eq!(t.store.live().seq(), seq, "and nothing to tell");
}

const SENSITIVE: usize = 12;

/// Everything that asks for the password again, as it is called.
async fn sensitive(t: &Harness, by: &Principal, which: usize) -> Result<(), StoreError> {
    let by = by.recent_administrator(t.store.clock().now_ms())?;
    let store = &t.store;
    let bob = async || {
        let members = store.list_members(&by).await.expect("reads");
        members.into_iter().find(|member| member.email == "bob@example.test").expect("bob").id
    };
    let token = store::NewToken::new("CI", store::TokenKind::Server, production());
    match which {
        0 => store.invite_member(&by, "new@example.test", "New", Role::Viewer).await.map(drop),
        1 => store.set_role(&by, bob().await, Role::Admin).await,
        2 => store.reset_member(&by, bob().await).await.map(drop),
        3 => store.disable_member(&by, bob().await).await,
        4 => store.enable_member(&by, bob().await).await,
        5 => store.add_user(&by, "more@example.test", "More", Role::Viewer, PASSWORD).await.map(drop),
        6 => store.create_token(&by, token).await.map(drop),
        7 => {
            let tokens = store.list_tokens(&by).await.expect("reads");
            store.revoke_token(&by, tokens[0].id).await
        }
        8 => store.set_retention(&by, store::Kept::Exposures, &production(), 30).await,
        9 => store
            .create_webhook(&by, "https://hooks.example.test/fader", store::Reach::Public)
            .await
            .map(drop),
        10 => {
            let hooks = store.list_webhooks(&by).await.expect("reads");
            store.delete_webhook(&by, hooks[0].id).await
        }
        _ => {
            let ada = engine::SubjectKey::parse("ada").expect("a key");
            store.erase_subject(&by, &ada).await.map(drop)
        }
    }
}

async fn what_changes_who_may_do_what_asks_for_the_password_again(t: Harness) {
    add(&t, "ann@example.test", Role::Admin).await;
    add(&t, "bob@example.test", Role::Viewer).await;
    let ada = (engine::SubjectKey::parse("ada").expect("a key"), engine::Attributes::default());
    t.store.put_people(&admin(), vec![ada]).await.expect("saved");
    let session = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let me =
        async || t.store.find_session(&session.token, origin()).await.expect("reads").expect("signed in");
    for which in 0..SENSITIVE {
        t.advance(11 * 60_000);
        let seq = t.store.live().seq();
        let asked = sensitive(&t, &me().await, which).await;
        assert!(matches!(asked, Err(StoreError::PasswordNeeded)), "{which}: {asked:?}");
        assert_eq!(t.store.live().seq(), seq, "{which}: nothing was changed");
        let proved = t.store.prove_password(&me().await, PASSWORD).await.expect("right");
        sensitive(&t, &proved, which).await.unwrap_or_else(|error| panic!("{which}: {error}"));
        assert!(t.store.live().seq() > seq, "{which}: it was done");
        assert!(me().await.recent_administrator(t.store.clock().now_ms()).is_ok(), "the session remembers");
    }
}

async fn a_password_that_is_tried_first_is_refused(t: Harness) {
    let id = add(&t, "ann@example.test", Role::Viewer).await;
    let common = t.store.add_user(&admin(), "bob@example.test", "Bob", Role::Viewer, "password12").await;
    assert!(matches!(common, Err(StoreError::Invalid(Invalid::PasswordCommon))), "{common:?}");
    let ann = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in").principal;
    let own = t.store.change_password(&ann, PASSWORD, "Fader2026!!").await;
    assert!(matches!(own, Err(StoreError::Invalid(Invalid::PasswordIsOwn))), "{own:?}");
    let link = t.store.reset_member(&admin(), id).await.expect("a link");
    let own = t.store.accept_invite(link.as_str(), "ann@example", &origin(), "").await;
    assert!(matches!(own, Err(StoreError::Invalid(Invalid::PasswordIsOwn))), "{own:?}");
    assert!(t.store.find_invite(link.as_str()).await.expect("reads").is_some(), "the link survives");
}

async fn the_last_admin_stays(t: Harness) {
    let first = add(&t, "ann@example.test", Role::Admin).await;
    let demote = t.store.set_role(&admin(), first, Role::Viewer).await;
    assert!(matches!(demote, Err(StoreError::Invalid(Invalid::LastAdmin))));
    let disable = t.store.disable_member(&admin(), first).await;
    assert!(matches!(disable, Err(StoreError::Invalid(Invalid::LastAdmin))));
    t.store.invite_member(&admin(), "invited@example.test", "Invited", Role::Admin).await.expect("invited");
    let still = t.store.disable_member(&admin(), first).await;
    assert!(
        matches!(still, Err(StoreError::Invalid(Invalid::LastAdmin))),
        "an invited admin cannot sign in yet"
    );
    add(&t, "bob@example.test", Role::Admin).await;
    t.store.disable_member(&admin(), first).await.expect("there is another now");
}

/// The request came while the session held, and its change comes after the end.
async fn a_session_that_was_ended_meanwhile_changes_nothing(t: Harness) {
    let id = add(&t, "ann@example.test", Role::Product).await;
    let session = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "a").await.expect("signs in");
    let create = async |key: &str| {
        let by = session.principal.flag_editor().expect("may");
        t.store.create_flag(&by, engine::Flag::boolean(flag_key(key), "A")).await.map(drop)
    };
    create("a").await.expect("it holds");
    t.another().await.revoke_sessions(&admin(), id).await.expect("signed out");
    let refused = create("b").await.expect_err("refused");
    assert!(matches!(refused, StoreError::Denied(Denied { because: DeniedBecause::Ended, .. })), "{refused}");
    assert!(t.store.find_flag(&viewer(), &flag_key("b")).await.expect("reads").is_none());
    t.store.sign_out(&session.token, &origin()).await.expect("it is over already");
}

async fn disabling_signs_out_at_once(t: Harness) {
    let id = add(&t, "ann@example.test", Role::Viewer).await;
    let session = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    t.store.disable_member(&admin(), id).await.expect("disabled");
    assert!(!is_signed_in(&t, &session.token).await);
    let link = t.store.reset_member(&admin(), id).await;
    assert!(matches!(link, Err(StoreError::Invalid(Invalid::DisabledMember))));
    t.store.enable_member(&admin(), id).await.expect("enabled");
    assert!(!is_signed_in(&t, &session.token).await, "the old session does not come back");
    t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
}

async fn a_new_role_holds_from_the_next_request(t: Harness) {
    let id = add(&t, "ann@example.test", Role::Viewer).await;
    let session = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    t.store.set_role(&admin(), id, Role::Product).await.expect("changed");
    assert_eq!(t.last_sentence().await, "changed the role of Some One from Viewer to Product manager");
    let principal = t.store.find_session(&session.token, origin()).await.expect("reads").expect("signed in");
    assert!(principal.flag_editor().is_ok());
    t.store.revoke_sessions(&admin(), id).await.expect("signed out");
    assert!(!is_signed_in(&t, &session.token).await);
}

async fn an_address_belongs_to_one_account(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    let by = admin();
    let taken = t.store.add_user(&by, "ANN@example.test", "Other", Role::Viewer, PASSWORD).await;
    assert!(matches!(taken, Err(StoreError::AlreadyExists { kind: ObjectKind::Member, .. })), "{taken:?}");
    let taken = t.store.invite_member(&by, "Ann@Example.Test", "Other", Role::Viewer).await;
    assert!(matches!(taken, Err(StoreError::AlreadyExists { kind: ObjectKind::Member, .. })), "{taken:?}");
    assert_eq!(t.store.list_members(&by).await.expect("reads").len(), 1);
}

async fn bad_input_is_named(t: Harness) {
    let add = async |email: &str, name: &str, password: &str| match t
        .store
        .add_user(&admin(), email, name, Role::Viewer, password)
        .await
    {
        Err(StoreError::Invalid(invalid)) => invalid,
        other => panic!("{other:?}"),
    };
    assert_eq!(add("nonsense", "Ann", PASSWORD).await, Invalid::Email);
    assert_eq!(add("ann@example.test", " ", PASSWORD).await, Invalid::MemberName);
    assert_eq!(add("ann@example.test", "A\u{0}nn", PASSWORD).await, Invalid::MemberName);
    assert_eq!(add("ann@example.test", "Ann", "short").await, Invalid::PasswordTooShort);
    assert_eq!(add("ann@example.test", "Ann", "ann@example.test").await, Invalid::PasswordIsEmail);
    assert!(t.store.list_members(&admin()).await.expect("reads").is_empty());
}

async fn of_many_sessions_those_are_known_that_hold(t: Harness) {
    let ids = ["ann", "ben", "cleo"];
    let mut sessions = Vec::new();
    for name in ids {
        let email = format!("{name}@example.test");
        add(&t, &email, Role::Product).await;
        sessions.push(t.store.sign_in(&email, PASSWORD, &from("192.0.2.1"), "browser").await.expect("in"));
    }
    let asked: Vec<_> = sessions.iter().filter_map(|it| it.principal.session_id()).collect();
    assert_eq!(asked.len(), 3);
    let held = async || t.store.sessions_that_hold(&asked).await.expect("reads");
    assert_eq!(held().await, asked.iter().copied().collect());
    t.store.sign_out(&sessions[0].token, &origin()).await.expect("signed out");
    t.store.disable_member(&admin(), sessions[1].principal.id()).await.expect("disabled");
    assert_eq!(held().await, [asked[2]].into());
    t.advance(13 * HOUR_MS);
    assert!(held().await.is_empty(), "idle for too long");
    assert!(t.store.sessions_that_hold(&[]).await.expect("reads").is_empty());
}

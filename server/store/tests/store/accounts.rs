use store::{
    Browser, DEVICE_KEPT_MS, Invalid, InvitePurpose, MemberState, NewSession, ObjectKind, Principal,
    RequestOrigin, Role, SignInError, StoreError,
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
    guessing_is_slowed_down,
    strangers_cannot_lock_the_owner_out,
    neighbours_cannot_lock_the_owner_out,
    many_accounts_from_one_address_are_slowed_down,
    an_invitation_works_once_and_for_a_week,
    a_reset_link_ends_the_old_sessions_and_lasts_a_day,
    a_changed_password_ends_the_other_sessions,
    one_signs_oneself_out_everywhere_else,
    what_changes_who_may_do_what_asks_for_the_password_again,
    a_wrong_password_given_again_is_slowed_down_and_told,
    a_password_that_is_tried_first_is_refused,
    nobody_is_locked_out_by_ten_thousand_strangers,
    the_oldest_strangers_make_room,
    a_familiar_device_counts_its_own_failures,
    the_last_admin_stays,
    disabling_signs_out_at_once,
    a_new_role_holds_from_the_next_request,
    of_many_sessions_those_are_known_that_hold,
    an_address_belongs_to_one_account,
    bad_input_is_named,
);

const NEW_PASSWORD: &str = "a brand new password";

pub fn from(address: &str) -> RequestOrigin {
    RequestOrigin { request_id: String::new(), address: address.into() }
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

async fn guess(t: &Harness, email: &str, address: &str) -> Result<(), u64> {
    match t.store.sign_in(email, "not the password", &from(address), "").await {
        Err(SignInError::Wrong) => Ok(()),
        Err(SignInError::Throttled { retry_after_s }) => Err(retry_after_s),
        other => panic!("{other:?}"),
    }
}

async fn guessing_is_slowed_down(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    for _ in 0..5 {
        assert_eq!(guess(&t, "ann@example.test", "192.0.2.1").await, Ok(()));
    }
    assert_eq!(guess(&t, "ann@example.test", "192.0.2.1").await, Err(1));
    let right = t.store.sign_in("ann@example.test", PASSWORD, &from("192.0.2.1"), "").await;
    assert!(matches!(right, Err(SignInError::Throttled { .. })), "not even the right one, for the moment");
    t.advance(1000);
    assert_eq!(guess(&t, "ann@example.test", "192.0.2.1").await, Ok(()));
    assert_eq!(guess(&t, "ann@example.test", "192.0.2.1").await, Err(2), "the delay doubles");
    t.advance(2000);
    t.store.sign_in("ann@example.test", PASSWORD, &from("192.0.2.1"), "").await.expect("signs in");
    assert_eq!(guess(&t, "ann@example.test", "192.0.2.1").await, Ok(()), "a success starts anew");
}

async fn strangers_cannot_lock_the_owner_out(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    t.store.sign_in("ann@example.test", PASSWORD, &from("198.51.100.1"), "").await.expect("signs in");
    let mut wait_s = 0;
    for stranger in 0..40 {
        if let Err(retry_after_s) = guess(&t, "ann@example.test", &format!("203.0.113.{stranger}")).await {
            wait_s = wait_s.max(retry_after_s);
            t.advance(i64::try_from(retry_after_s).expect("small") * 1000);
        }
    }
    assert!((1..=30).contains(&wait_s), "the account is slowed down, but not for long: {wait_s}");
    let elsewhere = t.store.sign_in("ann@example.test", PASSWORD, &from("198.51.100.99"), "").await;
    let familiar = t.store.sign_in("ann@example.test", PASSWORD, &from("198.51.100.1"), "").await;
    assert!(familiar.is_ok(), "{familiar:?}");
    drop(elsewhere);
}

async fn neighbours_cannot_lock_the_owner_out(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    t.store.sign_in("ann@example.test", PASSWORD, &from("198.51.100.1"), "").await.expect("signs in");
    let mut throttled = false;
    for account in 0..40 {
        throttled |= guess(&t, &format!("somebody-{account}@example.test"), "198.51.100.1").await.is_err();
    }
    assert!(throttled, "the address is slowed down");
    let familiar = t.store.sign_in("ann@example.test", PASSWORD, &from("198.51.100.1"), "").await;
    assert!(familiar.is_ok(), "{familiar:?}");
}

async fn many_accounts_from_one_address_are_slowed_down(t: Harness) {
    let mut throttled = false;
    for account in 0..40 {
        throttled |=
            guess(&t, &format!("somebody-{account}@example.test"), "2001:db8:1:2::77").await.is_err();
    }
    assert!(throttled);
    assert!(
        guess(&t, "else@example.test", "2001:db8:1:2:3:4:5:6").await.is_err(),
        "the whole network is one address"
    );
    assert_eq!(guess(&t, "else@example.test", "192.0.2.200").await, Ok(()));
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

async fn a_wrong_password_given_again_is_slowed_down_and_told(t: Harness) {
    add(&t, "ann@example.test", Role::Admin).await;
    let mine = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let other = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    for _ in 0..5 {
        let wrong = t.store.prove_password(&other.principal, "not it at all").await;
        assert!(matches!(wrong, Err(StoreError::Invalid(Invalid::WrongPassword))), "{wrong:?}");
    }
    assert_eq!(t.last_sentence().await, "gave a wrong password when it was asked for again");
    let slowed = t.store.prove_password(&other.principal, PASSWORD).await;
    assert!(matches!(slowed, Err(StoreError::Invalid(Invalid::TooManyAttempts { .. }))), "{slowed:?}");
    t.store.prove_password(&mine.principal, PASSWORD).await.expect("another session has its own allowance");
    t.store.sign_out(&mine.token, &origin()).await.expect("signed out");
    let gone = t.store.prove_password(&mine.principal, PASSWORD).await;
    assert!(matches!(gone, Err(StoreError::PasswordNeeded)), "{gone:?}");
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

/// Somebody signs in from an address, with a device or without; a throttled one says how long to wait.
async fn come(t: &Harness, password: &str, address: &str, device: Option<&str>) -> Result<NewSession, u64> {
    let browser = Browser { user_agent: "", device };
    match t.store.sign_in("ann@example.test", password, &from(address), browser).await {
        Ok(session) => Ok(session),
        Err(SignInError::Wrong) => Err(0),
        Err(SignInError::Throttled { retry_after_s }) => Err(retry_after_s),
        Err(SignInError::Store(error)) => panic!("{error}"),
    }
}

/// So many addresses in an hour, each once: how many guesses were looked at.
async fn strangers_for_an_hour(t: &Harness, strangers: u32, mut between: impl AsyncFnMut(u32)) -> u64 {
    let mut guesses = 0;
    for n in 0..strangers {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + n * 7).to_string();
        let answer = come(t, "not the password", &address, None).await;
        guesses += u64::from(answer.is_err_and(|wait_s| wait_s == 0));
        t.advance(HOUR_MS / i64::from(strangers));
        between(n).await;
    }
    guesses
}

async fn nobody_is_locked_out_by_ten_thousand_strangers(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    let home = come(&t, PASSWORD, "198.51.100.1", None).await.expect("signs in");
    let device = home.device.expect("a device cookie");
    let (mut waited_ms, mut back_ms) = (None, None);
    let started_ms = t.store.clock().now_ms();
    // Every attempt is several questions to PostgreSQL: there, fewer show the same.
    let strangers = if t.is_sqlite() { 10_000 } else { 2_000 };
    let guesses = strangers_for_an_hour(&t, strangers, async |n| {
        let now_ms = t.store.clock().now_ms();
        if n == strangers / 2 {
            let at_once = come(&t, PASSWORD, "203.0.113.9", Some(&device)).await;
            assert!(at_once.is_ok(), "the familiar device, wherever it is: {at_once:?}");
            let known = come(&t, PASSWORD, "198.51.100.1", None).await;
            assert!(known.is_ok(), "the familiar address: {known:?}");
            back_ms = Some(now_ms);
        }
        // A new device at a new place: it tries whenever it was told to.
        if waited_ms.is_none() && back_ms.is_some_and(|at_ms| now_ms >= at_ms) {
            match come(&t, PASSWORD, "192.0.2.200", None).await {
                Ok(_) => waited_ms = Some(now_ms),
                Err(wait_s) => back_ms = Some(now_ms + i64::try_from(wait_s).expect("small") * 1000),
            }
        }
    })
    .await;
    let waited_ms = waited_ms.expect("got in") - started_ms - HOUR_MS / 2;
    assert!(waited_ms <= 30_000, "a new device waited {waited_ms} ms");
    assert!((300..=400).contains(&guesses), "{guesses} guesses in an hour");
}

async fn the_oldest_strangers_make_room(t: Harness) {
    let strangers = format!(
        "INSERT INTO sign_in_attempts (scope, subject_hash, failures, last_ms, blocked_until_ms) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100100) \
         SELECT 'address', CAST(i AS TEXT), 1, {START_MS} - 200000 + i, 0 FROM n"
    );
    t.sql(&strangers).await.expect("strangers");
    assert_eq!(come(&t, "wrong", "192.0.2.1", None).await.err(), Some(0));
    let kept = t.text("SELECT CAST(COUNT(*) AS TEXT) FROM sign_in_attempts").await;
    assert!((100_000..=100_010).contains(&kept.parse::<u32>().expect("a number")), "{kept}");
    let oldest = "SELECT CAST(COUNT(*) AS TEXT) FROM sign_in_attempts WHERE subject_hash IN ('1', '50')";
    assert_eq!(t.text(oldest).await, "0", "the oldest are forgiven");
}

async fn a_familiar_device_counts_its_own_failures(t: Harness) {
    add(&t, "ann@example.test", Role::Viewer).await;
    add(&t, "bob@example.test", Role::Viewer).await;
    let device = come(&t, PASSWORD, "198.51.100.1", None).await.expect("signs in").device.expect("a device");
    for _ in 0..5 {
        assert_eq!(come(&t, "wrong", "203.0.113.1", Some(&device)).await.err(), Some(0));
    }
    assert_eq!(
        come(&t, PASSWORD, "203.0.113.1", Some(&device)).await.err(),
        Some(1),
        "it is slowed down too"
    );
    let browser = Browser { user_agent: "", device: Some(&device) };
    let mut throttled = false;
    for _ in 0..20 {
        let guess = t.store.sign_in("bob@example.test", "wrong", &from("203.0.113.2"), browser).await;
        throttled |= matches!(guess, Err(SignInError::Throttled { .. }));
    }
    assert!(throttled, "to another account it is a stranger");
    let again =
        t.store.sign_in("bob@example.test", PASSWORD, &from("203.0.113.3"), browser).await.expect("in");
    assert_eq!(again.device.as_deref(), Some(&*device), "a browser of two members keeps its secret");
    let made_up = come(&t, PASSWORD, "198.51.100.1", Some("a secret of my own")).await.expect("signs in");
    assert_ne!(made_up.device.as_deref(), Some("a secret of my own"), "only what was given out is known");
    let hashes = t.text("SELECT CAST(COUNT(*) AS TEXT) FROM devices WHERE length(token_hash) = 64").await;
    assert_eq!(hashes, t.text("SELECT CAST(COUNT(*) AS TEXT) FROM devices").await);
    t.advance(DEVICE_KEPT_MS);
    let late = come(&t, "wrong", "203.0.113.4", Some(&device)).await;
    assert_eq!(late.err(), Some(0), "after ninety days it is a stranger again");
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

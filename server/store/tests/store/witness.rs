//! Who came and went, in the audit log; and ending somebody else's sessions.

use store::{Action, AuditEntry, AuditFilter, ObjectKind, Role, SignInError, StoreError};

use crate::{
    accounts::{add, from, is_signed_in},
    harness::*,
};

on_both!(
    who_comes_and_goes_stands_in_the_audit_log,
    nobody_fills_the_audit_log_by_guessing,
    an_admin_signs_a_member_out_everywhere,
);

/// Entries about these actions, once there are so many of them: some are written after the answer.
async fn told(t: &Harness, actions: &[Action], count: usize) -> Vec<AuditEntry> {
    let found = async {
        loop {
            let entries = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads");
            let entries: Vec<_> = entries.into_iter().filter(|it| actions.contains(&it.action)).collect();
            if entries.len() >= count {
                return entries;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), found).await.expect("told")
}

async fn an_admin_signs_a_member_out_everywhere(t: Harness) {
    let ann = add(&t, "ann@example.test", Role::Qa).await;
    let one = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    let two = t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    t.store.revoke_sessions(&admin(), ann).await.expect("ended");
    assert!(!is_signed_in(&t, &one.token).await && !is_signed_in(&t, &two.token).await);
    assert_eq!(t.last_sentence().await, "signed Some One out everywhere");
    t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("may come again");
    let nobody = t.store.revoke_sessions(&admin(), store::UserId::new(999)).await;
    assert!(matches!(nobody, Err(StoreError::NotFound { kind: ObjectKind::Member, .. })), "{nobody:?}");
}

async fn who_comes_and_goes_stands_in_the_audit_log(t: Harness) {
    add(&t, "ann@example.test", Role::Qa).await;
    let bob = add(&t, "bob@example.test", Role::Qa).await;
    t.store.disable_member(&admin(), bob).await.expect("disabled");
    let mut announcements = t.store.live().subscribe();
    let all = [Action::SignedIn, Action::SignInRefused, Action::SignedOut];
    let mut expected = Vec::new();
    let line = |sentence: &str, actor: &str, address: &str| {
        (sentence.to_owned(), actor.to_owned(), address.to_owned())
    };
    let session =
        t.store.sign_in("ann@example.test", PASSWORD, &from("192.0.2.1"), "").await.expect("signs in");
    expected.push(line("signed in, from a new device and address", "Some One", "192.0.2.1"));
    t.store.sign_in("ann@example.test", PASSWORD, &from("192.0.2.1"), "").await.expect("signs in");
    expected.push(line("signed in", "Some One", "192.0.2.1"));
    t.store.sign_out(&session.token, &from("192.0.2.2")).await.expect("signed out");
    t.store.sign_out(&session.token, &from("192.0.2.2")).await.expect("is signed out already");
    expected.push(line("signed out", "Some One", "192.0.2.2"));
    told(&t, &all, expected.len()).await;
    for (email, whom, why) in [
        ("ann@example.test", "Some One (ann@example.test)", ": the password was wrong"),
        ("bob@example.test", "Some One (bob@example.test)", ": the member is disabled"),
        ("my secret password", "an account that does not exist", ""),
    ] {
        let refused = t.store.sign_in(email, "not the password", &from("198.51.100.7"), "").await;
        assert!(matches!(refused, Err(SignInError::Wrong)), "{refused:?}");
        let sentence = format!("refused a sign-in as {whom}{why}");
        expected.push(line(&sentence, "Fader", "198.51.100.7"));
        told(&t, &all, expected.len()).await;
    }
    let entries = told(&t, &all, expected.len()).await;
    let found: Vec<_> =
        entries.iter().rev().map(|it| (it.sentence.clone(), it.actor.clone(), it.address.clone())).collect();
    assert_eq!(found, expected);
    for entry in &entries {
        let text = format!("{entry:?}");
        assert!(!text.contains("secret") && !text.contains("not the password"), "{text}");
    }
    assert!(announcements.try_recv().is_err(), "nobody's page is told");
}

async fn nobody_fills_the_audit_log_by_guessing(t: Harness) {
    add(&t, "ann@example.test", Role::Qa).await;
    for n in 0..30 {
        let address = from(&format!("10.0.{n}.1"));
        let refused = t.store.sign_in(&format!("nobody-{n}@example.test"), "guessed", &address, "").await;
        assert!(matches!(refused, Err(SignInError::Wrong)), "{refused:?}");
    }
    let last = told(&t, &[Action::SignInRefused], 11).await;
    let most = "refused more than 10 sign-ins as an account that does not exist within ten minutes";
    assert!(last.iter().any(|it| it.sentence == most), "{last:?}");
    t.store.sign_in("ann@example.test", PASSWORD, &origin(), "").await.expect("signs in");
    assert_eq!(told(&t, &[Action::SignInRefused], 11).await.len(), 11);
}

//! Whoever guesses is slowed down, and nobody else.

use super::*;

on_both!(
    guessing_is_slowed_down,
    strangers_cannot_lock_the_owner_out,
    neighbours_cannot_lock_the_owner_out,
    many_accounts_from_one_address_are_slowed_down,
    a_wrong_password_given_again_is_slowed_down_and_told,
    nobody_is_locked_out_by_ten_thousand_strangers,
    the_oldest_strangers_make_room,
    a_familiar_device_counts_its_own_failures,
);

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
    let last = t.store.last_of_device(&device).await.expect("reads");
    t.advance(1);
    let again =
        t.store.sign_in("bob@example.test", PASSWORD, &from("203.0.113.3"), browser).await.expect("in");
    let bob = Some(again.principal.id());
    assert!(last.is_some() && last != bob);
    assert_eq!(t.store.last_of_device(&device).await.expect("reads"), bob, "whoever came last");
    assert_eq!(again.device.as_deref(), Some(&*device), "a browser of two members keeps its secret");
    let made_up = come(&t, PASSWORD, "198.51.100.1", Some("a secret of my own")).await.expect("signs in");
    assert_ne!(made_up.device.as_deref(), Some("a secret of my own"), "only what was given out is known");
    let hashes = t.text("SELECT CAST(COUNT(*) AS TEXT) FROM devices WHERE length(token_hash) = 64").await;
    assert_eq!(hashes, t.text("SELECT CAST(COUNT(*) AS TEXT) FROM devices").await);
    t.advance(DEVICE_KEPT_MS);
    assert_eq!(t.store.last_of_device(&device).await.expect("reads"), None);
    let late = come(&t, "wrong", "203.0.113.4", Some(&device)).await;
    assert_eq!(late.err(), Some(0), "after ninety days it is a stranger again");
}

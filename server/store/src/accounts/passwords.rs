//! Passwords: argon2id with the parameters OWASP recommends, hashed off the async threads, a few at a time. Whoever would
//! have to wait long is told so at once: checking passwords never takes more than its share of the machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread::available_parallelism,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::guessable;
use crate::{
    Invalid, StoreError,
    limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORDS_WAITING_MAX},
};

/// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What whoever finds the queue full is told.
const BUSY_RETRY_AFTER_S: u64 = 2;
/// Attempts between two sweeps of what is too old to count.
const SWEEP_EVERY: u32 = 64;

/// Who waits with whom: a flood of strangers keeps nobody waiting who was here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Somebody signed in, with a link, or on a familiar device.
    Known,
    Strangers,
}

/// Whose new password it is: what everybody knows of them is no password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
}

#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    known: Counter,
    strangers: Counter,
    attempts: Arc<AtomicU32>,
}

/// A few are served at once, a few wait.
#[derive(Debug, Clone)]
struct Counter {
    places: Arc<Semaphore>,
    served: Arc<Semaphore>,
}

impl Counter {
    fn new(at_once: usize) -> Self {
        let places = Arc::new(Semaphore::new(at_once + PASSWORDS_WAITING_MAX));
        Self { places, served: Arc::new(Semaphore::new(at_once)) }
    }
}

/// Being served: the password of one request is checked with it.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    _held: Arc<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Passwords {
    /// Each hash takes 19 MiB and a core for some 20 ms: strangers and the others get half of the cores each at most.
    pub(crate) fn new() -> Self {
        let at_once = available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        Self { known: Counter::new(at_once), strangers: Counter::new(at_once), attempts: Arc::default() }
    }

    /// Waits for a seat, shortly; `Busy` when too many wait already.
    pub(crate) async fn seat(&self, queue: Queue) -> Result<Seat, StoreError> {
        let busy = StoreError::Busy { retry_after_s: BUSY_RETRY_AFTER_S };
        let Counter { places, served } = match queue {
            Queue::Known => &self.known,
            Queue::Strangers => &self.strangers,
        };
        let Ok(place) = Arc::clone(places).try_acquire_owned() else { return Err(busy) };
        let Ok(turn) = Arc::clone(served).acquire_owned().await else { return Err(busy) };
        Ok(Seat { _held: Arc::new((turn, place)) })
    }

    /// Whether it is time to forget old attempts: now and then.
    pub(crate) fn is_sweep_due(&self) -> bool {
        self.attempts.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY)
    }

    /// Checks the rules for a new password and hashes it.
    pub(crate) async fn hash_new(&self, owner: Owner<'_>, password: &str) -> Result<String, StoreError> {
        check_length(owner.email, password)?;
        let seat = self.seat(Queue::Known).await?;
        let (email, name, new) = (owner.email.to_owned(), owner.name.to_owned(), password.to_owned());
        let guessed = seat.run(move || guessable::check(Owner { email: &email, name: &name }, &new)).await?;
        guessed?;
        seat.hash(password.to_owned()).await
    }
}

impl Seat {
    async fn hash(&self, password: String) -> Result<String, StoreError> {
        self.run(move || argon2()?.hash_password(password.as_bytes()).map(|hash| hash.to_string()).ok())
            .await?
            .ok_or(StoreError::Entropy)
    }

    /// Whether the password is right. Without a hash to compare with, it takes as long and is not.
    pub(crate) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, StoreError> {
        if password.chars().count() > PASSWORD_CHARS_MAX {
            return Ok(false);
        }
        let password = password.to_owned();
        let Some(hash) = hash else {
            self.hash(password).await?;
            return Ok(false);
        };
        self.run(move || {
            let parsed = PasswordHash::new(&hash).ok()?;
            Some(argon2()?.verify_password(password.as_bytes(), &parsed).is_ok())
        })
        .await
        .map(Option::unwrap_or_default)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let seat = self.clone();
        let result = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller goes away.
            let _seat = seat;
            work()
        });
        result.await.map_err(|_| StoreError::Database(sqlx::Error::WorkerCrashed))
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn check_length(email: &str, password: &str) -> Result<(), Invalid> {
    let chars = password.chars().count();
    if chars < PASSWORD_CHARS_MIN {
        return Err(Invalid::PasswordTooShort);
    }
    if chars > PASSWORD_CHARS_MAX {
        return Err(Invalid::PasswordTooLong);
    }
    if password.to_lowercase() == email.to_lowercase() {
        return Err(Invalid::PasswordIsEmail);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Owner<'_> = Owner { email: "ann@example.test", name: "Ann" };

    #[test]
    fn new_passwords_have_rules() {
        let check = |password: &str| check_length(ANN.email, password);
        assert_eq!(check("123456789"), Err(Invalid::PasswordTooShort));
        assert_eq!(check(&"x".repeat(201)), Err(Invalid::PasswordTooLong));
        assert_eq!(check("ANN@example.test"), Err(Invalid::PasswordIsEmail));
        assert_eq!(check("ölkännchen"), Ok(()));
    }

    #[tokio::test]
    async fn a_hash_verifies_and_says_its_parameters() {
        let passwords = Passwords::new();
        let hash = passwords.hash_new(ANN, "correct horse battery").await.expect("hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let seat = passwords.seat(Queue::Strangers).await.expect("a seat");
        assert!(seat.verify("correct horse battery", Some(hash.clone())).await.expect("verify"));
        assert!(!seat.verify("wrong horse", Some(hash)).await.expect("verify"));
        assert!(!seat.verify("correct horse battery", None).await.expect("verify"));
    }

    #[tokio::test]
    async fn a_flood_of_strangers_is_sent_away_and_keeps_nobody_else_waiting() {
        let passwords = Passwords::new();
        let served = passwords.strangers.served.available_permits();
        let mut seats = Vec::new();
        for _ in 0..served {
            seats.push(passwords.seat(Queue::Strangers).await.expect("a seat"));
        }
        let waiting: Vec<_> = (0..PASSWORDS_WAITING_MAX)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.seat(Queue::Strangers).await })
            })
            .collect();
        while passwords.strangers.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let late = passwords.seat(Queue::Strangers).await;
        assert!(matches!(late, Err(StoreError::Busy { retry_after_s: 1.. })), "{late:?}");
        passwords.seat(Queue::Known).await.expect("those who were here before have their own");
        drop(seats);
        for one in waiting {
            one.await.expect("ends").expect("was served");
        }
    }
}

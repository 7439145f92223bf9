//! Passwords: argon2id with the parameters OWASP recommends, hashed off the async threads, a few at a time.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::{
    Invalid, StoreError,
    limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN},
};

/// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Each takes 19 MiB and a core for some 20 ms.
const AT_ONCE_MAX: usize = 4;

#[derive(Debug, Clone)]
pub(crate) struct Passwords(Arc<Semaphore>);

impl Passwords {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE_MAX)))
    }

    /// Checks the rules for a new password of `email` and hashes it.
    pub(crate) async fn hash_new(&self, email: &str, password: &str) -> Result<String, StoreError> {
        check_new(email, password)?;
        self.hash(password.to_owned()).await
    }

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
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let result = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when the caller goes away.
            let _permit = permit;
            work()
        });
        result.await.map_err(|_| StoreError::Database(sqlx::Error::WorkerCrashed))
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

pub(crate) fn check_new(email: &str, password: &str) -> Result<(), Invalid> {
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

    #[test]
    fn new_passwords_have_rules() {
        let check = |password: &str| check_new("ann@example.test", password);
        assert_eq!(check("123456789"), Err(Invalid::PasswordTooShort));
        assert_eq!(check(&"x".repeat(201)), Err(Invalid::PasswordTooLong));
        assert_eq!(check("ANN@example.test"), Err(Invalid::PasswordIsEmail));
        assert_eq!(check("ölkännchen"), Ok(()));
    }

    #[tokio::test]
    async fn a_hash_verifies_and_says_its_parameters() {
        let passwords = Passwords::new();
        let hash = passwords.hash_new("ann@example.test", "correct horse").await.expect("hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse", Some(hash.clone())).await.expect("verify"));
        assert!(!passwords.verify("wrong horse", Some(hash)).await.expect("verify"));
        assert!(!passwords.verify("correct horse", None).await.expect("verify"));
    }
}

//! Password hashes: argon2id, away from the async threads.

use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use parlor_domain::security::{Password, PasswordHash, PasswordHasher, SecurityError};
use std::num::NonZeroUsize;
use std::sync::Arc;
use tokio::sync::Semaphore;

// 19 MiB, two passes, one lane: the first choice of the OWASP Password Storage Cheat Sheet for argon2id,
// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What an unknown user's password is compared with, so that the answer takes as long as for a known one: random bytes as
/// salt and hash, with the parameters above. No password is known to fit, and none that fits would be let in.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$aUt9/9DxnzCbh2Is6HtLIQ$MW5MqPdzoB9qaifOHxRQbwIup/KuZb1m3/RFkzhXWV0";

/// Hashes with argon2id, as many at once as there are cores: a flood of logins costs neither all memory nor all threads.
pub struct Argon2PasswordHasher {
    argon2: Argon2<'static>,
    at_once: Arc<Semaphore>,
}

impl Argon2PasswordHasher {
    /// Makes the hasher.
    ///
    /// # Errors
    /// The parameters do not fit, which a test would have seen.
    pub fn new() -> Result<Self, SecurityError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| SecurityError(format!("argon2 parameters: {error}")))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            argon2,
            at_once: Arc::new(Semaphore::new(cores)),
        })
    }

    async fn away<T: Send + 'static>(&self, work: impl FnOnce(&Argon2<'static>) -> Result<T, SecurityError> + Send + 'static) -> Result<T, SecurityError> {
        let turn = Arc::clone(&self.at_once)
            .acquire_owned()
            .await
            .map_err(|error| SecurityError(error.to_string()))?;
        let argon2 = self.argon2.clone();
        tokio::task::spawn_blocking(move || {
            // Held by the work itself: a caller who gives up does not stop it and must not make room for more.
            let _turn = turn;
            work(&argon2)
        })
        .await
        .map_err(|error| SecurityError(format!("password hashing broke off: {error}")))?
    }
}

#[async_trait]
impl PasswordHasher for Argon2PasswordHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, SecurityError> {
        self.away(move |argon2| hash(argon2, password.expose())).await
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, SecurityError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| PasswordHash(NOBODY.to_owned()));
        let fits = self.away(move |argon2| fits(argon2, password.expose(), &hash)).await?;
        Ok(known && fits)
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<PasswordHash, SecurityError> {
    let hash: phc::PasswordHash = argon2
        .hash_password(password.as_bytes())
        .map_err(|error| SecurityError(format!("password hashing failed: {error}")))?;
    Ok(PasswordHash(hash.to_string()))
}

fn fits(argon2: &Argon2<'_>, password: &str, hash: &PasswordHash) -> Result<bool, SecurityError> {
    let hash = phc::PasswordHash::new(&hash.0).map_err(|error| SecurityError(format!("a stored password hash cannot be read: {error}")))?;
    match argon2.verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(SecurityError(format!("password verification failed: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn only_the_password_that_was_hashed_fits() {
        let hasher = Argon2PasswordHasher::new().unwrap();
        let hash = hasher.hash(password("correct horse battery")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify(password("correct horse battery"), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify(password("correct horse batterY"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn each_hash_has_its_own_salt() {
        let hasher = Argon2PasswordHasher::new().unwrap();
        let (one, other) = (
            hasher.hash(password("correct horse battery")).await,
            hasher.hash(password("correct horse battery")).await,
        );
        assert_ne!(one.unwrap(), other.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_a_password_not_even_the_one_that_was_hashed_for_nobody() {
        let hasher = Argon2PasswordHasher::new().unwrap();
        assert!(!hasher.verify(password("correct horse battery"), None).await.unwrap());
        assert!(!hasher.verify(password("the password of nobody"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_an_error_and_not_a_no() {
        let hasher = Argon2PasswordHasher::new().unwrap();
        assert!(
            hasher
                .verify(password("correct horse battery"), Some(PasswordHash("plain".into())))
                .await
                .is_err()
        );
    }
}

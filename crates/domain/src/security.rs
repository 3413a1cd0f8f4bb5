//! Ports for secrets: password hashes, signed tokens, encryption.

use crate::clock::Timestamp;
use crate::id::{AgentId, LoginId};
use async_trait::async_trait;
use std::fmt;

/// A password as typed. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes 10–200 characters. The upper bound keeps hashing cheap.
    ///
    /// # Errors
    /// What [`crate::text::InvalidText`] says.
    pub fn parse(raw: &str) -> Result<Self, crate::text::InvalidText> {
        use crate::text::InvalidText;
        if raw.contains('\0') {
            return Err(InvalidText::Nul);
        }
        let length = raw.chars().count();
        if length < 10 {
            return Err(InvalidText::Shape("must have at least 10 characters"));
        }
        if length > 200 {
            return Err(InvalidText::TooLong { max: 200, actual: length });
        }
        Ok(Self(raw.to_owned()))
    }

    /// A password that somebody tries at login: any text up to 200 characters, the rest cut, since no password is longer.
    #[must_use]
    pub fn attempt(raw: &str) -> Self {
        Self(raw.chars().take(201).collect())
    }

    /// The plain text, for the hasher.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password hash in PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The helper behind a port failed; the cause is in the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SecurityError(pub String);

/// Slow hashing, away from the async threads.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes with a fresh salt.
    async fn hash(&self, password: Password) -> Result<PasswordHash, SecurityError>;
    /// Whether the password is the one. With `None` it does the same work and says no, so that an unknown user takes as long as a known one.
    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, SecurityError>;
}

/// What a staff access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who.
    pub agent_id: AgentId,
    /// Which login; it ends the token when it ends.
    pub login_id: LoginId,
    /// The agent's `auth_version` at issue; a higher one ends the token.
    pub auth_version: i64,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What a refresh token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshClaims {
    /// Which login.
    pub login_id: LoginId,
    /// The how-many-th token of this login.
    pub generation: i64,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What a host site's token says about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostClaims {
    /// The host's id of the person: `sub`.
    pub subject: String,
    /// The role claim, if there is one.
    pub role: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// False only if `email_verified` is false.
    pub email_verified: bool,
    /// `name`.
    pub name: Option<String>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It was right and has run out.
    #[error("the token has expired")]
    Expired,
    /// Anything else: signature, algorithm, audience, shape.
    #[error("the token is not valid")]
    Invalid,
}

/// Signs and checks staff tokens. Access and refresh tokens have different audiences and never stand in for one another.
pub trait Tokens: Send + Sync {
    /// Signs an access token.
    fn sign_access(&self, claims: &AccessClaims) -> Result<String, SecurityError>;
    /// Checks an access token: signature, one algorithm, `iss`, `aud`, `exp` against `now`.
    fn verify_access(&self, token: &str, now: Timestamp) -> Result<AccessClaims, InvalidToken>;
    /// Signs a refresh token.
    fn sign_refresh(&self, claims: &RefreshClaims) -> Result<String, SecurityError>;
    /// Checks a refresh token.
    fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<RefreshClaims, InvalidToken>;
}

/// Checks tokens that a host site signed for its own users.
#[async_trait]
pub trait HostTokens: Send + Sync {
    /// Checks signature with the configured secret or key set, `exp`, and `aud`, `iss` where configured. May wait some seconds for the
    /// host's newest keys.
    async fn verify(&self, token: &str, now: Timestamp) -> Result<HostClaims, InvalidToken>;
}

/// Encrypts what must be stored and read again.
pub trait SecretBox: Send + Sync {
    /// Encrypts and authenticates.
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SecurityError>;
    /// Opens what [`Self::seal`] made.
    fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SecurityError>;
}

//! Fakes for secrets. They protect nothing and are for tests only: fast, and what they make can be read.

use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::LoginId;
use parlor_domain::security::{
    AccessClaims, HostClaims, HostTokens, InvalidToken, Password, PasswordHash, PasswordHasher, RefreshClaims, SecretBox, SecurityError, Tokens,
};
use serde_json::{Value, json};

/// Keeps passwords in the clear. For tests only.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainPasswordHasher;

impl PlainPasswordHasher {
    /// What [`PasswordHasher::hash`] would make, for builders.
    #[must_use]
    pub fn hash_of(password: &str) -> PasswordHash {
        PasswordHash(format!("$plain${password}"))
    }
}

#[async_trait]
impl PasswordHasher for PlainPasswordHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, SecurityError> {
        Ok(Self::hash_of(password.expose()))
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, SecurityError> {
        Ok(hash == Some(Self::hash_of(password.expose())))
    }
}

/// Staff tokens without a signature. For tests only.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainTokens;

const ACCESS: &str = "access";
const REFRESH: &str = "refresh";

impl PlainTokens {
    /// The claims behind the audience's word, unless they ran out.
    fn read(token: &str, audience: &str, now: Timestamp) -> Result<(Value, Timestamp), InvalidToken> {
        let claims = token
            .strip_prefix(audience)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or(InvalidToken::Invalid)?;
        let claims: Value = serde_json::from_str(claims).map_err(|_| InvalidToken::Invalid)?;
        let expires_at: Timestamp = field(&claims, "exp")?;
        if now >= expires_at {
            Err(InvalidToken::Expired)
        } else {
            Ok((claims, expires_at))
        }
    }
}

fn field<T: serde::de::DeserializeOwned>(claims: &Value, name: &str) -> Result<T, InvalidToken> {
    serde_json::from_value(claims.get(name).cloned().unwrap_or_default()).map_err(|_| InvalidToken::Invalid)
}

impl Tokens for PlainTokens {
    fn sign_access(&self, claims: &AccessClaims) -> Result<String, SecurityError> {
        let claims = json!({ "sub": claims.agent_id, "sid": claims.login_id, "ver": claims.auth_version, "exp": claims.expires_at });
        Ok(format!("{ACCESS} {claims}"))
    }

    fn verify_access(&self, token: &str, now: Timestamp) -> Result<AccessClaims, InvalidToken> {
        let (claims, expires_at) = Self::read(token, ACCESS, now)?;
        Ok(AccessClaims {
            agent_id: field(&claims, "sub")?,
            login_id: field(&claims, "sid")?,
            auth_version: field(&claims, "ver")?,
            expires_at,
        })
    }

    fn sign_refresh(&self, claims: &RefreshClaims) -> Result<String, SecurityError> {
        let claims = json!({ "sid": claims.login_id, "gen": claims.generation, "exp": claims.expires_at });
        Ok(format!("{REFRESH} {claims}"))
    }

    fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<RefreshClaims, InvalidToken> {
        let (claims, expires_at) = Self::read(token, REFRESH, now)?;
        let login_id: LoginId = field(&claims, "sid")?;
        Ok(RefreshClaims {
            login_id,
            generation: field(&claims, "gen")?,
            expires_at,
        })
    }
}

/// Host-site tokens without a signature. For tests only.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainHostTokens;

impl PlainHostTokens {
    /// The token that says this.
    #[must_use]
    pub fn token(claims: &HostClaims) -> String {
        json!({
            "sub": claims.subject, "role": claims.role, "email": claims.email, "email_verified": claims.email_verified, "name": claims.name,
            "exp": claims.expires_at,
        })
        .to_string()
    }
}

#[async_trait]
impl HostTokens for PlainHostTokens {
    async fn verify(&self, token: &str, now: Timestamp) -> Result<HostClaims, InvalidToken> {
        let claims: Value = serde_json::from_str(token).map_err(|_| InvalidToken::Invalid)?;
        let claims = HostClaims {
            subject: field(&claims, "sub")?,
            role: field(&claims, "role")?,
            email: field(&claims, "email")?,
            email_verified: field(&claims, "email_verified")?,
            name: field(&claims, "name")?,
            expires_at: field(&claims, "exp")?,
        };
        if now >= claims.expires_at { Err(InvalidToken::Expired) } else { Ok(claims) }
    }
}

/// Wraps instead of encrypting. For tests only.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainSecretBox;

const SEAL: &[u8] = b"sealed:";

impl SecretBox for PlainSecretBox {
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SecurityError> {
        Ok([SEAL, plain].concat())
    }

    fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SecurityError> {
        sealed
            .strip_prefix(SEAL)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| SecurityError("not sealed here".to_owned()))
    }
}

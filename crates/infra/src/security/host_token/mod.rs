//! Tokens that a host site signs for its own users: JWT, with the secret it shares with this server (HS256), or with keys whose public
//! halves it publishes (RS256, ES256).

mod key_set;
mod keys;
#[cfg(test)]
mod test_keys;

use crate::security::jwt;
use crate::security::token::ISSUER;
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode, decode_header};
pub use key_set::{InvalidKeySetPlace, KeySet, KeySetError, KeySetPace, KeySetPlace};
use parlor_domain::clock::Timestamp;
use parlor_domain::security::{HostClaims, HostTokens, InvalidToken};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How far the host's clock may be from ours.
const LEEWAY: Duration = Duration::from_secs(60);

/// Checks the tokens of a host site.
pub struct HostJwt {
    signer: Signer,
    validation: Validation,
    role_claim: String,
}

/// Who signs, and so with which algorithm.
enum Signer {
    /// Whoever has the secret.
    Secret(DecodingKey),
    /// Whoever has the other half of one of these keys.
    KeySet(Arc<KeySet>),
}

/// What is read; hosts put in whatever else they like.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Seconds, perhaps with a fraction (RFC 7519).
    exp: f64,
    nbf: Option<f64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl HostJwt {
    /// Believes what is signed with `secret`; audience and issuer are checked where given. `role_claim` names the claim with the role.
    #[must_use]
    pub fn with_secret(secret: &str, audience: Option<&str>, issuer: Option<&str>, role_claim: &str) -> Self {
        Self::new(Signer::Secret(DecodingKey::from_secret(secret.as_bytes())), audience, issuer, role_claim)
    }

    /// Believes what is signed with a key of the set, with that key's algorithm; the rest as for a secret.
    #[must_use]
    pub fn with_key_set(keys: Arc<KeySet>, audience: Option<&str>, issuer: Option<&str>, role_claim: &str) -> Self {
        Self::new(Signer::KeySet(keys), audience, issuer, role_claim)
    }

    fn new(signer: Signer, audience: Option<&str>, issuer: Option<&str>, role_claim: &str) -> Self {
        jwt::install();
        let mut validation = Validation::new(Algorithm::HS256);
        // The crate would ask the system for the time; `verify` compares with the caller's.
        validation.validate_exp = false;
        let mut required = vec!["exp", "sub"];
        match audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        if let Some(issuer) = issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Self {
            signer,
            validation,
            role_claim: role_claim.to_owned(),
        }
    }

    async fn decode(&self, token: &str) -> Option<TokenData<Claims>> {
        match &self.signer {
            Signer::Secret(key) => decode(token, key, &self.validation).ok(),
            Signer::KeySet(keys) => {
                let header = decode_header(token).ok()?;
                // No key of a set is for any other; these need not make anybody look for one.
                if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
                    return None;
                }
                let key = keys.find(&header).await?;
                let mut validation = self.validation.clone();
                validation.algorithms = vec![key.algorithm];
                decode(token, &key.key, &validation).ok()
            }
        }
    }
}

#[async_trait]
impl HostTokens for HostJwt {
    async fn verify(&self, token: &str, now: Timestamp) -> Result<HostClaims, InvalidToken> {
        let token = self.decode(token).await.ok_or(InvalidToken::Invalid)?;
        let claims = token.claims;
        // `crit` names extensions without which a token means something else (RFC 7515, 4.1.11); this server knows none.
        let changed_meaning = token.header.crit.is_some();
        // An operator may give host and server one secret by mistake; even then a staff token is no person of the host.
        let our_own = claims.rest.get("iss").and_then(Value::as_str) == Some(ISSUER);
        if changed_meaning || our_own || claims.sub.is_empty() || claims.nbf.is_some_and(|from| moment(from) > now.plus(LEEWAY)) {
            return Err(InvalidToken::Invalid);
        }
        let expires_at = moment(claims.exp);
        if expires_at <= now.minus(LEEWAY) {
            return Err(InvalidToken::Expired);
        }
        let text = |claim: &str| claims.rest.get(claim).and_then(Value::as_str).map(str::to_owned);
        Ok(HostClaims {
            role: text(&self.role_claim),
            email: text("email"),
            email_verified: claims.rest.get("email_verified") != Some(&Value::Bool(false)),
            name: text("name"),
            subject: claims.sub,
            expires_at,
        })
    }
}

impl fmt::Debug for HostJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostJwt(…)")
    }
}

/// What is beyond all time becomes its end: `as` keeps a float within the bounds of the integer.
fn moment(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests;

//! Staff tokens: JWT, signed with HS256 under a key derived from the server's secret.

use crate::security::jwt;
use crate::security::secret::{Purpose, ServerSecret};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{AgentId, LoginId};
use parlor_domain::security::{AccessClaims, InvalidToken, RefreshClaims, SecurityError, Tokens};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The `iss` of every token that this server signs.
pub(super) const ISSUER: &str = "parlor";

const ALGORITHM: Algorithm = Algorithm::HS256;

/// What a token is good for. Audience and kind both say it, so that one forgotten check does not let one stand in for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Access,
    Refresh,
}

impl Kind {
    const fn audience(self) -> &'static str {
        match self {
            Self::Access => "parlor:access",
            Self::Refresh => "parlor:refresh",
        }
    }
}

/// The claims that every token has, around those of its kind.
#[derive(Serialize, Deserialize)]
struct Claims<T> {
    iss: String,
    aud: String,
    /// Seconds, as RFC 7519 wants it; what is finer is cut, so a token never lives longer than it was asked to.
    exp: i64,
    kind: Kind,
    #[serde(flatten)]
    own: T,
}

#[derive(Serialize, Deserialize)]
struct Access {
    sub: AgentId,
    sid: LoginId,
    ver: i64,
}

#[derive(Serialize, Deserialize)]
struct Refresh {
    sub: LoginId,
    #[serde(rename = "gen")]
    generation: i64,
}

/// Signs and checks the staff tokens of this server. Its clock is the caller's `now`, so there is no leeway.
pub struct JwtTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    access: Validation,
    refresh: Validation,
}

impl JwtTokens {
    /// Takes its key from the server's secret, so all nodes believe each other's tokens.
    ///
    /// # Errors
    /// Never in practice; see [`ServerSecret::derive`].
    pub fn new(secret: &ServerSecret) -> Result<Self, SecurityError> {
        jwt::install();
        let key = secret.derive(Purpose::StaffTokens)?;
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            access: validation(Kind::Access),
            refresh: validation(Kind::Refresh),
        })
    }

    fn sign<T: Serialize>(&self, kind: Kind, expires_at: Timestamp, own: T) -> Result<String, SecurityError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: kind.audience().to_owned(),
            exp: expires_at.millis().div_euclid(1000),
            kind,
            own,
        };
        encode(&Header::new(ALGORITHM), &claims, &self.encoding).map_err(|error| SecurityError(format!("a token cannot be signed: {error}")))
    }

    fn verify<T: DeserializeOwned>(&self, token: &str, kind: Kind, validation: &Validation, now: Timestamp) -> Result<(T, Timestamp), InvalidToken> {
        let claims = decode::<Claims<T>>(token, &self.decoding, validation)
            .map_err(|_| InvalidToken::Invalid)?
            .claims;
        if claims.kind != kind {
            return Err(InvalidToken::Invalid);
        }
        let expires_at = Timestamp(claims.exp.saturating_mul(1000));
        if expires_at <= now {
            Err(InvalidToken::Expired)
        } else {
            Ok((claims.own, expires_at))
        }
    }
}

impl Tokens for JwtTokens {
    fn sign_access(&self, claims: &AccessClaims) -> Result<String, SecurityError> {
        self.sign(
            Kind::Access,
            claims.expires_at,
            Access {
                sub: claims.agent_id,
                sid: claims.login_id,
                ver: claims.auth_version,
            },
        )
    }

    fn verify_access(&self, token: &str, now: Timestamp) -> Result<AccessClaims, InvalidToken> {
        let (Access { sub, sid, ver }, expires_at) = self.verify(token, Kind::Access, &self.access, now)?;
        Ok(AccessClaims {
            agent_id: sub,
            login_id: sid,
            auth_version: ver,
            expires_at,
        })
    }

    fn sign_refresh(&self, claims: &RefreshClaims) -> Result<String, SecurityError> {
        self.sign(
            Kind::Refresh,
            claims.expires_at,
            Refresh {
                sub: claims.login_id,
                generation: claims.generation,
            },
        )
    }

    fn verify_refresh(&self, token: &str, now: Timestamp) -> Result<RefreshClaims, InvalidToken> {
        let (Refresh { sub, generation }, expires_at) = self.verify(token, Kind::Refresh, &self.refresh, now)?;
        Ok(RefreshClaims {
            login_id: sub,
            generation,
            expires_at,
        })
    }
}

impl fmt::Debug for JwtTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtTokens(…)")
    }
}

fn validation(kind: Kind) -> Validation {
    let mut validation = Validation::new(ALGORITHM);
    // The crate would ask the system for the time; `verify` compares with the caller's.
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["exp", "sub", "aud", "iss"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[kind.audience()]);
    validation
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};
    use std::time::Duration;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp(1_763_629_203_120);
    const IN_A_QUARTER: Timestamp = Timestamp(1_763_630_103_000);

    fn tokens() -> JwtTokens {
        JwtTokens::new(&ServerSecret::parse("5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6").unwrap()).unwrap()
    }

    fn access() -> AccessClaims {
        AccessClaims {
            agent_id: AgentId(Uuid::from_u128(1)),
            login_id: LoginId(Uuid::from_u128(2)),
            auth_version: 3,
            expires_at: IN_A_QUARTER,
        }
    }

    fn refresh() -> RefreshClaims {
        RefreshClaims {
            login_id: LoginId(Uuid::from_u128(2)),
            generation: 5,
            expires_at: IN_A_QUARTER,
        }
    }

    fn payload(token: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    }

    /// Signs any claims with the server's own key.
    fn signed(tokens: &JwtTokens, claims: &Value) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &tokens.encoding).unwrap()
    }

    #[test]
    fn a_token_says_what_it_was_signed_with() {
        let tokens = tokens();
        assert_eq!(tokens.verify_access(&tokens.sign_access(&access()).unwrap(), NOW), Ok(access()));
        assert_eq!(tokens.verify_refresh(&tokens.sign_refresh(&refresh()).unwrap(), NOW), Ok(refresh()));
    }

    #[test]
    fn neither_kind_stands_in_for_the_other_even_with_its_claims_or_audience_alone() {
        let tokens = tokens();
        let (access, refresh) = (tokens.sign_access(&access()).unwrap(), tokens.sign_refresh(&refresh()).unwrap());
        assert_eq!(tokens.verify_refresh(&access, NOW), Err(InvalidToken::Invalid));
        assert_eq!(tokens.verify_access(&refresh, NOW), Err(InvalidToken::Invalid));

        let mut both = payload(&access);
        both["gen"] = json!(5);
        assert_eq!(tokens.verify_refresh(&signed(&tokens, &both), NOW), Err(InvalidToken::Invalid));
        both["aud"] = json!("parlor:refresh");
        assert_eq!(
            tokens.verify_refresh(&signed(&tokens, &both), NOW),
            Err(InvalidToken::Invalid),
            "the kind says no"
        );
        both["kind"] = json!("refresh");
        assert!(tokens.verify_refresh(&signed(&tokens, &both), NOW).is_ok());
    }

    #[test]
    fn every_claim_is_demanded_and_issuer_and_audience_must_be_ours() {
        let tokens = tokens();
        let right = payload(&tokens.sign_access(&access()).unwrap());
        for claim in ["iss", "aud", "exp", "sub", "sid", "ver", "kind"] {
            let mut without = right.clone();
            without.as_object_mut().unwrap().remove(claim).unwrap();
            assert_eq!(
                tokens.verify_access(&signed(&tokens, &without), NOW),
                Err(InvalidToken::Invalid),
                "without {claim}"
            );
        }
        for (claim, value) in [
            ("iss", json!("someone")),
            ("iss", json!(["parlor", "someone"])),
            ("aud", json!("someone")),
            ("aud", json!(["parlor:access", "x"])),
        ] {
            let mut wrong = right.clone();
            wrong[claim] = value;
            assert_eq!(tokens.verify_access(&signed(&tokens, &wrong), NOW), Err(InvalidToken::Invalid), "{wrong}");
        }
    }

    #[test]
    fn a_token_ends_at_its_second() {
        let tokens = tokens();
        let token = tokens.sign_access(&access()).unwrap();
        assert!(tokens.verify_access(&token, IN_A_QUARTER.minus(Duration::from_millis(1))).is_ok());
        assert_eq!(tokens.verify_access(&token, IN_A_QUARTER), Err(InvalidToken::Expired));

        let finer = AccessClaims {
            expires_at: IN_A_QUARTER.plus(Duration::from_millis(999)),
            ..access()
        };
        assert_eq!(
            tokens.verify_access(&tokens.sign_access(&finer).unwrap(), IN_A_QUARTER),
            Err(InvalidToken::Expired)
        );
    }

    #[test]
    fn a_changed_token_and_one_of_another_server_are_refused() {
        let tokens = tokens();
        let token = tokens.sign_access(&access()).unwrap();
        let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        for part in 0..3 {
            for byte in 0..parts[part].len() {
                let mut changed = parts.clone();
                changed[part][byte] ^= 1;
                let changed: Vec<String> = changed.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
                assert_eq!(
                    tokens.verify_access(&changed.join("."), NOW),
                    Err(InvalidToken::Invalid),
                    "part {part}, byte {byte}"
                );
            }
        }
        let other = JwtTokens::new(&ServerSecret::parse("6e52d513bcd5c3b87c0820e022128d603c8f262739bfe3b7").unwrap()).unwrap();
        assert_eq!(other.verify_access(&token, NOW), Err(InvalidToken::Invalid));
    }

    #[test]
    fn the_header_does_not_choose_the_algorithm() {
        let tokens = tokens();
        let token = tokens.sign_access(&access()).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":""}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"ES256"}"#,
        ] {
            for signature in [signature, ""] {
                let token = format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(header));
                assert_eq!(tokens.verify_access(&token, NOW), Err(InvalidToken::Invalid), "{header}");
            }
        }
        for nonsense in ["", ".", "..", "...", "a.b.c", &format!("{token}.x"), &format!(" {token}"), "nul\0"] {
            assert_eq!(tokens.verify_access(nonsense, NOW), Err(InvalidToken::Invalid));
        }
    }
}

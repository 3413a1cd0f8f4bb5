//! Tokens that a host site signs for its own users: JWT, HS256 with the secret it shares with this server.

use crate::security::jwt;
use crate::security::token::ISSUER;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use parlor_domain::clock::Timestamp;
use parlor_domain::security::{HostClaims, HostTokens, InvalidToken};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// How far the host's clock may be from ours.
const LEEWAY: Duration = Duration::from_secs(60);

/// Checks the tokens of a host site.
pub struct HostJwt {
    key: DecodingKey,
    validation: Validation,
    role_claim: String,
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
    pub fn new(secret: &str, audience: Option<&str>, issuer: Option<&str>, role_claim: &str) -> Self {
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
            key: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            role_claim: role_claim.to_owned(),
        }
    }
}

impl HostTokens for HostJwt {
    fn verify(&self, token: &str, now: Timestamp) -> Result<HostClaims, InvalidToken> {
        let token = decode::<Claims>(token, &self.key, &self.validation).map_err(|_| InvalidToken::Invalid)?;
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_763_629_203_120);
    const IN_AN_HOUR: u64 = 1_763_632_803;
    const SECRET: &str = "5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6";

    fn sign(secret: &str, header: &Header, claims: &Value) -> String {
        jwt::install();
        encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn token(claims: &Value) -> String {
        sign(SECRET, &Header::new(Algorithm::HS256), claims)
    }

    fn open() -> HostJwt {
        HostJwt::new(SECRET, None, None, "role")
    }

    #[test]
    fn a_token_says_who_somebody_is() {
        let claims = json!({ "sub": "u-17", "exp": IN_AN_HOUR, "role": "seller", "email": "ada@example.com", "name": "Ada", "aud": "shop", "iss": "https://shop.example.com", "more": [1] });
        assert_eq!(
            open().verify(&token(&claims), NOW),
            Ok(HostClaims {
                subject: "u-17".into(),
                role: Some("seller".into()),
                email: Some("ada@example.com".into()),
                email_verified: true,
                name: Some("Ada".into()),
                expires_at: Timestamp(IN_AN_HOUR as i64 * 1000),
            })
        );
    }

    #[test]
    fn only_a_plain_false_makes_an_email_unverified_and_claims_of_other_shapes_are_left_out() {
        let host = HostJwt::new(SECRET, None, None, "https://shop.example.com/role");
        let claims = json!({ "sub": "u-17", "exp": IN_AN_HOUR, "email": "ada@example.com", "email_verified": false, "https://shop.example.com/role": "customer", "name": 7 });
        let read = host.verify(&token(&claims), NOW).unwrap();
        assert_eq!((read.role.as_deref(), read.email_verified, read.name), (Some("customer"), false, None));
    }

    #[test]
    fn subject_and_expiry_are_demanded() {
        for claims in [
            json!({ "exp": IN_AN_HOUR }),
            json!({ "sub": "u-17" }),
            json!({ "sub": "", "exp": IN_AN_HOUR }),
            json!({ "sub": 17, "exp": IN_AN_HOUR }),
            json!({ "sub": null, "exp": IN_AN_HOUR }),
            json!({ "sub": "u-17", "exp": "tomorrow" }),
            json!({ "sub": "u-17", "exp": null }),
            json!({ "sub": "u-17", "exp": -1 }),
            json!({ "sub": "u-17", "exp": IN_AN_HOUR, "nbf": IN_AN_HOUR }),
        ] {
            assert_eq!(open().verify(&token(&claims), NOW), Err(InvalidToken::Invalid), "{claims}");
        }
    }

    #[test]
    fn a_minute_of_skew_is_forgiven_and_not_more() {
        let token = token(&json!({ "sub": "u-17", "exp": IN_AN_HOUR }));
        let end = Timestamp(IN_AN_HOUR as i64 * 1000);
        assert!(open().verify(&token, end.plus(Duration::from_millis(59_999))).is_ok());
        assert_eq!(open().verify(&token, end.plus(LEEWAY)), Err(InvalidToken::Expired));
    }

    #[test]
    fn an_expiry_may_have_a_fraction_or_lie_beyond_all_time() {
        assert_eq!(
            open()
                .verify(&token(&json!({ "sub": "u", "exp": 1_763_632_803.5 })), NOW)
                .map(|read| read.expires_at),
            Ok(Timestamp(1_763_632_803_500))
        );
        assert_eq!(
            open().verify(&token(&json!({ "sub": "u", "exp": 1e18 })), NOW).map(|read| read.expires_at),
            Ok(Timestamp(i64::MAX))
        );
    }

    #[test]
    fn audience_and_issuer_are_checked_when_configured() {
        let host = HostJwt::new(SECRET, Some("parlor-chat"), Some("https://shop.example.com"), "role");
        let right = json!({ "sub": "u-17", "exp": IN_AN_HOUR, "aud": "parlor-chat", "iss": "https://shop.example.com" });
        assert!(host.verify(&token(&right), NOW).is_ok());
        for (claim, value, fits) in [
            ("aud", json!(["other", "parlor-chat"]), true),
            ("aud", json!(["other"]), false),
            ("aud", json!([]), false),
            ("aud", json!("other"), false),
            ("aud", json!(null), false),
            ("aud", json!({ "parlor-chat": true }), false),
            ("iss", json!("https://other.example.com"), false),
            ("iss", json!(null), false),
            ("iss", json!(7), false),
        ] {
            let mut claims = right.clone();
            claims[claim] = value;
            assert_eq!(host.verify(&token(&claims), NOW).is_ok(), fits, "{claims}");
        }
    }

    #[test]
    fn other_secrets_algorithms_and_no_signature_are_refused() {
        let claims = json!({ "sub": "u-17", "exp": IN_AN_HOUR });
        let right = token(&claims);
        let other = sign("6e52d513bcd5c3b87c0820e022128d603c8f262739bfe3b7", &Header::new(Algorithm::HS256), &claims);
        assert_eq!(open().verify(&other, NOW), Err(InvalidToken::Invalid));
        let body = right.split('.').nth(1).unwrap();
        let signature = right.rsplit('.').next().unwrap();
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS384"}"#, r#"{"alg":"RS256"}"#, r#"{"alg":"ES256"}"#] {
            for signature in ["", signature] {
                let forged = format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(header));
                assert_eq!(open().verify(&forged, NOW), Err(InvalidToken::Invalid), "{header}");
            }
        }
        assert_eq!(open().verify(&format!("{right}x"), NOW), Err(InvalidToken::Invalid));
    }

    #[test]
    fn our_own_staff_tokens_and_unknown_extensions_are_refused_even_under_the_same_secret() {
        assert_eq!(
            open().verify(&token(&json!({ "sub": "u-17", "exp": IN_AN_HOUR, "iss": "parlor" })), NOW),
            Err(InvalidToken::Invalid)
        );
        let mut header = Header::new(Algorithm::HS256);
        header.crit = Some(vec!["b64".into()]);
        assert_eq!(
            open().verify(&sign(SECRET, &header, &json!({ "sub": "u-17", "exp": IN_AN_HOUR })), NOW),
            Err(InvalidToken::Invalid)
        );
    }
}

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::test_keys::{EcKey, RSA_TOKEN, rsa_jwk};
use super::*;
use crate::outgoing::GuardedClient;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
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
    HostJwt::with_secret(SECRET, None, None, "role")
}

/// With a secret there is nothing to wait for.
fn verify(host: &HostJwt, token: &str, now: Timestamp) -> Result<HostClaims, InvalidToken> {
    host.verify(token, now).now_or_never().unwrap()
}

#[test]
fn a_token_says_who_somebody_is() {
    let claims = json!({ "sub": "u-17", "exp": IN_AN_HOUR, "role": "seller", "email": "ada@example.com", "name": "Ada", "aud": "shop", "iss": "https://shop.example.com", "more": [1] });
    assert_eq!(
        verify(&open(), &token(&claims), NOW),
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
    let host = HostJwt::with_secret(SECRET, None, None, "https://shop.example.com/role");
    let claims = json!({ "sub": "u-17", "exp": IN_AN_HOUR, "email": "ada@example.com", "email_verified": false, "https://shop.example.com/role": "customer", "name": 7 });
    let read = verify(&host, &token(&claims), NOW).unwrap();
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
        assert_eq!(verify(&open(), &token(&claims), NOW), Err(InvalidToken::Invalid), "{claims}");
    }
}

#[test]
fn a_minute_of_skew_is_forgiven_and_not_more() {
    let token = token(&json!({ "sub": "u-17", "exp": IN_AN_HOUR }));
    let end = Timestamp(IN_AN_HOUR as i64 * 1000);
    assert!(verify(&open(), &token, end.plus(Duration::from_millis(59_999))).is_ok());
    assert_eq!(verify(&open(), &token, end.plus(LEEWAY)), Err(InvalidToken::Expired));
}

#[test]
fn an_expiry_may_have_a_fraction_or_lie_beyond_all_time() {
    assert_eq!(
        verify(&open(), &token(&json!({ "sub": "u", "exp": 1_763_632_803.5 })), NOW).map(|read| read.expires_at),
        Ok(Timestamp(1_763_632_803_500))
    );
    assert_eq!(
        verify(&open(), &token(&json!({ "sub": "u", "exp": 1e18 })), NOW).map(|read| read.expires_at),
        Ok(Timestamp(i64::MAX))
    );
}

#[test]
fn audience_and_issuer_are_checked_when_configured() {
    let host = HostJwt::with_secret(SECRET, Some("parlor-chat"), Some("https://shop.example.com"), "role");
    let right = json!({ "sub": "u-17", "exp": IN_AN_HOUR, "aud": "parlor-chat", "iss": "https://shop.example.com" });
    assert!(verify(&host, &token(&right), NOW).is_ok());
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
        assert_eq!(verify(&host, &token(&claims), NOW).is_ok(), fits, "{claims}");
    }
}

#[test]
fn other_secrets_algorithms_and_no_signature_are_refused() {
    let claims = json!({ "sub": "u-17", "exp": IN_AN_HOUR });
    let right = token(&claims);
    let other = sign("6e52d513bcd5c3b87c0820e022128d603c8f262739bfe3b7", &Header::new(Algorithm::HS256), &claims);
    assert_eq!(verify(&open(), &other, NOW), Err(InvalidToken::Invalid));
    let body = right.split('.').nth(1).unwrap();
    let signature = right.rsplit('.').next().unwrap();
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS384"}"#, r#"{"alg":"RS256"}"#, r#"{"alg":"ES256"}"#] {
        for signature in ["", signature] {
            let forged = format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(verify(&open(), &forged, NOW), Err(InvalidToken::Invalid), "{header}");
        }
    }
    assert_eq!(verify(&open(), &format!("{right}x"), NOW), Err(InvalidToken::Invalid));
}

#[test]
fn our_own_staff_tokens_and_unknown_extensions_are_refused_even_under_the_same_secret() {
    assert_eq!(
        verify(&open(), &token(&json!({ "sub": "u-17", "exp": IN_AN_HOUR, "iss": "parlor" })), NOW),
        Err(InvalidToken::Invalid)
    );
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["b64".into()]);
    assert_eq!(
        verify(&open(), &sign(SECRET, &header, &json!({ "sub": "u-17", "exp": IN_AN_HOUR })), NOW),
        Err(InvalidToken::Invalid)
    );
}

fn key_set(jwks: &[Value], audience: Option<&str>, issuer: Option<&str>) -> HostJwt {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, json!({ "keys": jwks }).to_string()).unwrap();
    let keys = KeySet::open(KeySetPlace::File(path), Arc::new(GuardedClient::new(&[]).unwrap())).unwrap();
    // Nobody reads it again here, so nobody need wait for that.
    let keys = keys.with_pace(KeySetPace {
        whole: Duration::ZERO,
        ..KeySetPace::default()
    });
    HostJwt::with_key_set(Arc::new(keys), audience, issuer, "role")
}

#[tokio::test]
async fn with_a_key_set_the_key_says_the_algorithm_and_no_secret_counts() {
    let key = EcKey::new();
    let host = key_set(&[key.jwk("ec-1"), rsa_jwk()], None, None);
    let claims = json!({ "sub": "u-17", "exp": IN_AN_HOUR });
    let good = key.sign(&json!({ "alg": "ES256", "kid": "ec-1" }), &claims);
    assert_eq!(host.verify(&good, NOW).await.unwrap().subject, "u-17");
    assert_eq!(host.verify(RSA_TOKEN, NOW).await.unwrap().subject, "u-17");
    let nameless = key.sign(&json!({ "alg": "ES256" }), &claims);
    assert!(host.verify(&nameless, NOW).await.is_ok());

    let mut hs256 = Header::new(Algorithm::HS256);
    hs256.kid = Some("ec-1".into());
    let public = URL_SAFE_NO_PAD.decode(key.jwk("ec-1")["x"].as_str().unwrap()).unwrap();
    let by_public_key = encode(&hs256, &claims, &EncodingKey::from_secret(&public)).unwrap();
    let body = good.split('.').nth(1).unwrap();
    let none = format!("{}.{body}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"ec-1"}"#));
    for wrong in [
        by_public_key,
        token(&claims),
        none,
        key.sign(&json!({ "alg": "RS256", "kid": "ec-1" }), &claims),
        key.sign(&json!({ "alg": "RS256", "kid": "rsa-1" }), &claims),
        key.sign(&json!({ "alg": "ES256", "kid": "rsa-1" }), &claims),
        key.sign(&json!({ "alg": "ES384", "kid": "ec-1" }), &claims),
        key.sign(&json!({ "alg": "ES256", "kid": "ec-2" }), &claims),
        key.sign(&json!({ "alg": "ES256", "kid": "ec-1", "crit": ["b64"] }), &claims),
        EcKey::new().sign(&json!({ "alg": "ES256", "kid": "ec-1" }), &claims),
        EcKey::new().sign(&json!({ "alg": "ES256" }), &claims),
        "x.y.z".into(),
    ] {
        assert_eq!(host.verify(&wrong, NOW).await, Err(InvalidToken::Invalid), "{wrong}");
    }
}

#[tokio::test]
async fn with_a_key_set_claims_are_checked_as_with_a_secret() {
    let key = EcKey::new();
    let host = key_set(&[key.jwk("a")], Some("parlor-chat"), Some("https://shop.example.com"));
    let right = json!({ "sub": "u-17", "exp": IN_AN_HOUR, "aud": "parlor-chat", "iss": "https://shop.example.com" });
    let sign = |claims: &Value| key.sign(&json!({ "alg": "ES256", "kid": "a" }), claims);
    assert!(host.verify(&sign(&right), NOW).await.is_ok());
    let end = Timestamp(IN_AN_HOUR as i64 * 1000);
    assert!(host.verify(&sign(&right), end.plus(Duration::from_secs(59))).await.is_ok());
    assert_eq!(host.verify(&sign(&right), end.plus(LEEWAY)).await, Err(InvalidToken::Expired));
    for (claim, value) in [
        ("sub", json!(null)),
        ("sub", json!("")),
        ("exp", json!(null)),
        ("nbf", json!(IN_AN_HOUR)),
        ("aud", json!("other")),
        ("aud", json!(null)),
        ("iss", json!("https://other.example.com")),
        ("iss", json!("parlor")),
        ("iss", json!(null)),
    ] {
        let mut claims = right.clone();
        claims[claim] = value;
        assert_eq!(host.verify(&sign(&claims), NOW).await, Err(InvalidToken::Invalid), "{claims}");
    }
}

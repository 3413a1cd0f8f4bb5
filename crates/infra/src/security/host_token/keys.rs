//! The keys of a JSON Web Key Set (RFC 7517) that this server can use: RSA for RS256 and P-256 for ES256.

use super::key_set::KeySetError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// Bytes of an RSA modulus that the cryptography takes: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Bytes of one coordinate on P-256.
const P256_BYTES: usize = 32;

/// A public key, for the one algorithm it is made for.
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// What a key set holds for us.
#[derive(Default)]
pub(super) struct Keys(Vec<Arc<Key>>);

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct WrittenKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    /// Reads a set. Keys of other kinds and for other uses are left out, and so are those that make no sense: a set may hold what it
    /// likes for others (RFC 7517, 5).
    pub(super) fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let set: WrittenSet = serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok().and_then(usable));
        Ok(Self(keys.map(Arc::new).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one key that a token with this header can be signed with: of its `kid`, or of any where it names none.
    pub(super) fn find(&self, header: &Header) -> Option<Arc<Key>> {
        let named = |key: &Key| header.kid.is_none() || key.id == header.kid;
        let mut fitting = self.0.iter().filter(|key| key.algorithm == header.alg && named(key));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(Arc::clone(key)),
            _ => None,
        }
    }
}

fn usable(written: WrittenKey) -> Option<Key> {
    let for_signatures = written.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
    let for_verifying = written.key_ops.as_ref().is_none_or(|uses| uses.iter().any(|operation| operation == "verify"));
    let (algorithm, name) = match (written.kty.as_str(), written.crv.as_deref()) {
        ("RSA", _) => (Algorithm::RS256, "RS256"),
        ("EC", Some("P-256")) => (Algorithm::ES256, "ES256"),
        _ => return None,
    };
    if !for_signatures || !for_verifying || written.alg.as_deref().is_some_and(|told| told != name) {
        return None;
    }
    let key = match algorithm {
        Algorithm::RS256 => rsa(&written.n?, &written.e?)?,
        _ => p256(&written.x?, &written.y?)?,
    };
    Some(Key {
        id: written.kid,
        algorithm,
        key,
    })
}

fn rsa(n: &str, e: &str) -> Option<DecodingKey> {
    let (n, e) = (number(n)?, number(e)?);
    (RSA_BYTES.contains(&n.len()) && !e.is_empty()).then(|| DecodingKey::from_rsa_raw_components(&n, &e))
}

/// Some write a zero in front, as for signed numbers; the cryptography refuses that.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn p256(x: &str, y: &str) -> Option<DecodingKey> {
    let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == P256_BYTES);
    (coordinate(x).is_some() && coordinate(y).is_some())
        .then(|| DecodingKey::from_ec_components(x, y).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::super::test_keys::{EcKey, rsa_jwk};
    use super::*;
    use serde_json::json;

    fn found(set: &Value, alg: Algorithm, kid: Option<&str>) -> bool {
        let mut header = Header::new(alg);
        header.kid = kid.map(str::to_owned);
        Keys::parse(set.to_string().as_bytes()).unwrap().find(&header).is_some()
    }

    fn with(mut jwk: Value, field: &str, value: Value) -> Value {
        jwk[field] = value;
        jwk
    }

    #[test]
    fn a_kid_picks_its_key_and_none_the_only_one_that_fits() {
        let (first, second) = (EcKey::new().jwk("a"), EcKey::new().jwk("b"));
        let both = json!({ "keys": [first, second, rsa_jwk()] });
        assert!(found(&both, Algorithm::ES256, Some("a")) && found(&both, Algorithm::ES256, Some("b")));
        assert!(!found(&both, Algorithm::ES256, Some("c")) && !found(&both, Algorithm::ES256, Some("rsa-1")));
        assert!(!found(&both, Algorithm::ES256, None));
        assert!(found(&both, Algorithm::RS256, None) && found(&both, Algorithm::RS256, Some("rsa-1")));
        assert!(!found(&json!({ "keys": [first, first] }), Algorithm::ES256, Some("a")));
        let nameless = json!({ "keys": [with(first, "kid", Value::Null)] });
        assert!(found(&nameless, Algorithm::ES256, None) && !found(&nameless, Algorithm::ES256, Some("a")));
    }

    #[test]
    fn keys_of_other_kinds_and_uses_and_broken_ones_are_left_out_and_the_others_kept() {
        let ec = EcKey::new().jwk("a");
        let rsa = rsa_jwk();
        for other in [
            json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": ec["x"] }),
            json!({ "kty": "EC", "crv": "P-256" }),
            json!({ "kty": 7 }),
            json!("a key"),
            with(ec.clone(), "use", json!("enc")),
            with(ec.clone(), "key_ops", json!(["sign"])),
            with(ec.clone(), "alg", json!("ES384")),
            with(ec.clone(), "alg", json!("RS256")),
            with(ec.clone(), "crv", json!("P-384")),
            with(ec.clone(), "x", json!("AAAA")),
            with(ec.clone(), "y", json!("no base64!")),
            with(rsa.clone(), "alg", json!("HS256")),
            with(rsa.clone(), "alg", json!("PS256")),
            with(rsa.clone(), "use", json!("enc")),
            with(rsa.clone(), "n", json!("AQAB")),
            with(rsa.clone(), "e", json!("AA")),
        ] {
            assert!(Keys::parse(json!({ "keys": [other] }).to_string().as_bytes()).unwrap().is_empty(), "{other}");
            assert!(found(&json!({ "keys": [other, ec] }), Algorithm::ES256, Some("a")), "{other}");
        }
        for plain in [
            with(with(ec.clone(), "use", Value::Null), "alg", Value::Null),
            with(ec.clone(), "key_ops", json!(["verify"])),
            with(ec, "x5c", json!([1])),
        ] {
            assert!(found(&json!({ "keys": [plain] }), Algorithm::ES256, Some("a")), "{plain}");
        }
        let padded = format!("AAAA{}", rsa["n"].as_str().unwrap());
        assert!(found(&json!({ "keys": [with(rsa, "n", json!(padded))] }), Algorithm::RS256, Some("rsa-1")));
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for text in ["", "{}", "[]", "null", r#"{"keys":{}}"#, r#"{"keys":[}"#, "<html>"] {
            assert!(matches!(Keys::parse(text.as_bytes()), Err(KeySetError::Malformed)), "{text}");
        }
        assert!(Keys::parse(br#"{"keys":[]}"#).unwrap().is_empty());
    }
}

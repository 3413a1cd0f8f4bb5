//! Keys for tests: a P-256 one is made when it is needed, an RSA one was made once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

// Made once with OpenSSL; the private key is thrown away.
const RSA_N: &str = "zV0QTKZ87bBqHa1yTeXB1-CP2P6YPjUOG5HTSVJECwCWd1RH9AUBwlcyTHTjSSBdOREtA67ZPndNq-a6hq7YR8nYctTpobA0iUpooC5D3Ju_q-erGO61Bwcl77ct4WhCrQbfgNpR4gdxTTm815QmuXkAGBPC313lTVAFiuDOyVB40p9FFW-gixEmVFF5x9ZAh6aELuPVc7gh3gkwJVJ4NrEZcKlnUvG_dLenBZzJ2jkcvidNIJ_gp1-qr4MLrYfS_HK8XbCvMwqprMbarkRGOntUSWTHUQlb656SlEYb1FG9NptxGAUOCRfEpz2oAkz4cDcP1DxIq83eSdKDP8p3VQ";
/// Signed with it until the year 2100: `{"sub":"u-17"}`, by the key `rsa-1`.
pub(super) const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzYS0xIn0.eyJzdWIiOiJ1LTE3IiwiZXhwIjo0MTAyNDQ0ODAwfQ.az_VanzLV2BYDDAYPg7Ng_CrNGAThmUu3jXDMbj2LlCKQVyocDsepd980WnT_Zyj4_EGeqyIf7FMXvxwv_B_PbFXghRplbwxSl6A64wLuRzA36MBR5cbvKu5TkAhG8ngbKb35ePL--2HUJuCFIU8elGQiIwew2IcNH4sMNf3VAXRhiSURJekdCnuAsiy2KjAJ9GFJvZa9Q6WKwcOx4RNClb1jABOR7zv7PR61DL8gtYsZmBgt9Zuf_oRLWTTDBz7Giu0zFZUStQXJiWBxQdBZqU_YWp3MoefsC39Rbk4TmG8mTl0kWYIukXRZwHZzxB99GpuYzeYHQA3CZ0s3GFFQw";

pub(super) fn rsa_jwk() -> Value {
    json!({ "kty": "RSA", "kid": "rsa-1", "use": "sig", "alg": "RS256", "n": RSA_N, "e": "AQAB" })
}

/// A host site's key on P-256.
pub(super) struct EcKey(EcdsaKeyPair);

impl EcKey {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    /// The public half, as a set names it.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": coordinate(&point[1..33]), "y": coordinate(&point[33..]),
        })
    }

    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(header), encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Good until the year 2100.
    pub(super) fn token(&self, kid: &str) -> String {
        self.sign(
            &json!({ "alg": "ES256", "typ": "JWT", "kid": kid }),
            &json!({ "sub": "u-17", "exp": 4_102_444_800_u64 }),
        )
    }
}

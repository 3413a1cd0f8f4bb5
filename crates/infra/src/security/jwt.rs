//! The cryptography under the JWT crate, over ring: HS256 signs and verifies, RS256 and ES256 verify. Nothing else is known, so nothing
//! else can be asked for by the header of a token.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use ring::{error, hmac};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Parts of key sets that this server does not use; the crate's own placeholders would panic.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| unsupported(),
        rsa_pub_components_from_public_key: |_| unsupported(),
        ec_pub_components_from_private_key: |_, _| unsupported(),
        ed_pub_components_from_private_key: |_, _| unsupported(),
        compute_digest: |_, _| unsupported(),
    },
};

/// Gives the JWT crate its cryptography; it panics without. To be called before any token is signed or read, as often as one likes.
pub(super) fn install() {
    // An error says that one is installed, and no other crate of this workspace brings one.
    let _ = PROVIDER.install_default();
}

fn unsupported<T>() -> Result<T> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())))),
        _ => unsupported(),
    }
}

/// The key must be made for the algorithm: a public RSA key never serves as an HMAC secret.
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?)))),
        (Algorithm::RS256, AlgorithmFamily::Rsa) => Ok(Box::new(Rs256(key.clone()))),
        (Algorithm::ES256, AlgorithmFamily::Ec) => Ok(Box::new(Es256(UnparsedPublicKey::new(
            &ECDSA_P256_SHA256_FIXED,
            key.try_get_as_bytes()?.to_vec(),
        )))),
        _ => unsupported(),
    }
}

struct Hs256(hmac::Key);
struct Rs256(DecodingKey);
struct Es256(UnparsedPublicKey<Vec<u8>>);

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        fits(hmac::verify(&self.0, message, signature))
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Rs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        fits(match self.0.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            DecodingKeyKind::SecretOrDer(der) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(message, signature),
        })
    }
}

impl JwtVerifier for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

impl Verifier<Vec<u8>> for Es256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        fits(self.0.verify(message, signature))
    }
}

impl JwtVerifier for Es256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

fn fits(verdict: std::result::Result<(), error::Unspecified>) -> std::result::Result<(), signature::Error> {
    verdict.map_err(|_| signature::Error::new())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Header, Validation, decode, encode};
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::{Value, json};

    // Made once with OpenSSL; the private key is thrown away.
    const RSA_N: &str = "7LzM6tiLOzBZ7aM5MIB0QxIgi35nV-fdRi4zuR_zw2-cGPBTh3C3dmS8IK794T99gFkDCNrnoZic6VPwvJ3f1vANG3pgShkG3GTA2AtcdUTdV4GO55ANRtqCmNgR6KSenIw1BSb1_oiBV3kjTYtOo5XWB2MGkvOuRApJUuUcMTDkJnWV1-ICTXGrnbOJj6fp_nQZviVyN2HEFFBK3zky5SqXVKiu49J1G40HHOvsQpYSJXlMZyDM4s5OW7IvlQGlElUZF0FxnUkKDrp6b_xDdfy-fmf9RpwPsS-brZ84fUfv6lqtgopRyuoexD-epup5BM8uWNG7eY7FE02QstLbxQ";
    const RSA_E: &str = "AQAB";
    const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJjdXN0b21lci03IiwiZXhwIjo0MTAyNDQ0ODAwfQ.ezHrQfqPWyu0WkwXBPTpoTuIhwTzGV6EVpPS4dBsk93YbmaMs91o4PeTTg_Vjvvd-lxxdSCB26X3GwFv7tURo0S2coHtC8gTcPPZNF9XdZLc7VZG4In3hUj2-6JQbF4MsXWecgkB8CMCsnVMeB-cy6_ph0rpVMj5WaMGuSZq9oZsnrBq1olQwqD2g2k4H5b7f4Jb5ET32xklTl-HUqT-Pp-VZeiKGG_k8Kf1OsYnCQQkvVBGGRW-AlAEH1RJMSX-qDfZfa-F6Fxa6piJZJMzWVzgr0XIAbtxlwOWxOaqJmXojblt4DXHUumt3O0qeN3oFm3kyh_1N5228E82TyanhQ";

    fn subject(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<String> {
        install();
        let claims = decode::<Value>(token, key, &Validation::new(algorithm)).ok()?.claims;
        claims.get("sub")?.as_str().map(str::to_owned)
    }

    fn changed(token: &str, part: usize) -> String {
        let mut parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        *parts.get_mut(part).unwrap().get_mut(12).unwrap() ^= 1;
        parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect::<Vec<_>>().join(".")
    }

    fn es256_token(payload: &Value) -> (String, DecodingKey) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#),
            URL_SAFE_NO_PAD.encode(payload.to_string())
        );
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(&random, message.as_bytes()).unwrap()));
        let (x, y) = pair.public_key().as_ref().get(1..).unwrap().split_at(32);
        (
            token,
            DecodingKey::from_ec_components(&URL_SAFE_NO_PAD.encode(x), &URL_SAFE_NO_PAD.encode(y)).unwrap(),
        )
    }

    #[test]
    fn rs256_of_another_implementation_is_verified_and_every_change_of_it_refused() {
        let key = DecodingKey::from_rsa_components(RSA_N, RSA_E).unwrap();
        assert_eq!(subject(RSA_TOKEN, &key, Algorithm::RS256).as_deref(), Some("customer-7"));
        assert_eq!(subject(&changed(RSA_TOKEN, 1), &key, Algorithm::RS256), None);
        assert_eq!(subject(&changed(RSA_TOKEN, 2), &key, Algorithm::RS256), None);
    }

    #[test]
    fn es256_is_verified_and_every_change_of_it_or_another_key_refused() {
        let payload = json!({ "sub": "customer-8", "exp": 4_102_444_800_u64 });
        let (token, key) = es256_token(&payload);
        let (_, other_key) = es256_token(&payload);
        assert_eq!(subject(&token, &key, Algorithm::ES256).as_deref(), Some("customer-8"));
        assert_eq!(subject(&changed(&token, 1), &key, Algorithm::ES256), None);
        assert_eq!(subject(&changed(&token, 2), &key, Algorithm::ES256), None);
        assert_eq!(subject(&token, &other_key, Algorithm::ES256), None);
    }

    #[test]
    fn a_public_key_is_never_taken_for_an_hmac_secret() {
        install();
        let claims = json!({ "sub": "attacker", "exp": 4_102_444_800_u64 });
        let n = URL_SAFE_NO_PAD.decode(RSA_N).unwrap();
        let forged = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&n)).unwrap();
        let public = DecodingKey::from_rsa_der(&n);
        assert_eq!(subject(&forged, &public, Algorithm::RS256), None);
        assert_eq!(subject(&forged, &public, Algorithm::HS256), None);
        assert_eq!(subject(RSA_TOKEN, &DecodingKey::from_secret(&n), Algorithm::HS256), None);
    }

    #[test]
    fn other_algorithms_are_unknown() {
        install();
        let claims = json!({ "sub": "someone", "exp": 4_102_444_800_u64 });
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert!(encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(b"secret")).is_err());
        }
        assert!(verifier(&Algorithm::PS256, &DecodingKey::from_rsa_components(RSA_N, RSA_E).unwrap()).is_err());
    }
}

//! Signatures of links to files.

use crate::security::secret::{Purpose, ServerSecret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use parlor_domain::attachment::LinkSigner;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::AttachmentId;
use parlor_domain::security::SecurityError;
use sha2::Sha256;

/// Signs links with HMAC-SHA256, written in Base64 as addresses take it.
#[derive(Clone)]
pub struct HmacLinkSigner {
    keyed: Hmac<Sha256>,
}

impl HmacLinkSigner {
    /// Takes its key from the server's secret.
    ///
    /// # Errors
    /// Never in practice; see [`ServerSecret::derive`].
    pub fn new(secret: &ServerSecret) -> Result<Self, SecurityError> {
        let key = secret.derive(Purpose::FileLinks)?;
        let keyed = Hmac::new_from_slice(&key).map_err(|_| SecurityError("the key does not fit the signature".into()))?;
        Ok(Self { keyed })
    }

    /// Both have a fixed length, so nothing of one can pass for a piece of the other.
    fn over(&self, file: AttachmentId, expires_at: Timestamp) -> Hmac<Sha256> {
        self.keyed.clone().chain_update(file.0.as_bytes()).chain_update(expires_at.0.to_be_bytes())
    }
}

impl LinkSigner for HmacLinkSigner {
    fn sign(&self, file: AttachmentId, expires_at: Timestamp) -> String {
        URL_SAFE_NO_PAD.encode(self.over(file, expires_at).finalize().into_bytes())
    }

    fn is_signed(&self, file: AttachmentId, expires_at: Timestamp, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        self.over(file, expires_at).verify_slice(&signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use uuid::Uuid;

    fn signer(secret: &str) -> HmacLinkSigner {
        HmacLinkSigner::new(&ServerSecret::parse(secret).unwrap()).unwrap()
    }

    #[test]
    fn a_link_is_good_for_its_file_and_its_end_only() {
        let mine = signer("5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6");
        let theirs = signer("6e52d513bcd5c3b87c0820e022128d603c8f262739bfe3b7");
        let (file, other) = (AttachmentId(Uuid::from_u128(1)), AttachmentId(Uuid::from_u128(2)));
        let ends = Timestamp(1_795_160_000_000);
        let signature = mine.sign(file, ends);
        assert!(mine.is_signed(file, ends, &signature));
        assert!(!mine.is_signed(other, ends, &signature));
        assert!(!mine.is_signed(file, Timestamp(ends.0 + 1), &signature));
        assert!(!theirs.is_signed(file, ends, &signature));
        assert!(signature.len() == 43 && signature.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    }

    #[test]
    fn what_is_no_signature_opens_nothing() {
        let signer = signer("5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6");
        let (file, ends) = (AttachmentId(Uuid::from_u128(1)), Timestamp(0));
        let signature = signer.sign(file, ends);
        for wrong in ["", "é", "AAAA", &signature[1..], &format!("{signature}="), &format!("{signature}AAAA")] {
            assert!(!signer.is_signed(file, ends, wrong), "{wrong:?}");
        }
    }
}

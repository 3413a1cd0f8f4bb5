//! Encryption of what is stored and read again: AES-256-GCM.

use crate::security::secret::{Purpose, ServerSecret};
use parlor_domain::security::{SecretBox, SecurityError};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// The first byte of all that is sealed. Another cipher or key gets another number, and both can be read for a time.
const VERSION: u8 = 1;

/// Seals as version byte, random nonce, ciphertext, tag. The version is authenticated with the rest.
pub struct AesSecretBox {
    key: LessSafeKey,
    random: SystemRandom,
}

impl AesSecretBox {
    /// Takes its key from the server's secret.
    ///
    /// # Errors
    /// Never in practice; see [`ServerSecret::derive`].
    pub fn new(secret: &ServerSecret) -> Result<Self, SecurityError> {
        let key = UnboundKey::new(&AES_256_GCM, &secret.derive(Purpose::SecretBox)?).map_err(|_| SecurityError("the key does not fit the cipher".into()))?;
        Ok(Self {
            key: LessSafeKey::new(key),
            random: SystemRandom::new(),
        })
    }
}

impl SecretBox for AesSecretBox {
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SecurityError> {
        // 96 random bits may meet again only after some billions of secrets; a server stores a few for each channel.
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| SecurityError("the system gives no random numbers".into()))?;
        let mut text = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from([VERSION]), &mut text)
            .map_err(|_| SecurityError("a secret cannot be sealed".into()))?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut text);
        Ok(sealed)
    }

    fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SecurityError> {
        let closed = || SecurityError("a stored secret cannot be opened: it was sealed under another server secret, or changed".into());
        let (version, rest) = sealed.split_first().ok_or_else(closed)?;
        if *version != VERSION {
            return Err(SecurityError(format!("a stored secret is of version {version}, this server knows {VERSION}")));
        }
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(closed)?;
        let mut text = text.to_vec();
        let plain = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from([VERSION]), &mut text)
            .map_err(|_| closed())?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn secret_box(secret: &str) -> AesSecretBox {
        AesSecretBox::new(&ServerSecret::parse(secret).unwrap()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_and_looks_different_each_time() {
        let secret_box = secret_box("5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6");
        for plain in [&b""[..], b"a token of a channel", &[0; 5_000]] {
            let (one, other) = (secret_box.seal(plain).unwrap(), secret_box.seal(plain).unwrap());
            assert_eq!(secret_box.open(&one).unwrap(), plain);
            assert_ne!(one, other);
            assert_eq!(one[0], VERSION);
        }
    }

    #[test]
    fn a_changed_byte_anywhere_a_cut_and_another_secret_are_refused() {
        let mine = secret_box("5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6");
        let theirs = secret_box("6e52d513bcd5c3b87c0820e022128d603c8f262739bfe3b7");
        let sealed = mine.seal(b"a token of a channel").unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(mine.open(&changed).is_err(), "byte {place}");
            assert!(mine.open(&sealed[..place]).is_err(), "cut at {place}");
        }
        assert!(theirs.open(&sealed).is_err());
    }
}

//! The one secret of a server, and the keys that come from it.

use parlor_domain::security::SecurityError;
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What a secret must have at least: as much as the keys derived from it.
const MIN_BYTES: usize = 32;
/// A secret that repeats a piece of this length or shorter has the strength of the piece.
const LONGEST_REPEATED_PIECE: usize = 16;
/// Fewer different bytes than this do not come from a generator, not even one that writes hexadecimal digits.
const FEWEST_DIFFERENT_BYTES: usize = 8;
/// Words of sample files, in lower case and without punctuation.
const WORDS_OF_SAMPLES: [&str; 6] = ["changeme", "changethis", "replaceme", "yoursecret", "example", "password"];

const HKDF_SALT: &[u8] = b"parlor/v1";

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakSecret {
    /// Guessed by trying.
    #[error("must have at least {MIN_BYTES} bytes, this has {0}")]
    TooShort(usize),
    /// Guessed by knowing what people leave in place.
    #[error("is a well-known or repeating value, write a random one")]
    WellKnown,
}

/// Refuses what an attacker would try first.
///
/// # Errors
/// [`WeakSecret`]; it does not contain the secret.
pub fn must_be_strong(secret: &[u8]) -> Result<(), WeakSecret> {
    if secret.len() < MIN_BYTES {
        return Err(WeakSecret::TooShort(secret.len()));
    }
    let letters: String = secret
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    let of_a_sample = WORDS_OF_SAMPLES.iter().any(|word| letters.contains(word));
    let repeats = (1..=LONGEST_REPEATED_PIECE).any(|length| secret.iter().skip(length).eq(secret.iter().take(secret.len() - length)));
    let mut bytes = secret.to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    if of_a_sample || repeats || bytes.len() < FEWEST_DIFFERENT_BYTES {
        Err(WeakSecret::WellKnown)
    } else {
        Ok(())
    }
}

/// What a derived key is for. A key of one purpose opens nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signing staff tokens.
    StaffTokens,
    /// Encrypting stored secrets.
    SecretBox,
    /// Signing links to files.
    FileLinks,
}

impl Purpose {
    /// Never to be changed: what was signed or sealed before would be void.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::StaffTokens => b"parlor staff tokens HS256",
            Self::SecretBox => b"parlor secret box AES-256-GCM",
            Self::FileLinks => b"parlor file links HMAC-SHA256",
        }
    }
}

/// The file or text that should hold the secret does not.
#[derive(Debug, thiserror::Error)]
pub enum ServerSecretError {
    /// A short or well-known value.
    #[error("the server's secret {0}")]
    Weak(#[from] WeakSecret),
    /// Others on the machine may read the file.
    #[error("{} may be read by others on this machine; run: chmod 600 {}", .0.display(), .0.display())]
    Readable(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The secret that all nodes of a server share. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerSecret(Vec<u8>);

impl ServerSecret {
    /// Takes a secret from the configuration.
    ///
    /// # Errors
    /// [`WeakSecret`] for a short or well-known one.
    pub fn parse(raw: &str) -> Result<Self, WeakSecret> {
        let secret = raw.trim().as_bytes();
        must_be_strong(secret)?;
        Ok(Self(secret.to_vec()))
    }

    /// Reads the secret from its file, or makes one and a file that only its owner may read.
    ///
    /// # Errors
    /// When the file cannot be read or made, holds a weak secret or may be read by others.
    pub fn load_or_create(path: &Path) -> Result<Self, ServerSecretError> {
        let failed = |error| ServerSecretError::File { path: path.to_owned(), error };
        if !path.try_exists().map_err(failed)? {
            create(path, &random_hex()?).map_err(failed)?;
        }
        if readable_by_others(path).map_err(failed)? {
            return Err(ServerSecretError::Readable(path.to_owned()));
        }
        Ok(Self::parse(&fs::read_to_string(path).map_err(failed)?)?)
    }

    /// The key for one purpose, by HKDF-SHA256.
    ///
    /// # Errors
    /// Never in practice; the derivation itself can only refuse longer keys.
    pub fn derive(&self, purpose: Purpose) -> Result<[u8; 32], SecurityError> {
        let mut key = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, HKDF_SALT)
            .extract(&self.0)
            .expand(&[purpose.label()], hkdf::HKDF_SHA256)
            .and_then(|derived| derived.fill(&mut key))
            .map_err(|_| SecurityError("key derivation failed".into()))?;
        Ok(key)
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(…)")
    }
}

fn random_hex() -> Result<String, ServerSecretError> {
    let mut bytes = [0; MIN_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ServerSecretError::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes the file whole or not at all: it gets its name when its content is on the disk. If another process was faster, its file stays.
#[expect(clippy::disallowed_methods, reason = "only has to be another name than another process's")]
fn create(path: &Path, secret: &str) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", Uuid::new_v4()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&draft, path)?, // a file system without links
        _ => fs::remove_file(&draft)?,
    }
    // The name, too, must survive a power failure: with a new secret nothing sealed by the old one opens.
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const STRONG: &str = "5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6";

    #[test]
    fn short_and_well_known_secrets_are_refused() {
        assert_eq!(ServerSecret::parse("f3a9c1d07b"), Err(WeakSecret::TooShort(10)));
        for known in [
            "changeme-changeme-changeme-changeme",
            "please-Change-Me-to-something-long-and-random",
            "00000000000000000000000000000000",
            "0123456789abcdef0123456789abcdef",
            "0110100101101001110010110011010101",
            "an example of a secret that is long enough",
            "aVeryLongPassWordThatSomebodyThoughtOf",
        ] {
            assert_eq!(ServerSecret::parse(known), Err(WeakSecret::WellKnown), "{known}");
        }
        assert!(ServerSecret::parse(STRONG).is_ok());
    }

    #[test]
    fn what_the_server_makes_itself_is_always_strong() {
        for _ in 0..1_000 {
            assert!(ServerSecret::parse(&random_hex().unwrap()).is_ok());
        }
    }

    #[test]
    fn each_purpose_has_its_own_key_and_each_secret_its_own_keys() {
        let secret = ServerSecret::parse(STRONG).unwrap();
        let other = ServerSecret::parse(&STRONG.replace('5', "6")).unwrap();
        let key = secret.derive(Purpose::StaffTokens).unwrap();
        assert_eq!(key, secret.derive(Purpose::StaffTokens).unwrap());
        assert_ne!(key, secret.derive(Purpose::SecretBox).unwrap());
        assert_ne!(key, secret.derive(Purpose::FileLinks).unwrap());
        assert_ne!(key, other.derive(Purpose::StaffTokens).unwrap());
    }

    #[test]
    fn neither_debug_nor_an_error_shows_the_secret() {
        assert_eq!(format!("{:?}", ServerSecret::parse(STRONG).unwrap()), "ServerSecret(…)");
        let refusal = ServerSecret::parse("f3a9c1d07b").unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains("f3a9"));
    }

    #[test]
    fn the_first_start_makes_the_file_and_the_next_one_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let made = ServerSecret::load_or_create(&path).unwrap();
        assert_eq!(ServerSecret::load_or_create(&path).unwrap(), made);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn of_two_that_make_the_file_at_once_both_get_the_same_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create(&path, STRONG).unwrap();
        create(&path, &random_hex().unwrap()).unwrap();
        assert_eq!(ServerSecret::load_or_create(&path).unwrap(), ServerSecret::parse(STRONG).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only_and_refused_when_others_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        ServerSecret::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(ServerSecret::load_or_create(&path), Err(ServerSecretError::Readable(_))));
    }

    #[test]
    fn a_file_with_a_weak_secret_or_without_a_folder_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create(&path, "changeme").unwrap();
        assert!(matches!(
            ServerSecret::load_or_create(&path),
            Err(ServerSecretError::Weak(WeakSecret::TooShort(8)))
        ));
        assert!(matches!(
            ServerSecret::load_or_create(&folder.path().join("none/secret")),
            Err(ServerSecretError::File { .. })
        ));
    }
}

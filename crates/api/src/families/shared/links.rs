//! Links to files.

use parlor_domain::attachment::{AttachedFile, LinkSigner};
use parlor_domain::clock::{Clock, Timestamp};
use parlor_domain::id::AttachmentId;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// How long a link is good.
const GOOD_FOR: Duration = Duration::from_secs(3600);

/// Makes links that open a file for an hour, and knows them again.
pub struct FileLinks {
    signer: Arc<dyn LinkSigner>,
    clock: Arc<dyn Clock>,
    public_url: String,
}

impl FileLinks {
    /// `public_url` is where browsers reach the server, without a last slash.
    #[must_use]
    pub fn new(signer: Arc<dyn LinkSigner>, clock: Arc<dyn Clock>, public_url: String) -> Self {
        Self { signer, clock, public_url }
    }

    /// A link to a file, and until when it is good.
    #[must_use]
    pub fn of(&self, file: &AttachedFile) -> (String, Timestamp) {
        // In whole seconds, as the link carries it.
        let expires_at = Timestamp(self.clock.now().plus(GOOD_FOR).millis() / 1_000 * 1_000);
        let signature = self.signer.sign(file.id, expires_at);
        let mut name = String::new();
        for byte in file.name.as_str().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => name.push(char::from(byte)),
                // Writing to a String cannot fail.
                _ => drop(write!(name, "%{byte:02X}")),
            }
        }
        let (id, exp) = (file.id, expires_at.millis() / 1_000);
        let url = format!("{}/api/attachments/{id}/{name}?exp={exp}&sig={signature}", self.public_url);
        (url, expires_at)
    }

    /// Whether a link is one of ours and still good. `exp` is in Unix seconds.
    #[must_use]
    pub fn opens(&self, file: AttachmentId, exp: i64, signature: &str) -> bool {
        let Some(millis) = exp.checked_mul(1_000) else { return false };
        let expires_at = Timestamp(millis);
        self.clock.now() < expires_at && self.signer.is_signed(file, expires_at, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_domain::attachment::FileName;
    use parlor_testkit::FixedClock;

    /// Signs with what everybody can read.
    struct OpenSigner;

    impl LinkSigner for OpenSigner {
        fn sign(&self, file: AttachmentId, expires_at: Timestamp) -> String {
            format!("{file}.{}", expires_at.millis())
        }

        fn is_signed(&self, file: AttachmentId, expires_at: Timestamp, signature: &str) -> bool {
            signature == self.sign(file, expires_at)
        }
    }

    impl FileLinks {
        /// Links that prove nothing.
        pub(crate) fn for_tests(clock: Arc<dyn Clock>) -> Arc<Self> {
            Arc::new(Self::new(Arc::new(OpenSigner), clock, "https://chat.example.com".to_owned()))
        }
    }

    #[test]
    fn a_link_is_good_for_an_hour() {
        let clock = Arc::new(FixedClock::default());
        let links = FileLinks::for_tests(clock.clone());
        let file = AttachedFile {
            id: AttachmentId(uuid::Uuid::from_u128(7)),
            name: FileName::label("Größe 2?.pdf"),
            mime: "application/pdf".to_owned(),
            size: 3,
            width: None,
            height: None,
        };
        let (url, expires_at) = links.of(&file);
        let path = format!("https://chat.example.com/api/attachments/{}/Gr%C3%B6%C3%9Fe%202_.pdf?exp=", file.id);
        let query = url.strip_prefix(&path).unwrap();
        let (exp, signature) = query.split_once("&sig=").unwrap();
        let exp: i64 = exp.parse().unwrap();
        assert_eq!(exp * 1_000, expires_at.millis());
        assert!(links.opens(file.id, exp, signature));
        assert!(!links.opens(AttachmentId(uuid::Uuid::from_u128(8)), exp, signature) && !links.opens(file.id, exp + 1, signature));
        assert!(!links.opens(file.id, i64::MAX, signature) && !links.opens(file.id, i64::MIN, signature));
        clock.advance(GOOD_FOR);
        assert!(!links.opens(file.id, exp, signature));
    }
}

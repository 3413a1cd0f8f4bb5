//! A host site's key set, kept up to date: read from a file or an address, again after a while, and at once for a key not seen yet.

use super::keys::{Key, Keys};
use crate::outgoing::{GuardedClient, Trust};
use jsonwebtoken::Header;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING};
use reqwest::{Method, Url};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

/// The largest set that is read.
const MOST_BYTES: usize = 256 * 1024;

/// Why a key set cannot be used. The words name no address.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Nobody answers at the address.
    #[error("cannot be reached")]
    Unreachable,
    /// The answer did not come in time.
    #[error("did not come in time")]
    TooSlow,
    /// The answer is something else.
    #[error("came with the status {0}")]
    Status(u16),
    /// It is far larger than any key set.
    #[error("is larger than 256 KiB")]
    TooLarge,
    /// It is something else.
    #[error("is no JSON Web Key Set: an object with a list `keys`")]
    Malformed,
    /// It holds nothing that could be used.
    #[error("has no key that can be used: RSA from 2048 bits (RS256) or P-256 (ES256), for signatures")]
    NoKey,
}

/// A text that names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an http(s) address without user and password, or the path of a file")]
pub struct InvalidKeySetPlace;

/// Where a key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySetPlace {
    /// At an address of the operator's choice.
    Url(Url),
    /// In a file.
    File(PathBuf),
}

impl FromStr for KeySetPlace {
    type Err = InvalidKeySetPlace;

    fn from_str(text: &str) -> Result<Self, InvalidKeySetPlace> {
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        let url = Url::parse(text).map_err(|_| InvalidKeySetPlace)?;
        let bare = url.username().is_empty() && url.password().is_none();
        (matches!(url.scheme(), "http" | "https") && bare)
            .then_some(Self::Url(url))
            .ok_or(InvalidKeySetPlace)
    }
}

/// For people: a query may hold what is nobody's business.
impl fmt::Display for KeySetPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url.host_str().unwrap_or_default()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How often a key set is read.
#[derive(Debug, Clone, Copy)]
pub struct KeySetPace {
    /// How long the answer of an address is taken for the newest.
    pub fresh: Duration,
    /// How soon after a failure it is tried again, how often a file is looked at, and how often unknown keys may make it read.
    pub again: Duration,
    /// How long one answer may take.
    pub whole: Duration,
}

impl Default for KeySetPace {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(600),
            again: Duration::from_secs(30),
            whole: Duration::from_secs(5),
        }
    }
}

/// A key set. What was read stays in force until something newer is.
pub struct KeySet {
    place: KeySetPlace,
    client: Arc<GuardedClient>,
    pace: KeySetPace,
    known: watch::Sender<Known>,
    asked: Mutex<Option<Asked>>,
    wanted: Notify,
}

#[derive(Default)]
struct Known {
    keys: Keys,
    /// Of the file they are from.
    stamp: Option<Stamp>,
    /// How often it was tried to read the set.
    reads: u64,
}

/// What changes when somebody writes a file.
type Stamp = (SystemTime, u64);

/// That an unknown key had the set read: when, and after how many reads.
struct Asked {
    at: Instant,
    reads: u64,
}

impl KeySet {
    /// A set that is read by [`Self::keep_fresh`]; one in a file is read here, too.
    ///
    /// # Errors
    /// The file cannot be read, is no key set, or holds no key that can be used.
    pub fn open(place: KeySetPlace, client: Arc<GuardedClient>) -> Result<Self, KeySetError> {
        let mut known = Known::default();
        if let KeySetPlace::File(path) = &place
            && let Some((keys, stamp)) = read_file(path, None)?
        {
            if keys.is_empty() {
                return Err(KeySetError::NoKey);
            }
            known = Known {
                keys,
                stamp: Some(stamp),
                reads: 1,
            };
        }
        Ok(Self {
            place,
            client,
            pace: KeySetPace::default(),
            known: watch::Sender::new(known),
            asked: Mutex::default(),
            wanted: Notify::new(),
        })
    }

    /// With other times than the usual ones.
    #[must_use]
    pub const fn with_pace(mut self, pace: KeySetPace) -> Self {
        self.pace = pace;
        self
    }

    /// Reads the set again and again; to be run beside the requests.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            let rest = match (self.read().await, &self.place) {
                (true, KeySetPlace::Url(_)) => self.pace.fresh,
                _ => self.pace.again,
            };
            let _ = timeout(rest, self.wanted.notified()).await;
        }
    }

    /// The key for a token with this header. Where it is not known, the set is read first: the site may sign with a new one by now.
    pub(super) async fn find(&self, header: &Header) -> Option<Arc<Key>> {
        // Before the look, so that no read is missed between it and the wait.
        let mut known = self.known.subscribe();
        let key = known.borrow_and_update().keys.find(header);
        if key.is_some() || !self.ask() {
            return key;
        }
        let _ = timeout(self.pace.whole, known.changed()).await;
        known.borrow().keys.find(header)
    }

    /// Has the set read, by the task that does so: a caller who hangs up ends no read. Says whether one is under way. Forged tokens must
    /// not become a flood of calls to the site.
    fn ask(&self) -> bool {
        let reads = self.known.borrow().reads;
        if reads == 0 {
            return true;
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match &*asked {
            Some(before) if before.at.elapsed() < self.pace.again => before.reads == reads,
            _ => {
                *asked = Some(Asked { at: Instant::now(), reads });
                self.wanted.notify_one();
                true
            }
        }
    }

    /// Says whether the set could be read.
    async fn read(&self) -> bool {
        let read = match &self.place {
            KeySetPlace::Url(url) => match timeout(self.pace.whole, self.fetch(url)).await {
                Ok(keys) => keys.map(|keys| Some((keys, None))),
                Err(_) => Err(KeySetError::TooSlow),
            },
            KeySetPlace::File(path) => {
                let (path, seen) = (path.clone(), self.known.borrow().stamp);
                let read = tokio::task::spawn_blocking(move || read_file(&path, seen)).await;
                read.unwrap_or_else(|error| Err(io::Error::other(error).into()))
                    .map(|read| read.map(|(keys, stamp)| (keys, Some(stamp))))
            }
        };
        match &read {
            // The site says that no key counts any more: that is to be believed, and to be told.
            Ok(Some((keys, _))) if keys.is_empty() => {
                tracing::warn!(place = %self.place, "the host site's key set has no key that can be used; its tokens are refused");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(place = %self.place, %error, "the host site's key set could not be read; the known keys stay in force"),
        }
        let good = read.is_ok();
        self.known.send_modify(|known| {
            known.reads += 1;
            if let Ok(Some((keys, stamp))) = read {
                (known.keys, known.stamp) = (keys, stamp);
            }
        });
        good
    }

    async fn fetch(&self, url: &Url) -> Result<Keys, KeySetError> {
        // The words of an error stay here: they have the address in them.
        let unreachable = |_| KeySetError::Unreachable;
        let mut answer = self
            .client
            .request(Method::GET, url.clone(), Trust::Operator, self.pace.whole)
            .map_err(|_| KeySetError::Unreachable)?
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(ACCEPT_ENCODING, "identity")
            .send()
            .await
            .map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(KeySetError::Status(answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MOST_BYTES {
                return Err(KeySetError::TooLarge);
            }
        }
        Keys::parse(&bytes)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What is in a file, unless it was `seen` so before. The stamp is taken first: what is written meanwhile is then seen the next time.
fn read_file(path: &Path, seen: Option<Stamp>) -> Result<Option<(Keys, Stamp)>, KeySetError> {
    let file = File::open(path)?;
    let facts = file.metadata()?;
    let stamp = (facts.modified()?, facts.len());
    if seen == Some(stamp) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        return Err(KeySetError::TooLarge);
    }
    Ok(Some((Keys::parse(&bytes)?, stamp)))
}

#[cfg(test)]
mod tests;

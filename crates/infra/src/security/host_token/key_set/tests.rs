#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::super::HostJwt;
use super::super::test_keys::{EcKey, RSA_TOKEN, rsa_jwk};
use super::*;
use parlor_domain::clock::Timestamp;
use parlor_domain::security::HostTokens;
use parlor_testkit::model_server::{FakeModelServer, Gate, Reply};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const NOW: Timestamp = Timestamp(1_763_629_203_120);

/// Never again by itself, and once only for unknown keys.
const CALM: KeySetPace = KeySetPace {
    fresh: Duration::from_secs(3600),
    again: Duration::from_secs(3600),
    whole: Duration::from_secs(20),
};
const BRISK: KeySetPace = KeySetPace {
    fresh: Duration::from_millis(20),
    again: Duration::from_millis(20),
    whole: Duration::from_secs(20),
};

/// Ends its task with the test.
struct Site {
    host: Arc<HostJwt>,
    keys: Arc<KeySet>,
    task: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Site {
    fn of(place: KeySetPlace, pace: KeySetPace) -> Self {
        let keys = KeySet::open(place, Arc::new(GuardedClient::new(&[]).unwrap())).unwrap();
        let keys = Arc::new(keys.with_pace(pace));
        Self {
            host: Arc::new(HostJwt::with_key_set(keys.clone(), None, None, "role")),
            task: tokio::spawn(keys.clone().keep_fresh()),
            keys,
        }
    }

    fn at(server: &FakeModelServer, pace: KeySetPace) -> Self {
        Self::of(format!("{}/jwks.json", server.base_url()).parse().unwrap(), pace)
    }

    async fn takes(&self, token: &str) -> bool {
        self.host.verify(token, NOW).await.is_ok()
    }

    /// Waits for the first read.
    async fn ready(self) -> Self {
        self.reads(1).await;
        self
    }

    async fn reads(&self, times: u64) {
        let mut known = self.keys.known.subscribe();
        let waited = timeout(Duration::from_secs(20), known.wait_for(|known| known.reads >= times)).await;
        assert!(waited.is_ok(), "not read that often");
    }
}

fn set(keys: &[Value]) -> Reply {
    Reply::json(200, &json!({ "keys": keys }))
}

fn write(path: &Path, keys: &[Value]) {
    std::fs::write(path, json!({ "keys": keys }).to_string()).unwrap();
}

#[tokio::test]
async fn the_first_token_waits_for_the_first_answer_and_both_algorithms_work() {
    let (server, key, gate) = (FakeModelServer::start().await, EcKey::new(), Gate::new());
    server.always(set(&[rsa_jwk(), key.jwk("a")]).gate(&gate));
    let site = Site::at(&server, CALM);
    let (host, token) = (site.host.clone(), key.token("a"));
    let early = tokio::spawn(async move { host.verify(&token, NOW).await.map(|claims| claims.subject) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!early.is_finished());
    gate.open();
    assert_eq!(early.await.unwrap(), Ok("u-17".to_owned()));
    assert!(site.takes(RSA_TOKEN).await);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests().first().unwrap().line, "GET /v1/jwks.json");
}

#[tokio::test]
async fn a_new_key_is_looked_for_at_once_and_a_flood_of_unknown_ones_asks_once() {
    let (server, old, new) = (FakeModelServer::start().await, EcKey::new(), EcKey::new());
    server.always(set(&[old.jwk("old")]));
    let site = Site::at(&server, CALM).ready().await;
    assert!(site.takes(&old.token("old")).await);
    server.always(set(&[old.jwk("old"), new.jwk("new")]));
    let new_token = new.token("new");
    let (first, second) = tokio::join!(site.takes(&new_token), site.takes(&new_token));
    assert!(first && second);
    for number in 0..50 {
        assert!(!site.takes(&new.token(&format!("forged-{number}"))).await);
    }
    assert!(site.takes(&new_token).await && site.takes(&old.token("old")).await);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_no_read() {
    let (server, key, gate) = (FakeModelServer::start().await, EcKey::new(), Gate::new());
    server.always(set(&[]));
    let site = Site::at(&server, CALM).ready().await;
    server.always(set(&[key.jwk("a")]).gate(&gate));
    let gave_up = timeout(Duration::from_millis(50), site.takes(&key.token("a"))).await;
    assert!(gave_up.is_err());
    gate.open();
    site.reads(2).await;
    assert!(site.takes(&key.token("a")).await);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn known_keys_stay_while_the_set_cannot_be_read_and_go_when_the_site_says_so() {
    let (server, key) = (FakeModelServer::start().await, EcKey::new());
    server.always(set(&[key.jwk("a")]));
    let site = Site::at(&server, BRISK).ready().await;
    for broken in [
        Reply::error(500),
        Reply::nothing(),
        Reply::page(200),
        Reply::json(200, &json!({ "keys": {} })),
        Reply::json(302, &json!({ "keys": [] })).header("Location", "/elsewhere"),
        Reply::json(200, &json!({ "keys": [], "more": "x".repeat(MOST_BYTES) })),
    ] {
        server.always(broken.clone());
        let before = server.requests().len();
        while server.requests().len() < before + 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(site.takes(&key.token("a")).await, "{broken:?}");
    }
    assert!(server.requests().iter().all(|request| request.line == "GET /v1/jwks.json"));
    server.always(set(&[]));
    while site.takes(&key.token("a")).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_site_that_is_slow_or_nowhere_makes_nobody_wait_for_long() {
    let pace = KeySetPace {
        whole: Duration::from_millis(100),
        ..CALM
    };
    let server = FakeModelServer::start().await;
    server.always(Reply::new(200, "application/json").forever());
    let slow = Site::at(&server, pace);
    let nowhere = Site::of(format!("{}/jwks.json", FakeModelServer::nowhere()).parse().unwrap(), pace);
    for site in [slow, nowhere] {
        assert_eq!(timeout(Duration::from_secs(10), site.takes(RSA_TOKEN)).await, Ok(false));
        site.reads(1).await;
    }
}

#[tokio::test]
async fn a_file_is_read_at_once_and_again_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let (old, new) = (EcKey::new(), EcKey::new());
    write(&path, &[old.jwk("old")]);
    let site = Site::of(KeySetPlace::File(path.clone()), BRISK);
    assert!(site.takes(&old.token("old")).await);
    std::fs::write(&path, "half a fi").unwrap();
    site.reads(4).await;
    assert!(site.takes(&old.token("old")).await);
    std::fs::remove_file(&path).unwrap();
    let reads = site.keys.known.borrow().reads;
    site.reads(reads + 2).await;
    assert!(site.takes(&old.token("old")).await);
    write(&path, &[rsa_jwk(), new.jwk("new")]);
    while !site.takes(&new.token("new")).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!site.takes(&old.token("old")).await && site.takes(RSA_TOKEN).await);
}

#[test]
fn a_file_that_is_no_use_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let open = || KeySet::open(KeySetPlace::File(path.clone()), Arc::new(GuardedClient::new(&[]).unwrap())).unwrap_err();
    assert!(matches!(open(), KeySetError::Unreadable(_)));
    std::fs::write(&path, "-----BEGIN PUBLIC KEY-----").unwrap();
    assert!(matches!(open(), KeySetError::Malformed));
    write(&path, &[json!({ "kty": "oct", "k": "c2VjcmV0" })]);
    assert!(matches!(open(), KeySetError::NoKey));
    std::fs::write(&path, " ".repeat(MOST_BYTES + 1)).unwrap();
    assert!(matches!(open(), KeySetError::TooLarge));
}

#[test]
fn a_place_is_an_address_or_a_file() {
    for (text, shown) in [
        ("https://id.example.com/keys?p=1", "id.example.com"),
        ("HTTP://127.0.0.1:9000/keys", "127.0.0.1"),
        ("/etc/parlor/jwks.json", "/etc/parlor/jwks.json"),
        ("jwks.json", "jwks.json"),
    ] {
        assert_eq!(text.parse::<KeySetPlace>().unwrap().to_string(), shown);
    }
    for text in [
        "ftp://example.com/keys",
        "file:///etc/jwks.json",
        "https://me:secret@example.com/keys",
        "https://me@example.com/keys",
        "https://",
    ] {
        assert_eq!(text.parse::<KeySetPlace>(), Err(InvalidKeySetPlace), "{text}");
    }
}

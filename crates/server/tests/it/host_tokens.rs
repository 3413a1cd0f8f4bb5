//! Staff and customers come in with tokens of the host site: signed with its secret, or with keys of the set it publishes.

use crate::app::{Database, TestApp, host_token, sign_host_token};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlor_domain::agent::Role;
use parlor_domain::clock::Clock;
use parlor_infra::system::SystemClock;
use parlor_testkit::model_server::{FakeModelServer, Reply};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

const ME: &str = "/api/admin/auth/me/";
const OMAR: &str = "3f0a7c52-9d1e-4b86-a2c4-51d7e8f60b93";

/// A key of the host site.
struct SiteKey(EcdsaKeyPair);

impl SiteKey {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    /// As Supabase publishes it.
    fn jwk(&self, kid: &str) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({
            "alg": "ES256", "crv": "P-256", "ext": true, "key_ops": ["verify"], "kid": kid, "kty": "EC", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "kid": kid, "typ": "JWT"});
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The claims of a logged-in user as Supabase writes them.
fn supabase_claims(subject: &str) -> Value {
    let now = SystemClock.now().millis() / 1000;
    json!({
        "iss": "https://example.supabase.co/auth/v1",
        "sub": subject,
        "aud": "authenticated",
        "exp": now + 3600,
        "iat": now,
        "email": "omar@example.com",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"email": "omar@example.com", "email_verified": true, "phone_verified": false, "sub": subject},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now}],
        "session_id": "8f14e45f-ceea-467f-a9b1-6a2b1c9d0e77",
        "is_anonymous": false,
    })
}

/// An agent whom the host site knows as [`OMAR`].
async fn omar(app: &TestApp) -> String {
    let (owner, id) = app.agent("omar@example.com", Role::Owner).await;
    let path = format!("/api/admin/agents/{id}/");
    app.patch(&path).bearer(&owner).json(json!({"external_id": OMAR})).send().await.expect(200);
    id
}

async fn comes_in_as(app: &TestApp, token: &str, id: &str) {
    let me = app.get(ME).bearer(token).send().await.expect(200);
    assert_eq!(me["id"], id, "{me}");
    app.get("/api/admin/chat-rooms/").bearer(token).send().await.expect(200);
}

async fn is_refused(app: &TestApp, token: &str) {
    app.get(ME).bearer(token).send().await.problem(401, "unauthenticated");
}

async fn with_key_set(database: Database, place: &str, more: &[&str]) -> TestApp {
    let place = format!("--host-jwt-jwks={place}");
    let flags: Vec<&str> = ["--limits=off", &place].into_iter().chain(more.iter().copied()).collect();
    TestApp::start_with(database, &flags).await
}

fn publish(server: &FakeModelServer, keys: &[Value]) {
    server.always(Reply::json(200, &json!({"keys": keys})));
}

/// Waits until a token opens the door.
async fn works_soon(app: &TestApp, token: &str) {
    let begin = Instant::now();
    while app.get(ME).bearer(token).send().await.status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the keys never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_supabase_token_of_an_agent(database: Database) {
    let header = r#"{"alg":"HS256","typ":"JWT","kid":"Qx3kZ0d1yT5vW7sA"}"#;
    let audience = "--host-jwt-audience=authenticated";
    let issuer = "--host-jwt-issuer=https://example.supabase.co/auth/v1";
    for flags in [&["--limits=off"][..], &["--limits=off", audience], &["--limits=off", audience, issuer]] {
        let app = TestApp::start_with(database, flags).await;
        let id = omar(&app).await;
        comes_in_as(&app, &sign_host_token(header, &supabase_claims(OMAR)), &id).await;
        // Another user is a customer, whatever the role claim says, and no agent.
        let other = sign_host_token(header, &supabase_claims("0d9c1c1e-6e0b-4b0e-8f61-4c1de2b4a001"));
        app.get(ME).bearer(&other).send().await.problem(403, "forbidden");
        app.get("/api/conversations").bearer(&other).send().await.expect(200);
        let mut anonymous = supabase_claims(OMAR);
        anonymous["aud"] = json!("anon");
        let answer = app.get(ME).bearer(&sign_host_token(header, &anonymous)).send().await;
        assert_eq!(answer.status, if flags.contains(&audience) { 401 } else { 200 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supabase_token_of_an_agent_on_sqlite() {
    a_supabase_token_of_an_agent(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supabase_token_of_an_agent_on_postgres() {
    a_supabase_token_of_an_agent(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supabase_token_signed_with_a_key_of_the_set() {
    let (server, key) = (FakeModelServer::start().await, SiteKey::new());
    publish(&server, &[key.jwk("b81269f1")]);
    let place = format!("{}/.well-known/jwks.json", server.base_url());
    for audience in ["", "authenticated"] {
        let app = with_key_set(Database::Sqlite, &place, &[&format!("--host-jwt-audience={audience}")]).await;
        let id = omar(&app).await;
        let claims = supabase_claims(OMAR);
        comes_in_as(&app, &key.sign("b81269f1", &claims), &id).await;
        is_refused(&app, &SiteKey::new().sign("b81269f1", &claims)).await;
        is_refused(&app, &host_token(claims)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_after_a_change_of_keys_works_and_forged_ones_make_no_flood() {
    let (server, old, new) = (FakeModelServer::start().await, SiteKey::new(), SiteKey::new());
    publish(&server, &[old.jwk("old")]);
    let app = with_key_set(Database::Sqlite, &format!("{}/jwks.json", server.base_url()), &[]).await;
    let id = omar(&app).await;
    let claims = supabase_claims(OMAR);
    comes_in_as(&app, &old.sign("old", &claims), &id).await;
    publish(&server, &[new.jwk("new")]);
    comes_in_as(&app, &new.sign("new", &claims), &id).await;
    is_refused(&app, &old.sign("old", &claims)).await;
    for number in 0..20 {
        is_refused(&app, &new.sign(&format!("forged-{number}"), &claims)).await;
    }
    assert_eq!(server.requests().len(), 2);
    server.always(Reply::error(500));
    comes_in_as(&app, &new.sign("new", &claims), &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_key_set_is_nowhere_starts_and_refuses_tokens_only() {
    let key = SiteKey::new();
    let app = with_key_set(Database::Sqlite, &format!("{}/jwks.json", FakeModelServer::nowhere()), &[]).await;
    omar(&app).await;
    is_refused(&app, &key.sign("a", &supabase_claims(OMAR))).await;
    app.visitor().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_may_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let (old, new) = (SiteKey::new(), SiteKey::new());
    std::fs::write(&path, json!({"keys": [old.jwk("old")]}).to_string()).unwrap();
    let app = with_key_set(Database::Sqlite, path.to_str().unwrap(), &[]).await;
    let id = omar(&app).await;
    comes_in_as(&app, &old.sign("old", &supabase_claims(OMAR)), &id).await;
    std::fs::write(&path, json!({"keys": [old.jwk("old"), new.jwk("new")]}).to_string()).unwrap();
    works_soon(&app, &new.sign("new", &supabase_claims(OMAR))).await;
}

#[test]
fn a_file_that_is_no_key_set_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    for (content, reason) in [
        (None, "cannot be read"),
        (Some("{}"), "is no JSON Web Key Set"),
        (Some(r#"{"keys":[]}"#), "has no key"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOR_")) {
            command.env_remove(name);
        }
        command
            .env("PARLOR_DATA_DIR", folder.path().join("data"))
            .env("PARLOR_LISTEN", "127.0.0.1:0")
            .env("PARLOR_PUBLIC_URL", "http://localhost")
            .env("PARLOR_HOST_JWT_JWKS", &file);
        let output = command.arg("serve").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(said.contains("PARLOR_HOST_JWT_JWKS names ") && said.contains(reason), "{said}");
    }
}

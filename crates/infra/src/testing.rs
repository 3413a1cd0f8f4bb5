//! Databases for tests, of this crate and of those above it.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests use it, and a test without its database must fail")]

use crate::persistence::{SeaOrmStore, migrate, open_postgres};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Mutex;

/// Where the server for tests is.
const VARIABLE: &str = "PARLOR_TEST_POSTGRES_URL";
/// Connections of one test.
const CONNECTIONS: u32 = 8;

static TEMPLATE: Mutex<bool> = Mutex::const_new(false);
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A Postgres database of its own: migrated, empty, dropped with this value.
pub struct TestPostgres {
    server: String,
    name: String,
}

impl TestPostgres {
    /// Makes one, as a copy of a template that each test program migrates once.
    ///
    /// # Panics
    /// If `PARLOR_TEST_POSTGRES_URL` is not set, or names no server that may be used.
    pub async fn new() -> Self {
        let server = std::env::var(VARIABLE).unwrap_or_else(|_| panic!("{VARIABLE} is not set; run `cargo xtask test`, which prepares a server"));
        let template = format!("parlor_template_{}", std::process::id());
        let mut is_made = TEMPLATE.lock().await;
        if !*is_made {
            sweep(&server).await;
            execute(
                &server,
                &[
                    format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)"),
                    format!("CREATE DATABASE {template}"),
                ],
            )
            .await;
            let store = open_postgres(&url_of(&server, &template), CONNECTIONS).await.expect("the template opens");
            migrate(&store).await.expect("the template is migrated");
            store.close().await.expect("the template is left alone");
            *is_made = true;
        }
        drop(is_made);
        let name = format!("parlor_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(
            &server,
            &[
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                format!("CREATE DATABASE {name} TEMPLATE {template}"),
            ],
        )
        .await;
        Self { server, name }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        url_of(&self.server, &self.name)
    }

    /// Opens it.
    ///
    /// # Panics
    /// If it cannot be reached.
    pub async fn open(&self) -> SeaOrmStore {
        open_postgres(&self.url(), CONNECTIONS).await.expect("the test's database opens")
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        let (server, statement) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // A thread of its own, since the test's runtime may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(execute(&server, &[statement]));
        });
        // What is left over is only a database on a server for tests.
        drop(dropped.join());
    }
}

/// The server's address with another database in it.
fn url_of(server: &str, database: &str) -> String {
    let (address, options) = server
        .split_once('?')
        .map_or((server, String::new()), |(address, options)| (address, format!("?{options}")));
    let (host, _) = address.rsplit_once('/').filter(|(host, _)| !host.ends_with('/')).unwrap_or((address, ""));
    format!("{host}/{database}{options}")
}

/// Drops what programs that have ended left behind: no program knows which of its tests is the last.
async fn sweep(server: &str) {
    let has_ended = |name: &str| name.split('_').nth(2).is_some_and(|process| !Path::new("/proc").join(process).exists());
    if !Path::new("/proc/self").exists() {
        return;
    }
    let db = connect(server).await;
    let ours = Statement::from_string(
        db.get_database_backend(),
        "SELECT datname::text AS name FROM pg_database WHERE datname ~ '^parlor_(template|test)_'",
    );
    for row in db.query_all_raw(ours).await.expect("the databases are listed") {
        let name: String = row.try_get("", "name").expect("a database has a name");
        if has_ended(&name) {
            // Another program may sweep at the same time.
            drop(db.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name}")).await);
        }
    }
    db.close().await.expect("the connection closes");
}

async fn connect(server: &str) -> DatabaseConnection {
    Database::connect(server)
        .await
        .unwrap_or_else(|error| panic!("the server in {VARIABLE} does not answer: {error}"))
}

async fn execute(server: &str, statements: &[String]) {
    let db = connect(server).await;
    for statement in statements {
        db.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    db.close().await.expect("the connection closes");
}

/// A location database of the type `kind`, in which 203.0.113.0/24 is in Melk, and nothing else is anywhere.
#[must_use]
pub fn a_geo_database(kind: &str) -> Vec<u8> {
    /// Kind of value (its number in the format) and size, which is below 29.
    fn head(number: u8, size: usize) -> Vec<u8> {
        let size = u8::try_from(size).unwrap_or(u8::MAX);
        assert!(size < 29, "no long values here");
        match number {
            0..=7 => vec![number << 5 | size],
            _ => vec![size, number - 7],
        }
    }
    fn text(text: &str) -> Vec<u8> {
        [head(2, text.len()), text.as_bytes().to_vec()].concat()
    }
    fn number(kind: u8, value: u32) -> Vec<u8> {
        let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        [head(kind, bytes.len()), bytes].concat()
    }
    fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let all = fields.iter().flat_map(|(name, value)| [text(name), value.clone()]);
        std::iter::once(head(7, fields.len())).chain(all).flatten().collect()
    }
    fn list(items: &[Vec<u8>]) -> Vec<u8> {
        [head(11, items.len()), items.concat()].concat()
    }
    let named = |name: &str| map(&[("names", map(&[("en", text(name))]))]);
    let record = map(&[
        ("country", named("Austria")),
        ("subdivisions", list(&[named("Lower Austria")])),
        ("city", named("Melk")),
    ]);
    // The way to ::203.0.113.0/120, one node for each bit; every other way ends nowhere.
    let address = u128::from(u32::from_be_bytes([203, 0, 113, 0]));
    let nodes: u32 = 120;
    let mut tree = Vec::new();
    for depth in 0..nodes {
        let next = if depth + 1 == nodes { nodes + 16 } else { depth + 1 };
        let right = address >> (127 - depth) & 1 == 1;
        for way in if right { [nodes, next] } else { [next, nodes] } {
            tree.extend(way.to_be_bytes().into_iter().skip(1));
        }
    }
    let metadata = map(&[
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", number(9, 1_763_629_200)),
        ("database_type", text(kind)),
        ("description", map(&[("en", text("for tests"))])),
        ("ip_version", number(5, 6)),
        ("languages", list(&[text("en")])),
        ("node_count", number(6, nodes)),
        ("record_size", number(5, 24)),
    ]);
    [tree, vec![0; 16], record, b"\xab\xcd\xefMaxMind.com".to_vec(), metadata].concat()
}

//! The real binary as a process: killed in the middle of its work, and started, stopped and commanded as operators do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod answers;
mod history;
mod operation;
mod process;
mod senders;
mod socket;
mod whatsapp;

use history::{Reader, assert_senders_order};
use process::{Installation, PASSWORD};
use senders::{Acknowledged, Room, Shared, text_of};
use serde_json::{Value, json};
use std::time::Duration;

const SENDERS: usize = 32;
const ROOMS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    crash("SQLite", Installation::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_postgres() {
    crash("Postgres", Installation::on_postgres().await).await;
}

/// How often the server is killed: 5 times, or as `PARLOR_CRASH_ROUNDS` says.
fn rounds() -> usize {
    std::env::var("PARLOR_CRASH_ROUNDS").map_or(5, |text| text.parse().expect("PARLOR_CRASH_ROUNDS is a number"))
}

/// Kills the server in the middle of 32 senders, again and again, and then looks for everything that it acknowledged.
async fn crash(name: &str, installation: Installation) {
    let mut server = installation.start().await;
    let (token, rooms) = prepare(&installation).await;
    let shared = Shared::new(&installation.url, rooms, token);
    let senders = shared.start(SENDERS);
    let mut recoveries = Vec::new();
    let mut target = 0;
    for _ in 0..rounds() {
        target += between(100, 1_500);
        shared.reach(target).await;
        tokio::time::sleep(Duration::from_micros(between(0, 3_000) as u64)).await;
        server.kill();
        server = installation.spawn();
        recoveries.push(shared.first_answer_after(server.since).await);
        target = target.max(shared.count.load(std::sync::atomic::Ordering::Relaxed));
    }
    shared.reach(target + 100).await;
    let acknowledged = shared.stop(senders).await;

    assert_senders_order(&acknowledged);
    let reader = Reader {
        url: installation.url.clone(),
        token: shared.token.clone(),
        http: shared.http.clone(),
    };
    for (number, room) in shared.rooms.iter().enumerate() {
        let here: Vec<&Acknowledged> = acknowledged.iter().filter(|one| one.room == number).collect();
        reader.assert_whole(room, &here).await;
    }
    let slowest = recoveries.iter().max().copied().unwrap_or_default();
    eprintln!(
        "{name}: killed {} times, {} messages acknowledged, none lost, doubled or moved; start to first acknowledgement at most {slowest:.0?} of {recoveries:.0?}",
        recoveries.len(),
        acknowledged.len(),
    );
}

/// An agent's access token, and rooms with both their names.
async fn prepare(installation: &Installation) -> (String, Vec<Room>) {
    installation.agent("mia@example.com", "agent");
    let http = reqwest::Client::new();
    let url = &installation.url;
    let login = http
        .post(format!("{url}/api/admin/auth/login/"))
        .json(&json!({"username": "mia@example.com", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    let token = text_of(&login.json::<Value>().await.unwrap()["access"]);
    let mut keys = Vec::new();
    for number in 0..ROOMS {
        let room = json!({"customer_name": "Nadia", "subject": format!("Order {number}")});
        let room = http.post(format!("{url}/api/public/chat-rooms/")).json(&room).send().await.unwrap();
        keys.push(text_of(&room.json::<Value>().await.unwrap()["id"]));
    }
    let list = http
        .get(format!("{url}/api/admin/chat-rooms/?empty=true"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    let list: Value = list.json().await.unwrap();
    let rows = list["results"].as_array().unwrap_or_else(|| panic!("{list}"));
    let id_of = |number: usize| {
        let row = rows
            .iter()
            .find(|row| row["subject"]["title"] == format!("Order {number}"))
            .unwrap_or_else(|| panic!("{list}"));
        text_of(&row["id"])
    };
    let rooms = keys.into_iter().enumerate().map(|(number, key)| Room { key, id: id_of(number) }).collect();
    (token, rooms)
}

/// A number that is another one at each run.
fn between(least: usize, most: usize) -> usize {
    least + (uuid::Uuid::new_v4().as_u128() % (most - least + 1) as u128) as usize
}

//! `parlor-bench`: durable sends over HTTP, as fast as the connections take them.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use futures_util::future::try_join_all;
use parlor_bench::figures::Times;
use parlor_bench::http::Connection;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Sends messages to a running server and tells how many it acknowledged. The server must run with PARLOR_LIMITS=off
#[derive(Debug, Clone, Parser)]
#[command(name = "parlor-bench", version)]
struct Options {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Connections, each with one message under way
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Conversations, made first; 1 is the hot case
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    conversations: u32,
    /// How long it is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long it runs before that
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
}

/// When what is answered begins and ends to count.
#[derive(Debug, Clone, Copy)]
struct Span {
    begin: Instant,
    end: Instant,
}

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    times: Vec<Duration>,
    refused: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let rooms = make_rooms(&options).await?;
    let begin = Instant::now() + Duration::from_secs(options.warm_up);
    let span = Span {
        begin,
        end: begin + Duration::from_secs(options.seconds),
    };
    let next = Arc::new(AtomicUsize::new(0));
    let senders = (0..options.connections).map(|number| send(options.url.clone(), number, rooms.clone(), next.clone(), span));
    let seen = try_join_all(senders).await?;
    report(&options, seen)
}

/// Makes the conversations, and gives their room keys.
async fn make_rooms(options: &Options) -> Result<Arc<[String]>> {
    let made = Arc::new(AtomicUsize::new(0));
    let makers = (0..options.connections).map(|_| async {
        let mut connection = Connection::open(&options.url).await?;
        let mut keys = Vec::new();
        while made.fetch_add(1, Ordering::Relaxed) < options.conversations as usize {
            let answer = connection.post("/api/public/chat-rooms/", r#"{"customer_name":"Nadia"}"#).await?;
            ensure!(
                answer.status == 201,
                "a room was answered with {}; does the server run with PARLOR_LIMITS=off?",
                answer.status
            );
            let room = answer.json()?;
            keys.push(room.get("id").and_then(Value::as_str).context("a room without id")?.to_owned());
        }
        anyhow::Ok(keys)
    });
    Ok(try_join_all(makers).await?.into_iter().flatten().collect())
}

/// One connection: the next message goes when the one before was acknowledged.
async fn send(url: String, number: u16, rooms: Arc<[String]>, next: Arc<AtomicUsize>, span: Span) -> Result<Seen> {
    let mut connection = Connection::open(&url).await?;
    let mut seen = Seen::default();
    for message in 0.. {
        let place = next.fetch_add(1, Ordering::Relaxed) % rooms.len();
        let path = format!("/api/public/chat-rooms/{}/send_message/", rooms.get(place).context("no room")?);
        let body = json!({"message": "Is the blue one still available in size M?", "client_id": format!("b-{number}-{message}")}).to_string();
        let asked = Instant::now();
        let answer = connection.post(&path, &body).await?;
        let answered = Instant::now();
        if answered >= span.end {
            break;
        }
        match answer.status {
            201 if asked >= span.begin => seen.times.push(answered - asked),
            201 => {}
            503 => seen.refused += 1,
            status => bail!("a message was answered with {status}: {}", answer.json()?),
        }
    }
    Ok(seen)
}

fn report(options: &Options, seen: Vec<Seen>) -> Result<()> {
    let refused: usize = seen.iter().map(|one| one.refused).sum();
    let times = Times::new(seen.into_iter().flat_map(|one| one.times).collect());
    let rate = times.count() as u64 / options.seconds.max(1);
    let Options {
        connections,
        conversations,
        seconds,
        ..
    } = options;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "durable sends over HTTP: {connections} connections, {conversations} conversations, {seconds} s"
    )?;
    writeln!(
        out,
        "{rate} acknowledged/s   p50 {:.2?}   p99 {:.2?}   longest {:.2?}   refused {refused}",
        times.median(),
        times.percentile(0.99),
        times.percentile(1.0)
    )?;
    Ok(())
}

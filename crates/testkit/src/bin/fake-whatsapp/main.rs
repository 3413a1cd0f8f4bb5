//! `fake-whatsapp`: a WhatsApp of one's own. Parlor calls it in place of Meta's servers, and whoever sits at the keyboard is the customer.
#![allow(clippy::print_stdout, reason = "a command line tool")]

mod everything;
mod options;
mod person;
mod record;
mod shown;

use anyhow::{Context, Result, bail};
use clap::Parser;
use options::Options;
use parlor_testkit::whatsapp::{FakeWhatsapp, Reports, Webhook, ids_begin_now};
use person::Person;
use record::Record;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<()> {
    let graph = FakeWhatsapp::listen(&options.listen).await;
    let graph = Arc::new(graph.with_context(|| format!("cannot listen on {}", options.listen))?);
    // A server remembers the ids of an earlier run, and takes a repeated one for a repeated delivery.
    ids_begin_now();
    graph.serves(&options.number());
    let webhook = options.webhook();
    let reports = Reports::to(&webhook);
    graph.reports(if options.reads { reports.reading() } else { reports });
    println!("{}", options.settings(&graph.base_url()));

    let record = options.record.as_deref().map(Record::create).transpose()?;
    subscribe(&webhook, &options).await?;
    tokio::spawn(show(Arc::clone(&graph), record));
    let mut person = Person::new(graph, webhook, options.number(), options.customer());
    if options.deliver_all {
        person.sends_everything().await?;
    }
    for text in &options.say {
        person.writes(text).await?;
    }
    if options.exit_after_reply {
        return person.has_a_reply(options.patience()).await;
    }
    if options.say.is_empty() && !options.is_script() {
        println!("You are {}: write something, or /help.", options.name);
    }
    person.listens_to_the_keyboard().await
}

/// Asks for the subscription until the server is there to answer.
async fn subscribe(webhook: &Webhook, options: &Options) -> Result<()> {
    let challenge = "1158201444";
    let started = std::time::Instant::now();
    let mut told = false;
    loop {
        match webhook.handshake(challenge).await {
            Ok(answer) if answer.status == 200 && answer.text() == challenge => {
                println!("{} is subscribed.", webhook.url);
                return Ok(());
            }
            Ok(answer) => bail!("{} refused the subscription with {}: is the verify token the same?", webhook.url, answer.status),
            Err(error) if options.is_script() && started.elapsed() > options.patience() => {
                return Err(error).with_context(|| format!("nobody answers at {}", webhook.url));
            }
            Err(_) if told => {}
            Err(_) => {
                println!("Waiting for {} …", webhook.url);
                told = true;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Prints what Parlor asks for, and keeps it when it shall.
async fn show(graph: Arc<FakeWhatsapp>, mut record: Option<Record>) {
    let mut seen = 0;
    loop {
        let calls = graph.more_than(seen).await;
        for call in calls.iter().skip(seen) {
            println!("{}", shown::line(call));
            if let Some(record) = &mut record
                && let Err(error) = record.keep(&graph, call)
            {
                println!("  ! this is not in the record: {error}");
            }
        }
        seen = calls.len();
    }
}

//! A message as JSON: what every answer does, and every event once for each audience.
#![allow(clippy::unwrap_used, reason = "a benchmark")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use parlor_api::families::shared::{FileLinks, MessageResponse};
use parlor_api::ws::protocol::{ConversationBrief, Event, EventFrame, NewMessage};
use parlor_domain::conversation::{Audience, Conversation};
use parlor_domain::message::Message;
use parlor_infra::security::{HmacLinkSigner, ServerSecret};
use parlor_testkit::build::{by_visitor, say};
use parlor_testkit::{FixedClock, Fixture};
use std::hint::black_box;
use std::sync::Arc;

fn history(count: usize) -> (Conversation, Vec<Message>) {
    let mut conversation = Fixture::new().conversation;
    let sender = by_visitor(&conversation);
    let messages = (0..count)
        .map(|_| say(&mut conversation, sender.clone(), "Is the blue one still available in size M?"))
        .collect();
    (conversation, messages)
}

fn messages(criterion: &mut Criterion) {
    let (conversation, page) = history(50);
    let secret = ServerSecret::parse("5d41c402abc4b2a76b9719d911017c592b7e151628aed2a6").unwrap();
    let signer = Arc::new(HmacLinkSigner::new(&secret).unwrap());
    let links = FileLinks::new(signer, Arc::new(FixedClock::default()), "https://chat.example.com".to_owned());
    let message = page.first().unwrap();
    let mut group = criterion.benchmark_group("message");
    for (name, audience) in [("for the customer", Audience::Public), ("for agents", Audience::Staff)] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("one {name}"), |bencher| {
            bencher.iter(|| serde_json::to_vec(&MessageResponse::new(black_box(message), &conversation, audience, &links)).unwrap());
        });
        group.bench_function(format!("an event {name}"), |bencher| {
            bencher.iter(|| {
                let told = NewMessage {
                    message: MessageResponse::new(black_box(message), &conversation, audience, &links),
                    conversation: ConversationBrief::new(&conversation, audience),
                };
                let (conversation_id, rev, at) = (Some(conversation.id.0), Some(message.staff_rev), Some(message.created_at));
                EventFrame {
                    event: Event::NewMessage(Box::new(told)),
                    conversation_id,
                    rev,
                    at,
                }
                .to_json()
            });
        });
        group.throughput(Throughput::Elements(page.len() as u64));
        group.bench_function(format!("a page of 50 {name}"), |bencher| {
            bencher.iter(|| {
                let page: Vec<_> = black_box(&page)
                    .iter()
                    .map(|message| MessageResponse::new(message, &conversation, audience, &links))
                    .collect();
                serde_json::to_vec(&page).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, messages);
criterion_main!(benches);

//! What comes again, or is not what was sent (section 3).

use super::*;
use crate::socket::hello_at;
use futures_util::future::join_all;
use parlor_testkit::whatsapp::Delivery;

/// One of the many ways in which a delivery can be wrong, or the same again.
fn spoiled(good: &Delivery, number: usize) -> (Delivery, bool) {
    let at = number * 7919 % good.body.len();
    let mut flipped = good.clone();
    flipped.body[at] ^= 1 << (number % 8);
    let half = good
        .headers
        .iter()
        .find(|(name, _)| name == Delivery::SIGNATURE)
        .map(|(_, value)| value[..20].to_owned());
    match number % 8 {
        0 => (good.clone(), true),
        1 => (good.clone().truncated(at), false),
        2 => (flipped, false),
        3 => (good.clone().unsigned(), false),
        4 => (good.clone().signature(&half.unwrap()), false),
        5 => (good.clone().signature(&format!("sha256={number:064x}")), false),
        6 => (
            Delivery {
                body: [good.body.clone(), good.body.clone()].concat(),
                ..good.clone()
            },
            false,
        ),
        _ => (Webhook::new("").app_secret("guessed").signed(good.body.clone()), false),
    }
}

with_whatsapp! {
    async fn of_a_thousand_forged_cut_and_doubled_deliveries_one_message_is_stored(line: Line) {
        let good = line.graph.delivery(&line.hook, nadia().text("Is the blue one in stock?"));
        let answers = join_all((0..8).map(|worker| {
            let (good, hook) = (good.clone(), line.hook.clone());
            tokio::spawn(async move {
                for number in (0..1_000).filter(|number| number % 8 == worker) {
                    let (delivery, fine) = spoiled(&good, number);
                    let status = hook.post(&delivery).await.unwrap().status;
                    assert_eq!(status, if fine { 200 } else { 401 }, "{number}");
                }
            })
        }));
        for worker in answers.await {
            worker.unwrap();
        }
        let row = line.conversation().await;
        assert_eq!((&row["inbound_count"], &row["unread_count"], &row["head_seq"], &row["head_rev"]), (&json!(1), &json!(1), &json!(1), &json!(1)));
        assert_eq!(texts(&line.messages().await), ["Is the blue one in stock?"]);
        // Cut short, but signed as such: no delivery, and nothing of it is taken.
        for length in (0..good.body.len()).step_by(37) {
            let cut = line.hook.signed(good.body[..length].to_vec());
            assert_eq!(line.hook.post(&cut).await.unwrap().status, 400, "{length}");
        }
        assert_eq!(line.messages().await.len(), 1);
    }

    async fn what_was_told_before_comes_again_packed_with_something_new(line: Line) {
        let (first, second) = (nadia().text("First"), nadia().text("Second"));
        let mut agent = crate::socket::open(&line.app, &format!("/ws/admin/chat/?token={}", line.owner)).await;
        line.receives(&first).await;
        line.receives([first.clone(), second.clone(), first.clone()]).await;
        line.receives([second, first]).await;
        assert_eq!(texts(&line.messages().await), ["First", "Second"]);
        let row = line.conversation().await;
        assert_eq!((&row["unread_count"], &row["head_rev"]), (&json!(2), &json!(2)));
        let rows: Vec<_> = agent.so_far().await.into_iter().filter(|frame| frame["event"] == "inbox:conversation-updated").collect();
        assert_eq!(rows.last().unwrap()["data"]["unread_count"], 2);
    }
}

/// As it happens when an answer was slow and the platform lost patience.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_copies_at_once_on_two_nodes_are_one_message() {
    let line = Line::start(Database::Postgres).await;
    let second = line.app.second_node().await;
    let elsewhere = Webhook::new(format!("{}{HOOK}", second.url));
    // The second node's first look at the channels comes before the rush.
    line.receives(nadia().text("Hello")).await;
    assert_eq!(line.graph.delivers(&elsewhere, nadia().text("Hello again")).await, 200);
    let id = line.id().await;
    let mut sockets = vec![line.listener().await, hello_at(&second.url, &line.owner).await.0];
    sockets[1].done("conversation:subscribe", json!({"conversation_id": id})).await;
    for round in 0..5 {
        // The very first message of a customer is one, too.
        let customer = Customer::new(format!("49170000001{round}")).name("Omar");
        for message in [nadia().text(format!("Copy {round}")), customer.text("Hi")] {
            let delivery = line.graph.delivery(&line.hook, message);
            let posts = (0..50).map(|number| {
                let hook = if number % 2 == 0 { line.hook.clone() } else { elsewhere.clone() };
                let delivery = delivery.clone();
                tokio::spawn(async move { hook.post(&delivery).await.unwrap().status })
            });
            for status in join_all(posts).await {
                assert_eq!(status.unwrap(), 200);
            }
        }
    }
    let rows = line.conversations().await;
    assert_eq!(rows.len(), 6);
    let (hers, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["id"] == id.as_str());
    assert_eq!(
        (&hers[0]["inbound_count"], &hers[0]["unread_count"], &hers[0]["head_rev"]),
        (&json!(7), &json!(7), &json!(7))
    );
    assert!(others.iter().all(|row| row["inbound_count"] == 1 && row["head_rev"] == 1), "{others:?}");
    assert_eq!(texts(&line.messages_of(&id).await)[2..], ["Copy 0", "Copy 1", "Copy 2", "Copy 3", "Copy 4"]);
    // Each node tells its own sockets what it stored, and what they missed meanwhile: nobody hears anything twice.
    let mut told = Vec::new();
    for socket in &mut sockets {
        let new = socket.so_far().await.into_iter().filter(|frame| frame["event"] == "conversation:new-message");
        let heard: Vec<String> = new.map(|frame| word(&frame["data"]["message"]["text"])).collect();
        assert!(heard.is_sorted_by(|one, other| one < other), "{heard:?}");
        told.extend(heard);
    }
    told.sort();
    told.dedup();
    assert_eq!(told, ["Copy 0", "Copy 1", "Copy 2", "Copy 3", "Copy 4"]);
}

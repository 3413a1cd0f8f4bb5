//! What the platform tells about messages, before and after they are known.

use super::*;
use parlor_domain::message::Side;

fn reaction(target: &str, emoji: Option<&str>) -> Incoming {
    Incoming::Reaction {
        target: target.to_owned(),
        emoji: emoji.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_status_that_comes_before_its_message_is_known_is_not_lost() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.is_told("wamid.1", StatusWord::Delivered).await;
    assert_eq!(rig.status().await, MessageStatus::Queued);
    rig.work().await;
    assert_eq!(rig.status().await, MessageStatus::Delivered);
}

#[tokio::test]
async fn a_status_that_comes_while_the_request_runs_is_not_lost() {
    let rig = Arc::new(Rig::new().await);
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    let told = Arc::clone(&rig);
    rig.platform.before_answer(move |_| {
        let rig = Arc::clone(&told);
        Box::pin(async move { rig.is_told("wamid.1", StatusWord::Read).await })
    });
    rig.work().await;
    rig.platform.answer_at_once();
    assert_eq!(rig.status().await, MessageStatus::Read);
}

#[tokio::test]
async fn what_is_told_of_messages_that_nobody_knows_is_forgotten_after_ten_minutes() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.is_told("wamid.of.another", StatusWord::Sent).await;
    rig.is_told("wamid.of.another", StatusWord::Sent).await;
    assert_eq!(rig.whatsapp.tend_early().await.unwrap(), 0);
    rig.world.clock.advance(Duration::from_secs(601));
    assert_eq!(rig.whatsapp.tend_early().await.unwrap(), 1);
}

#[tokio::test]
async fn signs_edits_and_withdrawals_change_the_message_that_they_name() {
    let rig = Rig::new().await;
    // The sign comes first.
    rig.comes("wamid.in.9", reaction("wamid.in.1", Some("🙏"))).await;
    rig.says("wamid.in.1", "Is it blu?").await;
    assert_eq!(rig.last().await.reactions.len(), 1);
    rig.comes("wamid.in.2", reaction("wamid.in.1", None)).await;
    rig.comes(
        "wamid.in.3",
        Incoming::Edit {
            target: "wamid.in.1".to_owned(),
            text: "Is it blue?".to_owned(),
        },
    )
    .await;
    let edited = rig.last().await;
    assert_eq!(
        (edited.text.as_str(), edited.reactions.len(), edited.edited_at.is_some()),
        ("Is it blue?", 0, true)
    );
    rig.comes(
        "wamid.in.4",
        Incoming::Revoke {
            target: "wamid.in.1".to_owned(),
        },
    )
    .await;
    let gone = rig.last().await;
    assert!(gone.deleted_at.is_some() && gone.text.is_empty());
    assert_eq!(rig.conversation().await.last_seq, 1);
}

#[tokio::test]
async fn the_customer_may_sign_what_we_wrote_and_not_edit_it() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.work().await;
    rig.comes("wamid.in.2", reaction("wamid.1", Some("👍"))).await;
    rig.comes(
        "wamid.in.3",
        Incoming::Edit {
            target: "wamid.1".to_owned(),
            text: "Forged".to_owned(),
        },
    )
    .await;
    let ours = rig.last().await;
    assert_eq!((ours.text.as_str(), ours.reactions[0].by), ("Hello", Side::Visitor));
}

#[tokio::test]
async fn our_sign_goes_out_as_it_is_when_its_turn_comes() {
    use parlor_domain::whatsapp::OutgoingContent;
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Thanks").await;
    let (conversation, message) = (rig.conversation().await.id, rig.last().await.id);
    for emoji in [Some("👍"), Some("🎉")] {
        let emoji = emoji.map(str::to_owned);
        rig.node.conversations.react(rig.world.agent(), conversation, message, emoji).await.unwrap();
    }
    rig.work().await;
    let signs: Vec<_> = rig.platform.sent().into_iter().map(|sent| sent.content).collect();
    assert!(
        signs
            .iter()
            .all(|sign| matches!(sign, OutgoingContent::Reaction { target, emoji: Some(emoji) } if target == "wamid.in.1" && emoji == "🎉")),
        "{signs:?}"
    );
}

#[tokio::test]
async fn an_answer_to_something_is_tied_to_it_or_says_that_it_is_not_known() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.work().await;
    let answer = |id: &str, to: &str| match rig.message(id, Incoming::Text("This one".to_owned())) {
        ReceivedItem::Message(message) => ReceivedItem::Message(IncomingMessage {
            reply_to: Some(to.to_owned()),
            ..message
        }),
        item => item,
    };
    rig.receive(vec![answer("wamid.in.2", "wamid.1")]).await;
    let ours = rig.messages().await[1].id;
    assert_eq!(rig.last().await.reply_to, Some(ours));
    rig.receive(vec![answer("wamid.in.3", "wamid.of.old")]).await;
    let last = rig.last().await;
    assert_eq!(
        (last.reply_to, last.metadata.unwrap()["reply_to_unknown"].as_str()),
        (None, Some("wamid.of.old"))
    );
}

#[tokio::test]
async fn that_somebody_writes_is_shown_at_most_every_twenty_seconds() {
    use parlor_testkit::WhatsappCall;
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    let conversation = rig.conversation().await;
    rig.whatsapp.show_typing(&conversation).await;
    rig.world.clock.advance(Duration::from_secs(19));
    rig.whatsapp.show_typing(&conversation).await;
    assert_eq!(
        rig.platform.calls(),
        [WhatsappCall::MarkRead {
            external_id: "wamid.in.1".to_owned(),
            typing: true
        }]
    );
    rig.world.clock.advance(Duration::from_secs(1));
    rig.whatsapp.show_typing(&conversation).await;
    assert_eq!(rig.platform.calls().len(), 2);
}

#[tokio::test]
async fn a_withdrawal_waits_longer_for_its_message_than_a_status() {
    let rig = Rig::new().await;
    let revoke = Incoming::Revoke {
        target: "wamid.in.1".to_owned(),
    };
    rig.comes("wamid.in.2", revoke).await;
    rig.world.clock.advance(Duration::from_secs(6 * 24 * 3600));
    assert_eq!(rig.whatsapp.tend_early().await.unwrap(), 0);
    rig.says("wamid.in.1", "Forget this").await;
    assert!(rig.last().await.deleted_at.is_some());
}

#[tokio::test]
async fn what_could_not_be_done_when_its_message_came_is_done_later() {
    use std::sync::atomic::Ordering;
    let rig = Rig::new().await;
    let revoke = Incoming::Revoke {
        target: "wamid.in.1".to_owned(),
    };
    rig.comes("wamid.in.2", revoke).await;
    let item = rig.message("wamid.in.1", Incoming::Text("Forget this".to_owned()));
    // The message's own commit works, the one after it does not.
    let faults = &rig.node.faults;
    let begun = faults.begun.load(Ordering::SeqCst);
    let watch = async {
        faults.commit_has_begun(begun + 1).await;
        faults.unavailable.store(1, Ordering::SeqCst);
    };
    let (taken, ()) = tokio::join!(rig.whatsapp.receive(&rig.channel, vec![item]), watch);
    taken.unwrap();
    faults.unavailable.store(0, Ordering::SeqCst);
    rig.whatsapp.tend_early().await.unwrap();
    assert!(rig.last().await.deleted_at.is_some());
}

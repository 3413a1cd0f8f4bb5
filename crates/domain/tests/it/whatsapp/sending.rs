//! The way out: each row of the platform's objections, and what nobody knows the outcome of.

use super::*;
use parlor_domain::conversation::{CommandError, Structured};
use parlor_domain::message::{MessageKind, PartState};
use parlor_domain::whatsapp::{GraphError, OutgoingContent, Recipient, SendFailure};
use parlor_testkit::WhatsappCall;
use serde_json::json;

fn refused(code: i64) -> SendFailure {
    SendFailure::Refused(GraphError {
        code,
        message: "(no) it says".to_owned(),
        foreign: false,
    })
}

fn send_of(ended: &[(JobKind, Settled)]) -> Settled {
    ended.iter().find(|(kind, _)| *kind == JobKind::WhatsappSend).unwrap().1.clone()
}

#[tokio::test]
async fn an_answer_goes_out_and_its_statuses_come_back() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Is it still there?").await;
    rig.answer("Yes, three are left.").await;
    assert_eq!(rig.status().await, MessageStatus::Queued);
    rig.work().await;
    let sent = rig.platform.sent().pop().unwrap();
    assert_eq!(sent.to, Recipient::Phone(PHONE.to_owned()));
    assert_eq!(sent.content, OutgoingContent::Text("Yes, three are left.".to_owned()));
    let last = rig.last().await;
    assert_eq!((last.status, last.external_id()), (MessageStatus::Sent, Some("wamid.1")));
    rig.is_told("wamid.1", StatusWord::Delivered).await;
    rig.is_told("wamid.1", StatusWord::Read).await;
    rig.is_told("wamid.1", StatusWord::Delivered).await;
    assert_eq!(rig.status().await, MessageStatus::Read);
    let conversation = rig.conversation().await;
    assert!(conversation.is_read(&rig.last().await));
    // The customer was shown that we have read, by the message that it wrote last.
    assert!(rig.platform.calls().contains(&WhatsappCall::MarkRead {
        external_id: "wamid.in.1".to_owned(),
        typing: false
    }));
}

#[tokio::test]
async fn without_a_token_messages_are_only_logged() {
    let rig = Rig::with_token(None).await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.work().await;
    assert_eq!(rig.status().await, MessageStatus::Logged);
    assert_eq!(rig.platform.calls(), []);
}

#[tokio::test]
async fn what_will_never_arrive_fails_with_the_platforms_words() {
    for code in [
        131_026, 131_049, 130_472, 131_050, 131_051, 131_008, 131_009, 100, 131_052, 131_053, 132_000, 132_001, 132_016, 131_062,
    ] {
        let rig = Rig::new().await;
        rig.says("wamid.in.1", "Hi").await;
        rig.answer("Hello").await;
        rig.platform.fail_send(refused(code));
        assert_eq!(send_of(&rig.work().await), Settled::Done, "{code}");
        let last = rig.last().await;
        assert_eq!(last.status, MessageStatus::Failed, "{code}");
        assert_eq!(last.metadata.unwrap()["error"]["code"], code);
        assert_eq!(rig.platform.sent().len(), 1, "{code} is not tried again");
    }
}

#[tokio::test]
async fn the_platform_has_the_last_word_about_the_window() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.platform.fail_send(refused(131_047));
    rig.work().await;
    assert_eq!(rig.status().await, MessageStatus::Failed);
    let conversation = rig.conversation().await;
    let again = SendMessage::text(MessageText::parse("Hello?").unwrap());
    let refused = rig.node.conversations.send_message(rig.world.agent(), conversation.id, again).await;
    assert_eq!(refused.unwrap_err(), CommandError::WindowClosed);
}

#[tokio::test]
async fn who_is_written_to_too_fast_waits_longer_each_time_and_not_for_ever() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    let mut waits = Vec::new();
    for _ in 0..6 {
        rig.platform.fail_send(refused(131_056));
        match send_of(&rig.work().await) {
            Settled::Later(after, _) => {
                assert_eq!(rig.status().await, MessageStatus::Queued);
                waits.push(after.as_secs());
                rig.world.clock.advance(after);
            }
            settled => assert_eq!(settled, Settled::Done),
        }
    }
    assert_eq!(waits, [6, 12, 24, 48, 96]);
    assert_eq!(rig.status().await, MessageStatus::Failed);
}

#[tokio::test]
async fn a_tired_number_rests_with_all_its_customers() {
    for code in [130_429, 4, 80_007] {
        let rig = Rig::new().await;
        rig.says("wamid.in.1", "Hi").await;
        let other = Customer {
            phone_id: Some("491700000002".to_owned()),
            ..Customer::default()
        };
        let from_other = rig.message_of(other, "wamid.in.2", Incoming::Text("Hi, too".to_owned()));
        rig.receive(vec![from_other]).await;
        let conversations = rig.conversations().await;
        for conversation in &conversations {
            let hello = SendMessage::text(MessageText::parse("Hello").unwrap());
            rig.node.conversations.send_message(rig.world.agent(), conversation.id, hello).await.unwrap();
        }
        rig.platform.fail_send(refused(code));
        let ended = rig.work().await;
        let rests = ended.iter().filter(|(_, settled)| matches!(settled, Settled::Rest(_))).count();
        assert_eq!(rests, 2, "{code}: one was refused, the other was not even tried");
        assert_eq!(rig.platform.sent().len(), 1);
        rig.world.clock.advance(Duration::from_secs(60));
        rig.work().await;
        assert_eq!(rig.platform.sent().len(), 3);
    }
}

#[tokio::test]
async fn a_restricted_account_fails_and_is_seen_by_admins() {
    for code in [131_048, 368, 131_031, 130_497] {
        let rig = Rig::new().await;
        rig.says("wamid.in.1", "Hi").await;
        rig.answer("Hello").await;
        rig.platform.fail_send(refused(code));
        rig.work().await;
        assert_eq!(rig.status().await, MessageStatus::Failed);
        let channel = rig.node.channels.get(rig.channel.workspace_id, rig.channel.id).await.unwrap();
        assert_eq!(channel.whatsapp_health.map(|health| health.code), Some(code));
    }
}

#[tokio::test]
async fn with_a_wrong_token_messages_wait_until_it_is_mended() {
    for code in [190, 0, 3, 10, 200, 299] {
        let rig = Rig::new().await;
        rig.says("wamid.in.1", "Hi").await;
        rig.answer("Hello").await;
        rig.platform.fail_send(refused(code));
        assert!(matches!(send_of(&rig.work().await), Settled::Rest(_)));
        assert_eq!(rig.status().await, MessageStatus::Queued, "{code}");
        let health = || async {
            let channel = rig.node.channels.get(rig.channel.workspace_id, rig.channel.id).await.unwrap();
            channel.whatsapp_health.map(|health| health.code)
        };
        assert_eq!(health().await, Some(code));
        rig.world.clock.advance(Duration::from_secs(120));
        rig.work().await;
        assert_eq!((rig.status().await, health().await), (MessageStatus::Sent, None), "{code}");
    }
}

#[tokio::test]
async fn what_is_temporary_is_tried_five_times_more() {
    let of_a_proxy = || {
        SendFailure::Refused(GraphError {
            code: 0,
            message: "502".to_owned(),
            foreign: true,
        })
    };
    for failure in [refused(131_000), refused(131_016), refused(131_057), refused(1), refused(2), of_a_proxy()] {
        let rig = Rig::new().await;
        rig.says("wamid.in.1", "Hi").await;
        rig.answer("Hello").await;
        for round in 0..6 {
            rig.platform.fail_send(failure.clone());
            let settled = send_of(&rig.work().await);
            assert_eq!(matches!(settled, Settled::Later(..)), round < 5, "{failure:?} {round}");
            rig.world.clock.advance(Duration::from_secs(120));
        }
        assert_eq!((rig.status().await, rig.platform.sent().len()), (MessageStatus::Failed, 6));
    }
}

#[tokio::test]
async fn what_nobody_knows_the_outcome_of_is_not_sent_again_and_a_status_still_finds_it() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.platform.fail_send(SendFailure::Unknown("timeout".to_owned()));
    assert_eq!(send_of(&rig.work().await), Settled::Done);
    assert_eq!((rig.status().await, rig.platform.sent().len()), (MessageStatus::Unknown, 1));
    let callback = rig.platform.sent().pop().unwrap().callback_data;
    let mut delivered = rig.notice("wamid.lost", StatusWord::Delivered);
    if let ReceivedItem::Status(notice) = &mut delivered {
        notice.callback_data = callback;
    }
    rig.receive(vec![delivered]).await;
    let last = rig.last().await;
    assert_eq!((last.status, last.external_id()), (MessageStatus::Delivered, Some("wamid.lost")));
    // From now on its id alone is enough.
    rig.is_told("wamid.lost", StatusWord::Read).await;
    assert_eq!(rig.status().await, MessageStatus::Read);
}

#[tokio::test]
async fn a_node_that_fell_in_mid_request_leaves_a_message_that_is_not_sent_again() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.platform.before_answer(|call| {
        Box::pin(async move {
            if matches!(call, WhatsappCall::Send(_)) {
                std::future::pending().await
            }
        })
    });
    let gave_up = tokio::time::timeout(Duration::from_millis(50), rig.work()).await;
    assert!(gave_up.is_err());
    let fallen = rig.last().await;
    assert_eq!(fallen.delivery.unwrap().parts[0].state, PartState::Sending);
    assert_eq!(fallen.status, MessageStatus::Queued);
    rig.platform.answer_at_once();
    let sends = rig.platform.sent().len();
    rig.world.clock.advance(Duration::from_secs(16));
    rig.work().await;
    assert_eq!((rig.status().await, rig.platform.sent().len() - sends), (MessageStatus::Unknown, 0));
}

#[tokio::test]
async fn messages_of_one_customer_go_out_one_after_another() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    for words in ["One", "Two", "Three"] {
        rig.answer(words).await;
    }
    rig.platform.fail_send(refused(131_056));
    rig.work().await;
    assert_eq!(rig.platform.sent().len(), 1, "the others wait behind the first");
    rig.world.clock.advance(Duration::from_secs(6));
    rig.work().await;
    let words: Vec<_> = rig
        .platform
        .sent()
        .into_iter()
        .map(|message| match message.content {
            OutgoingContent::Text(text) => text,
            content => panic!("{content:?}"),
        })
        .collect();
    assert_eq!(words, ["One", "One", "Two", "Three"]);
}

#[tokio::test]
async fn a_long_text_goes_out_in_parts_and_is_as_far_as_its_last() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Tell me all").await;
    rig.answer(&"Lorem ipsum dolor sit amet. ".repeat(300)).await;
    rig.work().await;
    assert_eq!(rig.platform.sent().len(), 3);
    assert_eq!(rig.status().await, MessageStatus::Sent);
    rig.is_told("wamid.2", StatusWord::Read).await;
    rig.is_told("wamid.1", StatusWord::Read).await;
    assert_eq!(rig.status().await, MessageStatus::Sent);
    rig.is_told("wamid.3", StatusWord::Delivered).await;
    assert_eq!(rig.status().await, MessageStatus::Delivered);
    rig.is_told("wamid.3", StatusWord::Failed).await;
    assert_eq!(rig.status().await, MessageStatus::Delivered, "what arrived does not fail");
}

#[tokio::test]
async fn after_a_day_only_a_template_goes_out() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("I will look.").await;
    rig.platform.fail_send(refused(190));
    rig.work().await;
    rig.world.clock.advance(Duration::from_secs(24 * 3600));
    rig.work().await;
    let late = rig.last().await;
    assert_eq!(
        (late.status, late.metadata.unwrap()["error"]["code"].as_i64()),
        (MessageStatus::Failed, Some(131_047))
    );
    let conversation = rig.conversation().await;
    let compose = |parameters: Vec<String>| {
        rig.whatsapp
            .compose_template(conversation.workspace_id, conversation.channel_id, "order_ready", None, parameters)
    };
    let (structured, text) = compose(vec!["A-17".to_owned()]).await.unwrap();
    assert_eq!(text.as_str(), "Bestellung A-17 ist fertig.");
    assert!(compose(Vec::new()).await.is_err());
    let template = SendMessage {
        structured: Some(structured),
        ..SendMessage::text(text)
    };
    rig.send(template).await;
    rig.work().await;
    assert!(matches!(rig.platform.sent().pop().unwrap().content, OutgoingContent::Template(call) if call.parameters == ["A-17"]));
    assert_eq!(rig.status().await, MessageStatus::Sent);
}

#[tokio::test]
async fn an_answer_names_what_it_answers_and_choices_go_out_as_such() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Which ones?").await;
    let asked = rig.last().await;
    let choices = SendMessage {
        reply_to: Some(asked.id),
        structured: Some(Structured {
            kind: MessageKind::Interactive,
            payload: Some(json!({"buttons": [{"id": "blue", "title": "Blue"}]})),
        }),
        ..SendMessage::text(MessageText::parse("These:").unwrap())
    };
    rig.send(choices).await;
    rig.work().await;
    let sent = rig.platform.sent().pop().unwrap();
    assert_eq!(sent.reply_to.as_deref(), Some("wamid.in.1"));
    assert!(matches!(sent.content, OutgoingContent::Interactive(_, text) if text == "These:"));
}

#[tokio::test]
async fn what_is_taken_back_before_it_went_out_stays_here() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    let sent = rig.answer("Oops").await;
    rig.node
        .conversations
        .delete_message(rig.world.agent(), sent.conversation.id, sent.message.id)
        .await
        .unwrap();
    rig.work().await;
    assert_eq!(rig.platform.sent(), []);
}

#[tokio::test]
async fn a_hidden_customer_is_answered_by_user_id() {
    let rig = Rig::new().await;
    let hidden = Customer { phone_id: None, ..nadia() };
    let hello = rig.message_of(hidden, "wamid.in.1", Incoming::Text("Hello from a hidden number".to_owned()));
    rig.receive(vec![hello]).await;
    assert_eq!(rig.conversation().await.whatsapp.unwrap().customer_phone, None);
    rig.answer("Hello").await;
    rig.work().await;
    assert_eq!(rig.platform.sent().pop().unwrap().to, Recipient::User(USER.to_owned()));
    // When only the number will do and it is known by then, the message goes there.
    rig.answer("Your code").await;
    rig.platform.fail_send(refused(131_062));
    rig.platform.before_answer({
        let store = rig.world.store.clone();
        let visitor = rig.conversation().await.visitor_id;
        move |call| {
            let store = store.clone();
            Box::pin(async move {
                if matches!(call, WhatsappCall::Send(_)) {
                    let work = store.begin().await.unwrap();
                    let mut contact = work.contacts().find(visitor).await.unwrap().unwrap();
                    contact.customer.phone_id = Some(PHONE.to_owned());
                    work.contacts().update(&contact).await.unwrap();
                    work.commit().await.unwrap();
                }
            })
        }
    });
    rig.work().await;
    rig.platform.answer_at_once();
    rig.world.clock.advance(Duration::from_secs(1));
    rig.work().await;
    assert_eq!(rig.platform.sent().pop().unwrap().to, Recipient::Phone(PHONE.to_owned()));
    assert_eq!(rig.status().await, MessageStatus::Sent);
}

#[tokio::test]
async fn without_a_network_messages_wait_as_long_as_the_customer_may_be_written_to() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    for _ in 0..20 {
        rig.platform.fail_send(SendFailure::Unreached("connection refused".to_owned()));
        assert!(matches!(send_of(&rig.work().await), Settled::Rest(_)));
        assert_eq!(rig.status().await, MessageStatus::Queued);
        rig.world.clock.advance(Duration::from_secs(180));
    }
    rig.work().await;
    assert_eq!(rig.status().await, MessageStatus::Sent);
}

#[tokio::test]
async fn two_nodes_with_the_same_work_make_one_request() {
    let rig = Rig::new().await;
    let (other_node, files) = (rig.world.node(), MemoryFiles::new());
    let other = service(&rig.world, &other_node, &rig.platform, &files);
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    let work = rig.world.store.begin().await.unwrap();
    let due = work.jobs().claim_due(rig.world.clock.now(), rig.claim(), 10).await.unwrap();
    work.commit().await.unwrap();
    let job = due.iter().find(|job| job.kind == JobKind::WhatsappSend).unwrap();
    let (one, two) = tokio::join!(rig.whatsapp.send(job), other.send(job));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(rig.platform.sent().len(), 1);
}

#[tokio::test]
async fn what_is_taken_back_in_mid_way_goes_no_further() {
    let rig = Arc::new(Rig::new().await);
    rig.says("wamid.in.1", "Tell me all").await;
    let sent = rig.answer(&"Lorem ipsum dolor sit amet. ".repeat(300)).await;
    let (told, ids) = (Arc::clone(&rig), (sent.conversation.id, sent.message.id));
    rig.platform.before_answer(move |call| {
        let rig = Arc::clone(&told);
        Box::pin(async move {
            if matches!(call, WhatsappCall::Send(_)) {
                rig.node.conversations.delete_message(rig.world.agent(), ids.0, ids.1).await.unwrap();
            }
        })
    });
    rig.work().await;
    rig.platform.answer_at_once();
    rig.world.clock.advance(Duration::from_secs(60));
    rig.work().await;
    assert_eq!(rig.platform.sent().len(), 1);
}

#[tokio::test]
async fn a_failure_that_is_told_again_does_not_close_the_next_window() {
    use parlor_domain::message::DeliveryError;
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    rig.answer("Hello").await;
    rig.work().await;
    let mut failed = rig.notice("wamid.1", StatusWord::Failed);
    if let ReceivedItem::Status(notice) = &mut failed {
        notice.error = Some(DeliveryError {
            code: 131_047,
            message: "Re-engagement message".to_owned(),
        });
    }
    rig.receive(vec![failed.clone()]).await;
    let is_open = || async { rig.conversation().await.whatsapp.unwrap().is_open(rig.world.clock.now()) };
    assert!(!is_open().await);
    rig.world.clock.advance(Duration::from_secs(60));
    rig.says("wamid.in.2", "Hello?").await;
    rig.receive(vec![failed]).await;
    assert!(is_open().await);
}

#[tokio::test]
async fn when_a_token_is_taken_away_no_part_waits_for_ever() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Tell me all").await;
    rig.answer(&"Lorem ipsum dolor sit amet. ".repeat(300)).await;
    rig.platform.fail_send(refused(131_056));
    rig.work().await;
    let edit = parlor_domain::channel::EditChannel {
        whatsapp: parlor_domain::whatsapp::WhatsappEdit {
            access_token: Some(None),
            ..Default::default()
        },
        ..Default::default()
    };
    rig.node.channels.edit(rig.channel.workspace_id, rig.channel.id, edit).await.unwrap();
    rig.world.clock.advance(Duration::from_secs(60));
    rig.work().await;
    assert_eq!(rig.status().await, MessageStatus::Logged);
}

#[tokio::test]
async fn what_goes_out_is_not_edited() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    let sent = rig.answer("Helo").await;
    let text = MessageText::parse("Hello").unwrap();
    let edited = rig
        .node
        .conversations
        .edit_message(rig.world.agent(), sent.conversation.id, sent.message.id, text)
        .await;
    assert!(matches!(edited, Err(CommandError::Conflict(_))));
}

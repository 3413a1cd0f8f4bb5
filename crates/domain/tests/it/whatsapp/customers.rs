//! Who a customer is, and that each message is stored once.

use super::*;
use futures_util::future::join_all;
use parlor_domain::message::{MessageKind, SenderKind};
use parlor_domain::whatsapp::CustomerMove;

fn only_phone() -> Customer {
    Customer { user_id: None, ..nadia() }
}

fn only_user() -> Customer {
    Customer { phone_id: None, ..nadia() }
}

#[tokio::test]
async fn fifty_copies_at_once_on_two_nodes_are_one_message() {
    let rig = Rig::new().await;
    let (other_node, files) = (rig.world.node(), MemoryFiles::new());
    let other = service(&rig.world, &other_node, &rig.platform, &files);
    let copies = (0..50).map(|copy| {
        let item = rig.message("wamid.in.1", Incoming::Text("Hi".to_owned()));
        let service = if copy % 2 == 0 { &rig.whatsapp } else { &other };
        service.receive(&rig.channel, vec![item])
    });
    assert!(join_all(copies).await.into_iter().all(|taken| taken.is_ok()));
    let conversation = rig.conversation().await;
    assert_eq!((conversation.last_seq, conversation.unread_by_team()), (1, 1));
    assert_eq!(conversation.whatsapp.unwrap().number, 1);
}

#[tokio::test]
async fn a_repeat_packed_with_something_new_changes_nothing_itself() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "One").await;
    let again = rig.message("wamid.in.1", Incoming::Text("One".to_owned()));
    let new = rig.message("wamid.in.2", Incoming::Text("Two".to_owned()));
    rig.receive(vec![again, new]).await;
    let texts: Vec<_> = rig.messages().await.into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["One", "Two"]);
}

#[tokio::test]
async fn user_id_and_phone_id_lead_to_the_same_person() {
    let rig = Rig::new().await;
    rig.receive(vec![rig.message_of(only_phone(), "wamid.in.1", Incoming::Text("By number".to_owned()))])
        .await;
    rig.says("wamid.in.2", "By both").await;
    rig.receive(vec![rig.message_of(only_user(), "wamid.in.3", Incoming::Text("By user id".to_owned()))])
        .await;
    assert_eq!(rig.conversation().await.last_seq, 3);
}

#[tokio::test]
async fn of_two_contacts_the_one_with_the_user_id_takes_the_number_and_both_conversations_stay() {
    let rig = Rig::new().await;
    rig.receive(vec![rig.message_of(only_phone(), "wamid.in.1", Incoming::Text("By number".to_owned()))])
        .await;
    let by_phone = rig.conversation().await.id;
    rig.receive(vec![rig.message_of(only_user(), "wamid.in.2", Incoming::Text("By user id".to_owned()))])
        .await;
    rig.says("wamid.in.3", "By both").await;
    assert_eq!(rig.conversations().await.len(), 2);
    let loser = rig.row(by_phone).await;
    assert_eq!((loser.last_seq, loser.whatsapp.unwrap().customer_phone), (1, None));
    let winner = rig.conversations().await.into_iter().find(|conversation| conversation.id != by_phone).unwrap();
    assert_eq!(winner.last_seq, 2);
    assert_eq!(winner.whatsapp.unwrap().customer_phone.as_deref(), Some(PHONE));
    // What is written into the conversation that nobody reads any more fails, and says where to go.
    let hello = SendMessage::text(MessageText::parse("Hello").unwrap());
    rig.node.conversations.send_message(rig.world.agent(), by_phone, hello).await.unwrap();
    rig.work().await;
    let last = rig.world.messages(by_phone).await.pop().unwrap();
    assert_eq!(last.status, MessageStatus::Failed);
}

#[tokio::test]
async fn a_changed_name_is_the_same_person_and_an_agents_correction_stays() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    assert_eq!(rig.conversation().await.customer_name.as_deref(), Some("Nadia P."));
    let renamed = |name: &str| Customer {
        name: Some(name.to_owned()),
        ..nadia()
    };
    let say = |customer, id| rig.message_of(customer, id, Incoming::Text("Again".to_owned()));
    rig.receive(vec![say(renamed("Nadia Petrova"), "wamid.in.2")]).await;
    let conversation = rig.conversation().await;
    assert_eq!(conversation.customer_name.as_deref(), Some("Nadia Petrova"));
    let edit = parlor_domain::visitor::EditVisitor {
        name: Some(Some(Name::parse("Dr. Petrova").unwrap())),
        ..Default::default()
    };
    rig.node.visitors.edit(conversation.workspace_id, conversation.visitor_id, edit).await.unwrap();
    rig.receive(vec![say(renamed("N."), "wamid.in.3")]).await;
    let visitor = rig.world.store.read().await.unwrap();
    let visitor = visitor
        .visitors()
        .find(conversation.workspace_id, conversation.visitor_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(visitor.name.unwrap().as_str(), "Dr. Petrova");
}

#[tokio::test]
async fn a_new_number_keeps_the_conversation_and_leaves_a_line_once() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    let moved = || {
        ReceivedItem::Moved(CustomerMove {
            id: "wamid.in.2".to_owned(),
            sent_at: None,
            before: only_phone(),
            after: Customer {
                phone_id: Some("491700000099".to_owned()),
                user_id: Some("DE.99".to_owned()),
                ..Customer::default()
            },
        })
    };
    rig.receive(vec![moved()]).await;
    rig.receive(vec![moved()]).await;
    let after = Customer {
        phone_id: Some("491700000099".to_owned()),
        user_id: Some("DE.99".to_owned()),
        ..nadia()
    };
    rig.receive(vec![rig.message_of(after, "wamid.in.3", Incoming::Text("It is me".to_owned()))])
        .await;
    let conversation = rig.conversation().await;
    assert_eq!(conversation.whatsapp.unwrap().customer_phone.as_deref(), Some("491700000099"));
    let kinds: Vec<_> = rig.messages().await.into_iter().map(|message| (message.sender.kind, message.kind)).collect();
    assert_eq!(
        kinds,
        [
            (SenderKind::Visitor, MessageKind::Text),
            (SenderKind::System, MessageKind::System),
            (SenderKind::Visitor, MessageKind::Text)
        ]
    );
}

#[tokio::test]
async fn a_removed_conversation_is_followed_by_another_one() {
    let rig = Rig::new().await;
    rig.says("wamid.in.1", "Hi").await;
    let first = rig.conversation().await;
    let admin = rig.world.another_agent(parlor_domain::agent::Role::Admin, |_| {}).await;
    rig.node
        .conversations
        .delete(parlor_domain::conversation::Actor::Agent(as_agent(&admin)), first.id)
        .await
        .unwrap();
    rig.says("wamid.in.2", "Still there?").await;
    let second = rig.conversation().await;
    assert_ne!(second.id, first.id);
    assert_eq!((second.visitor_id, second.last_seq, second.whatsapp.unwrap().number), (first.visitor_id, 1, 2));
    // What was said there stays said once.
    rig.says("wamid.in.1", "Hi").await;
    assert_eq!(rig.conversation().await.last_seq, 1);
}

#[tokio::test]
async fn a_conversation_can_be_opened_by_number_and_is_the_customers_own_later() {
    let rig = Rig::new().await;
    let workspace = rig.world.fixture.workspace.id;
    let opened = rig.whatsapp.open(workspace, NUMBER, PHONE).await.unwrap();
    assert_eq!(opened.whatsapp.as_ref().unwrap().window_expires_at, None);
    assert_eq!(rig.whatsapp.open(workspace, NUMBER, PHONE).await.unwrap().id, opened.id);
    assert!(rig.whatsapp.open(workspace, "999", PHONE).await.is_err());
    rig.says("wamid.in.1", "Hi").await;
    assert_eq!(rig.conversation().await.id, opened.id);
}

#[tokio::test]
async fn a_handshake_and_a_signature_are_believed_only_with_the_right_secret() {
    let rig = Rig::new().await;
    let numbers = rig.whatsapp.numbers();
    assert!(numbers.is_verify_token("verify-me").await.unwrap());
    for wrong in ["", "verify-mE", "verify-me ", "token"] {
        assert!(!numbers.is_verify_token(wrong).await.unwrap(), "{wrong:?}");
    }
    assert!(numbers.signed_by(b"{}", &[0; 32]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_move_that_is_told_again_does_not_undo_a_newer_one() {
    let rig = Rig::new().await;
    let at = |phone: &str| Customer {
        phone_id: Some(phone.to_owned()),
        ..Customer::default()
    };
    let (first, second) = ("491700000001", "491700000002");
    rig.receive(vec![rig.message_of(at(first), "wamid.in.1", Incoming::Text("Hi".to_owned()))])
        .await;
    let moved = |id: &str, from: &str, to: &str| {
        ReceivedItem::Moved(CustomerMove {
            id: id.to_owned(),
            sent_at: None,
            before: at(from),
            after: at(to),
        })
    };
    rig.receive(vec![moved("wamid.in.2", first, second)]).await;
    rig.receive(vec![moved("wamid.in.3", second, first)]).await;
    rig.receive(vec![moved("wamid.in.2", first, second)]).await;
    assert_eq!(rig.conversation().await.whatsapp.unwrap().customer_phone.as_deref(), Some(first));
    assert_eq!(rig.messages().await.len(), 3);
}

#[tokio::test]
async fn the_operators_secrets_serve_the_operators_number_in_the_operators_workspace_alone() {
    let rig = Rig::with_token(None).await;
    let defaults = WhatsappDefaults {
        phone_number_id: Some(NUMBER.to_owned()),
        secrets: WhatsappSecrets {
            access_token: secret("operators-token"),
            ..WhatsappSecrets::default()
        },
        ..WhatsappDefaults::default()
    };
    let has_token = |numbers: &Numbers| numbers.secrets_of(&rig.channel).unwrap().access_token.is_some();
    let here = Numbers::new(rig.node.channels.clone(), defaults.clone());
    assert!(!has_token(&here), "nobody is served before the operator's workspace is known");
    assert!(!here.ensure_the_operators(rig.channel.workspace_id).await.unwrap());
    assert!(has_token(&here));
    let elsewhere = Numbers::new(rig.node.channels.clone(), defaults);
    let other = parlor_domain::id::WorkspaceId(uuid::Uuid::from_u128(7));
    assert!(!elsewhere.ensure_the_operators(other).await.unwrap());
    assert!(!has_token(&elsewhere));
}

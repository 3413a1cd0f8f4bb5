//! What goes out is what the platform takes.

use super::support::{TOKEN, api, graph, message, number};
use parlor_domain::whatsapp::{Choice, Interactive, MediaKind, NumberFacts, OutgoingContent, OutgoingMessage, Recipient, TemplateCall, WhatsappGateway};
use parlor_testkit::whatsapp::{Endpoint, sample};
use serde_json::json;

fn choice(id: &str, title: &str) -> Choice {
    Choice {
        id: id.to_owned(),
        title: title.to_owned(),
        description: None,
    }
}

#[tokio::test]
async fn every_kind_of_message_is_taken_and_gets_its_id() {
    let graph = graph().await;
    let (api, number) = (api(), number(&graph.base_url()));
    let image = graph.media("image/png", sample::IMAGE);
    let voice = graph.media("audio/ogg; codecs=opus", sample::VOICE);
    let document = graph.media("text/plain", sample::DOCUMENT);
    let media = |kind, id: &str| OutgoingContent::Media {
        kind,
        media_id: id.to_owned(),
        caption: Some("A-17".to_owned()),
        file_name: Some("offer.txt".to_owned()),
    };
    let template = |name: &str, language: &str, parameters: &[&str]| {
        OutgoingContent::Template(TemplateCall {
            name: name.to_owned(),
            language: language.to_owned(),
            parameters: parameters.iter().map(|text| (*text).to_owned()).collect(),
        })
    };
    let kinds = [
        OutgoingContent::Text("Yes, three are left.".to_owned()),
        media(MediaKind::Image, &image.id),
        media(MediaKind::Audio, &voice.id),
        media(MediaKind::Document, &document.id),
        template("hello_world", "en_US", &[]),
        template("order_ready", "de", &["A-17"]),
        OutgoingContent::Interactive(
            Interactive::Buttons {
                buttons: vec![choice("hold", "Yes please"), choice("no", "No")],
            },
            "Shall we hold one for you?".to_owned(),
        ),
        OutgoingContent::Interactive(
            Interactive::List {
                button: "Choose".to_owned(),
                rows: vec![choice("blue", "Blue"), choice("red", "Red")],
            },
            "Which one?".to_owned(),
        ),
        OutgoingContent::Reaction {
            target: "wamid.EXAMPLE1".to_owned(),
            emoji: Some("👍".to_owned()),
        },
        OutgoingContent::Reaction {
            target: "wamid.EXAMPLE1".to_owned(),
            emoji: None,
        },
    ];
    for content in kinds {
        let accepted = api
            .send(&number, &message(content.clone()))
            .await
            .unwrap_or_else(|failure| panic!("{content:?}: {failure:?}"));
        let call = graph.sent().pop().unwrap();
        assert_eq!(call.wamid.as_deref(), Some(accepted.external_id.as_str()));
        assert_eq!(call.path, "/v26.0/830000000000001/messages");
        assert_eq!(call.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        assert_eq!(call.header("content-type"), Some("application/json"));
        assert!(!call.body.to_string().contains(TOKEN));
    }
}

#[tokio::test]
async fn a_user_id_a_quoted_message_and_our_mark_go_along() {
    let graph = graph().await;
    let outgoing = OutgoingMessage {
        to: Recipient::User("DE.8812345678901234".to_owned()),
        content: OutgoingContent::Text("Hello".to_owned()),
        reply_to: Some("wamid.EXAMPLE1".to_owned()),
        callback_data: Some("c1.m1.0".to_owned()),
    };
    api().send(&number(&graph.base_url()), &outgoing).await.unwrap();
    assert_eq!(
        graph.sent()[0].body,
        json!({"messaging_product": "whatsapp", "recipient_type": "individual", "recipient": "DE.8812345678901234", "type": "text",
               "text": {"preview_url": false, "body": "Hello"}, "context": {"message_id": "wamid.EXAMPLE1"},
               "biz_opaque_callback_data": "c1.m1.0"})
    );
}

#[tokio::test]
async fn a_message_is_marked_as_read() {
    let graph = graph().await;
    let (api, number) = (api(), number(&graph.base_url()));
    api.mark_read(&number, "wamid.EXAMPLE1", false).await.unwrap();
    api.mark_read(&number, "wamid.EXAMPLE1", true).await.unwrap();
    let bodies: Vec<_> = graph.calls_at(Endpoint::MarkRead).into_iter().map(|call| call.body).collect();
    assert_eq!(
        bodies,
        [
            json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.EXAMPLE1"}),
            json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.EXAMPLE1", "typing_indicator": {"type": "text"}}),
        ]
    );
}

#[tokio::test]
async fn a_number_says_what_it_is() {
    let graph = graph().await;
    let facts = api().check(&number(&graph.base_url())).await.unwrap();
    assert_eq!(
        facts,
        NumberFacts {
            display_phone: Some("15550001111".to_owned()),
            verified_name: Some("Example Shop".to_owned()),
            quality: Some("GREEN".to_owned()),
        }
    );
}

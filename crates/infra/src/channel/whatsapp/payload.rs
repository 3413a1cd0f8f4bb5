//! Bodies of requests, as the platform writes them (Cloud API, "Messages").

use parlor_domain::whatsapp::{Choice, Interactive, MediaKind, OutgoingContent, OutgoingMessage, Recipient, TemplateCall};
use serde_json::{Map, Value, json};

/// A message.
pub(super) fn message(message: &OutgoingMessage) -> Value {
    let (kind, content) = content(&message.content);
    let (way, recipient) = match &message.to {
        Recipient::Phone(phone) => ("to", phone),
        Recipient::User(user) => ("recipient", user),
    };
    let mut body = Map::from_iter([
        ("messaging_product".to_owned(), json!("whatsapp")),
        ("recipient_type".to_owned(), json!("individual")),
        (way.to_owned(), json!(recipient)),
        ("type".to_owned(), json!(kind)),
        (kind.to_owned(), content),
    ]);
    if let Some(answered) = &message.reply_to {
        body.insert("context".to_owned(), json!({"message_id": answered}));
    }
    if let Some(data) = &message.callback_data {
        body.insert("biz_opaque_callback_data".to_owned(), json!(data));
    }
    body.into()
}

/// The mark that a message was read, perhaps with the sign that somebody writes.
pub(super) fn read(external_id: &str, typing: bool) -> Value {
    let mut body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": external_id});
    if let (true, Some(body)) = (typing, body.as_object_mut()) {
        body.insert("typing_indicator".to_owned(), json!({"type": "text"}));
    }
    body
}

fn content(content: &OutgoingContent) -> (&'static str, Value) {
    match content {
        // Without a preview: the platform would call every address that somebody writes.
        OutgoingContent::Text(text) => ("text", json!({"preview_url": false, "body": text})),
        OutgoingContent::Media {
            kind,
            media_id,
            caption,
            file_name,
        } => (kind.as_str(), media(*kind, media_id, caption.as_deref(), file_name.as_deref())),
        OutgoingContent::Template(call) => ("template", template(call)),
        OutgoingContent::Interactive(choices, text) => ("interactive", interactive(choices, text)),
        OutgoingContent::Reaction { target, emoji } => ("reaction", json!({"message_id": target, "emoji": emoji.as_deref().unwrap_or_default()})),
    }
}

fn media(kind: MediaKind, id: &str, caption: Option<&str>, file_name: Option<&str>) -> Value {
    let mut media = Map::from_iter([("id".to_owned(), json!(id))]);
    let takes_caption = !matches!(kind, MediaKind::Audio | MediaKind::Sticker);
    if let Some(caption) = caption.filter(|caption| takes_caption && !caption.is_empty()) {
        media.insert("caption".to_owned(), json!(caption));
    }
    if let Some(name) = file_name.filter(|_| kind == MediaKind::Document) {
        media.insert("filename".to_owned(), json!(name));
    }
    media.into()
}

fn template(call: &TemplateCall) -> Value {
    let mut template = json!({"name": call.name, "language": {"code": call.language}});
    // A template without places wants no components, not even an empty list of parameters.
    if let (false, Some(template)) = (call.parameters.is_empty(), template.as_object_mut()) {
        let parameters: Vec<Value> = call.parameters.iter().map(|text| json!({"type": "text", "text": text})).collect();
        template.insert("components".to_owned(), json!([{"type": "body", "parameters": parameters}]));
    }
    template
}

fn interactive(choices: &Interactive, text: &str) -> Value {
    match choices {
        Interactive::Buttons { buttons } => {
            let buttons: Vec<Value> = buttons
                .iter()
                .map(|button| json!({"type": "reply", "reply": {"id": button.id, "title": button.title}}))
                .collect();
            json!({"type": "button", "body": {"text": text}, "action": {"buttons": buttons}})
        }
        Interactive::List { button, rows } => {
            let rows: Vec<Value> = rows.iter().map(row).collect();
            json!({"type": "list", "body": {"text": text}, "action": {"button": button, "sections": [{"rows": rows}]}})
        }
    }
}

fn row(row: &Choice) -> Value {
    let mut written = json!({"id": row.id, "title": row.title});
    if let (Some(description), Some(written)) = (&row.description, written.as_object_mut()) {
        written.insert("description".to_owned(), json!(description));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(content: OutgoingContent) -> Value {
        message(&OutgoingMessage {
            to: Recipient::Phone("491700000001".to_owned()),
            content,
            reply_to: None,
            callback_data: None,
        })
    }

    fn to_phone(kind: &str, content: Value) -> Value {
        json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "491700000001", "type": kind, kind: content})
    }

    fn file(kind: MediaKind) -> OutgoingContent {
        OutgoingContent::Media {
            kind,
            media_id: "770000000000001".to_owned(),
            caption: Some("size chart".to_owned()),
            file_name: Some("sizes.pdf".to_owned()),
        }
    }

    fn choice(id: &str, title: &str, description: Option<&str>) -> Choice {
        Choice {
            id: id.to_owned(),
            title: title.to_owned(),
            description: description.map(str::to_owned),
        }
    }

    #[test]
    fn a_text_goes_without_a_preview_and_with_what_it_answers() {
        let whole = message(&OutgoingMessage {
            to: Recipient::Phone("491700000001".to_owned()),
            content: OutgoingContent::Text("Yes, three are left. https://shop.example.com".to_owned()),
            reply_to: Some("wamid.EXAMPLE1".to_owned()),
            callback_data: Some("c1.m1.0".to_owned()),
        });
        assert_eq!(
            whole,
            json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "491700000001", "type": "text",
                   "text": {"preview_url": false, "body": "Yes, three are left. https://shop.example.com"},
                   "context": {"message_id": "wamid.EXAMPLE1"}, "biz_opaque_callback_data": "c1.m1.0"})
        );
    }

    #[test]
    fn a_customer_without_a_number_is_named_by_user_id_alone() {
        let whole = message(&OutgoingMessage {
            to: Recipient::User("DE.8812345678901234".to_owned()),
            content: file(MediaKind::Image),
            reply_to: None,
            callback_data: None,
        });
        assert_eq!(
            whole,
            json!({"messaging_product": "whatsapp", "recipient_type": "individual", "recipient": "DE.8812345678901234", "type": "image",
                   "image": {"id": "770000000000001", "caption": "size chart"}})
        );
    }

    #[test]
    fn files_have_what_their_kind_can_have() {
        for (kind, word, content) in [
            (MediaKind::Image, "image", json!({"id": "770000000000001", "caption": "size chart"})),
            (MediaKind::Video, "video", json!({"id": "770000000000001", "caption": "size chart"})),
            (MediaKind::Audio, "audio", json!({"id": "770000000000001"})),
            (MediaKind::Sticker, "sticker", json!({"id": "770000000000001"})),
            (
                MediaKind::Document,
                "document",
                json!({"id": "770000000000001", "caption": "size chart", "filename": "sizes.pdf"}),
            ),
        ] {
            assert_eq!(sent(file(kind)), to_phone(word, content));
        }
    }

    #[test]
    fn a_template_has_components_only_for_its_places() {
        let call = |parameters: &[&str]| {
            OutgoingContent::Template(TemplateCall {
                name: "order_ready".to_owned(),
                language: "de".to_owned(),
                parameters: parameters.iter().map(|text| (*text).to_owned()).collect(),
            })
        };
        assert_eq!(
            sent(call(&["A-17"])),
            to_phone(
                "template",
                json!({"name": "order_ready", "language": {"code": "de"},
                       "components": [{"type": "body", "parameters": [{"type": "text", "text": "A-17"}]}]})
            )
        );
        assert_eq!(
            sent(call(&[])),
            to_phone("template", json!({"name": "order_ready", "language": {"code": "de"}}))
        );
    }

    #[test]
    fn choices_are_buttons_or_a_list_of_one_section() {
        let buttons = Interactive::Buttons {
            buttons: vec![choice("hold", "Yes please", None), choice("no", "No", None)],
        };
        assert_eq!(
            sent(OutgoingContent::Interactive(buttons, "Shall we hold one for you?".to_owned())),
            to_phone(
                "interactive",
                json!({"type": "button", "body": {"text": "Shall we hold one for you?"},
                       "action": {"buttons": [{"type": "reply", "reply": {"id": "hold", "title": "Yes please"}},
                                              {"type": "reply", "reply": {"id": "no", "title": "No"}}]}})
            )
        );
        let list = Interactive::List {
            button: "Choose".to_owned(),
            rows: vec![choice("blue", "Blue", Some("three left")), choice("red", "Red", None)],
        };
        assert_eq!(
            sent(OutgoingContent::Interactive(list, "Which one?".to_owned())),
            to_phone(
                "interactive",
                json!({"type": "list", "body": {"text": "Which one?"},
                       "action": {"button": "Choose", "sections": [{"rows": [{"id": "blue", "title": "Blue", "description": "three left"},
                                                                             {"id": "red", "title": "Red"}]}]}})
            )
        );
    }

    #[test]
    fn a_reaction_that_is_taken_away_is_empty() {
        let reaction = |emoji: Option<&str>| OutgoingContent::Reaction {
            target: "wamid.EXAMPLE1".to_owned(),
            emoji: emoji.map(str::to_owned),
        };
        assert_eq!(
            sent(reaction(Some("👍"))),
            to_phone("reaction", json!({"message_id": "wamid.EXAMPLE1", "emoji": "👍"}))
        );
        assert_eq!(sent(reaction(None)), to_phone("reaction", json!({"message_id": "wamid.EXAMPLE1", "emoji": ""})));
    }

    #[test]
    fn a_read_mark_may_come_with_the_sign_of_writing() {
        let plain = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.EXAMPLE1"});
        assert_eq!(read("wamid.EXAMPLE1", false), plain);
        let typing = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.EXAMPLE1", "typing_indicator": {"type": "text"}});
        assert_eq!(read("wamid.EXAMPLE1", true), typing);
    }
}

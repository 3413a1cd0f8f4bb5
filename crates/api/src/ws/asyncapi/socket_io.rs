//! The Socket.IO door in the document. What is described is the one argument of each event; what it travels in is Socket.IO's.

use super::{add, camel, message, reference};
use crate::families::marketplace::{MarketplaceActionRequest, ReadConversationResponse, StoredMessageShape};
use crate::socket_io::{
    ERROR, PartyCommand, PartyConversationDeleted, PartyConversationUpdated, PartyEvent, PartyHasRead, PartyMessage, PartyMessageUpdated, PartyMoved,
    PartyRead, PartySent, PartySubscribe, PartySubscribed,
};
use crate::ws::protocol::{DataSchema, ErrorBody, Nothing};
use serde_json::{Map, Value, json};

/// What the channel is called.
pub const NAME: &str = "socketIo";
/// Where it is.
pub const ADDRESS: &str = "/socket.io/";
/// What it is for.
pub const SUMMARY: &str = "Unmodified clients of Socket.IO (Engine.IO 4), over polling or a WebSocket: customers and sellers of a marketplace, each in all own conversations. Logs in by `auth: {token}`.";

const CONVERSATION: &str = "conv_123";
const MESSAGE: &str = "018f6a3e-5b1c-7000-8000-0000000000c9";
const AT: &str = "2026-11-20T09:00:03.120Z";
const NUMBER: u64 = 1_763_629_200_123;

fn command_schema(name: &str) -> DataSchema {
    match name {
        "conversation:message" => DataSchema::of::<PartyMessage>(),
        "conversation:read" => DataSchema::of::<PartyRead>(),
        "conversation:subscribe" => DataSchema::of::<PartySubscribe>(),
        "conversation:action" => DataSchema::of::<MarketplaceActionRequest>(),
        _ => DataSchema::of::<Nothing>(),
    }
}

fn reply_schema(command: &str) -> DataSchema {
    match command {
        "conversation:message" => DataSchema::of::<PartySent>(),
        "conversation:read" => DataSchema::of::<ReadConversationResponse>(),
        "conversation:subscribe" => DataSchema::of::<PartySubscribed>(),
        "conversation:action" => DataSchema::of::<PartyMoved>(),
        _ => DataSchema::of::<Nothing>(),
    }
}

fn event_schema(name: &str) -> DataSchema {
    match name {
        "conversation:new-message" => DataSchema::of::<StoredMessageShape>(),
        "conversation:message-updated" => DataSchema::of::<PartyMessageUpdated>(),
        "conversation:updated" => DataSchema::of::<PartyConversationUpdated>(),
        "conversation:deleted" => DataSchema::of::<PartyConversationDeleted>(),
        _ => DataSchema::of::<PartyHasRead>(),
    }
}

/// What a command does.
pub fn summary_of_command(name: &str) -> &'static str {
    match name {
        "conversation:message" => "Says or proposes something. The acknowledgement comes after the commit.",
        "conversation:read" => "The caller's side has read, everything or up to a place.",
        "conversation:subscribe" => "Tells what happened after `afterRev`. Changes come without it.",
        "conversation:action" => "Decides about an offer or a test drive, or takes an own one back.",
        "ping" => "The client wants to see whether somebody is there.",
        _ => "",
    }
}

/// What an event tells.
pub fn summary_of_event(name: &str) -> &'static str {
    match name {
        "conversation:new-message" => "A new message, with the conversation and its newest messages. In a resume any message that was made or changed.",
        "conversation:message-updated" => "A known message in its new form.",
        "conversation:updated" => "The conversation itself changed.",
        "conversation:deleted" => "The conversation is gone. Nothing follows.",
        "conversation:read" => "A side has read. It is not told again.",
        _ => "",
    }
}

/// Examples of a command's argument.
pub fn commands(name: &str) -> Vec<Value> {
    match name {
        "conversation:message" => {
            let text = json!({ "id": NUMBER, "sender": "user", "text": "Hello!", "timestamp": "2026-11-20T09:00:00.000Z", "isRead": false, "type": "text" });
            let offer = json!({ "id": NUMBER + 1, "type": "offer", "text": "My offer", "payload": { "offerPrice": 18_500 } });
            [text, offer]
                .map(|message| json!({ "conversationId": CONVERSATION, "message": message }))
                .to_vec()
        }
        "conversation:read" => vec![json!({ "conversationId": CONVERSATION, "upToSeq": 39 })],
        "conversation:subscribe" => vec![json!({ "conversationId": CONVERSATION, "afterRev": 44 })],
        "conversation:action" => vec![json!({ "conversationId": CONVERSATION, "messageId": NUMBER, "action": "counter", "offerPrice": 18_700 })],
        _ => vec![json!({})],
    }
}

/// An example of the acknowledgement of a command.
pub fn reply(name: &str) -> Value {
    let data = match name {
        "conversation:message" => json!({ "messageId": MESSAGE, "id": NUMBER, "seq": 39, "rev": 45, "createdAt": AT, "duplicate": false }),
        "conversation:read" => json!({ "conversationId": CONVERSATION, "isReadBySeller": false, "isReadByCustomer": true }),
        "conversation:subscribe" => {
            json!({ "conversationId": CONVERSATION, "result": "ok", "headSeq": 40, "headRev": 49, "isReadBySeller": false, "isReadByCustomer": true })
        }
        "conversation:action" => json!({ "conversationId": CONVERSATION, "rev": 46, "message": offer() }),
        _ => json!({}),
    };
    json!({ "ok": true, "data": data })
}

/// An example of a refusal.
pub fn refusal() -> Value {
    let detail = "There is no such conversation, or it is not yours.";
    json!({ "ok": false, "error": { "code": "not_found", "message": detail, "details": [], "retryable": false } })
}

fn text() -> Value {
    json!({
        "id": NUMBER, "messageId": MESSAGE, "seq": 39, "sender": "user", "text": "Hello!", "timestamp": AT, "sentAt": "2026-11-20T09:00:00.000Z",
        "isRead": false, "type": "text",
    })
}

fn offer() -> Value {
    json!({
        "id": NUMBER, "messageId": MESSAGE, "seq": 39, "sender": "user", "text": "My offer", "timestamp": AT, "isRead": true, "type": "offer",
        "payload": { "offerPrice": 18_500, "status": "countered", "expiresAt": "2026-11-27T09:00:03.120Z" },
    })
}

fn conversation() -> Value {
    json!({
        "id": CONVERSATION, "customerId": "nadia@example.com", "customerName": "Nadia", "sellerId": "mia@example.com", "vehicleId": 4711,
        "vehicleName": "VW Golf 1.4 TSI", "vehiclePrice": 18_900, "lastMessageAt": AT, "isReadBySeller": false, "isReadByCustomer": true, "isFlagged": false,
        "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": AT,
    })
}

/// An example of an event's argument.
pub fn event(name: &str) -> Value {
    match name {
        "conversation:new-message" => {
            let mut whole = conversation();
            if let Some(fields) = whole.as_object_mut() {
                fields.insert("messages".to_owned(), json!([text()]));
            }
            json!({ "conversationId": CONVERSATION, "rev": 45, "message": text(), "conversation": whole })
        }
        "conversation:message-updated" => {
            json!({ "conversationId": CONVERSATION, "rev": 46, "change": "action", "message": offer(), "conversation": conversation() })
        }
        "conversation:updated" => json!({ "conversationId": CONVERSATION, "rev": 47, "conversation": conversation() }),
        "conversation:deleted" => json!({ "conversationId": CONVERSATION, "rev": 48 }),
        _ => json!({
            "conversationId": CONVERSATION, "upToSeq": 39, "by": "seller", "isReadBySeller": true, "isReadByCustomer": true, "at": AT,
        }),
    }
}

/// Adds the messages of this door.
pub fn describe(messages: &mut Map<String, Value>, schemas: &mut Map<String, Value>) {
    for name in PartyCommand::NAMES {
        let data = reference(&add(schemas, command_schema(name)));
        messages.insert(key("Command", name), message(name, name, summary_of_command(name), &data, &commands(name)));
        let payload = json!({
            "type": "object",
            "required": ["ok", "data"],
            "properties": { "ok": { "type": "boolean", "const": true }, "data": reference(&add(schemas, reply_schema(name))) },
        });
        let title = format!("Acknowledgement of {name}");
        messages.insert(
            key("Reply", name),
            message(&format!("{name} acknowledgement"), &title, "It was done.", &payload, &[reply(name)]),
        );
    }
    for name in PartyEvent::NAMES {
        let data = reference(&add(schemas, event_schema(name)));
        messages.insert(key("Event", name), message(name, name, summary_of_event(name), &data, &[event(name)]));
    }
    let payload = json!({
        "type": "object",
        "required": ["ok", "error"],
        "properties": { "ok": { "type": "boolean", "const": false }, "error": reference(&add(schemas, DataSchema::of::<ErrorBody>())) },
    });
    let summary = "It was not done: as acknowledgement, or as an event where no acknowledgement is wanted.";
    messages.insert(key("Event", ERROR), message(ERROR, "Refusal", summary, &payload, &[refusal()]));
}

fn key(kind: &str, name: &str) -> String {
    format!("{NAME}{kind}{}", camel(name))
}

fn keys() -> Vec<String> {
    let commands = PartyCommand::NAMES.iter().flat_map(|name| [key("Command", name), key("Reply", name)]);
    let events = PartyEvent::NAMES.iter().chain([&ERROR]).map(|name| key("Event", name));
    commands.chain(events).collect()
}

/// The channel of this door.
pub fn channel() -> Value {
    let messages: Map<_, _> = keys()
        .into_iter()
        .map(|key| (key.clone(), reference(&format!("#/components/messages/{key}"))))
        .collect();
    let query = json!({
        "EIO": { "type": "string", "enum": ["4"], "description": "The revision of Engine.IO." },
        "transport": { "type": "string", "enum": ["polling", "websocket"] },
        "token": { "type": "string", "description": "Instead of `auth`: a token of the host site, an own one of a seller or agent, a visitor key or a room key." },
        "channel": { "type": "string", "format": "uuid", "description": "For people of the host site at first sight: the entry point." },
    });
    let headers = json!({ "Origin": { "type": "string", "description": "Browsers send it; it must be allowed, and fit the channel of who logs in." } });
    json!({
        "address": ADDRESS,
        "title": NAME,
        "summary": SUMMARY,
        "messages": messages,
        "bindings": { "ws": {
            "method": "GET",
            "query": { "type": "object", "required": ["EIO", "transport"], "properties": query },
            "headers": { "type": "object", "properties": headers },
            "bindingVersion": "0.1.0",
        } },
    })
}

/// From the server's point of view: it receives commands and sends events.
pub fn operations() -> Vec<(String, Value)> {
    let channel = reference(&format!("#/channels/{NAME}"));
    let of_door = |key: String| reference(&format!("#/channels/{NAME}/messages/{key}"));
    let place = "SocketIo";
    let commands = PartyCommand::NAMES.iter().map(|name| {
        let operation = json!({
            "action": "receive",
            "channel": channel,
            "summary": summary_of_command(name),
            "messages": [of_door(key("Command", name))],
            "reply": { "channel": channel, "messages": [of_door(key("Reply", name)), of_door(key("Event", ERROR))] },
        });
        (format!("receive{}On{place}", camel(name)), operation)
    });
    let events = PartyEvent::NAMES.iter().map(|name| {
        let messages = [of_door(key("Event", name))];
        let operation = json!({ "action": "send", "channel": channel, "summary": summary_of_event(name), "messages": messages });
        (format!("send{}On{place}", camel(name)), operation)
    });
    commands.chain(events).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    fn is_written_as_read<T: Serialize + DeserializeOwned>(example: Value) {
        let read: T = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), example);
    }

    #[test]
    fn every_example_decodes_into_its_type() {
        for name in PartyCommand::NAMES {
            assert!(!summary_of_command(name).is_empty(), "{name}");
            for example in commands(name) {
                PartyCommand::read(name, vec![example]).unwrap();
            }
        }
        is_written_as_read::<PartySent>(reply("conversation:message")["data"].clone());
        is_written_as_read::<ReadConversationResponse>(reply("conversation:read")["data"].clone());
        is_written_as_read::<PartySubscribed>(reply("conversation:subscribe")["data"].clone());
        is_written_as_read::<PartyMoved>(reply("conversation:action")["data"].clone());
        assert!(PartyEvent::NAMES.iter().all(|name| !summary_of_event(name).is_empty()));
        is_written_as_read::<StoredMessageShape>(event("conversation:new-message"));
        is_written_as_read::<PartyMessageUpdated>(event("conversation:message-updated"));
        is_written_as_read::<PartyConversationUpdated>(event("conversation:updated"));
        is_written_as_read::<PartyConversationDeleted>(event("conversation:deleted"));
        is_written_as_read::<PartyHasRead>(event("conversation:read"));
        is_written_as_read::<ErrorBody>(refusal()["error"].clone());
    }

    #[test]
    fn the_commands_of_the_document_are_those_of_the_code() {
        for name in PartyCommand::NAMES {
            assert!(PartyCommand::read(name, vec![commands(name).remove(0)]).is_ok());
        }
        assert!(PartyCommand::read("conversation:typing", vec![json!({})]).is_err());
    }
}

//! The AsyncAPI 3 document, made from the types of the frames. docs/asyncapi.yaml is the same document; a test holds it to this one.

mod examples;
mod page;
mod socket_io;

use super::close::Close;
use super::protocol::{Command, DataSchema, ErrorBody, Event, ReplyData, SUBPROTOCOL};
use super::yaml;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// The first line of the file: where it comes from.
const MADE_BY: &str = "# Made by `parlor asyncapi`. Change the types in crates/api/src/ws/protocol, not this file.\n";

/// Who comes by a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Everybody,
    Agents,
    Visitors,
}

impl Who {
    /// Whether somebody of the other side is met here, too.
    fn meets(self, other: Self) -> bool {
        self == Self::Everybody || other == Self::Everybody || self == other
    }
}

struct DoorDescription {
    name: &'static str,
    address: &'static str,
    who: Who,
    summary: &'static str,
}

const DOORS: [DoorDescription; 3] = [
    DoorDescription {
        name: "main",
        address: "/ws",
        who: Who::Everybody,
        summary: "Everybody but sellers. Logs in by ticket, first frame, or token in the query.",
    },
    DoorDescription {
        name: "adminChat",
        address: "/ws/admin/chat/",
        who: Who::Agents,
        summary: "Agents, with their access token in the query. Follows the workspace's list at once.",
    },
    DoorDescription {
        name: "room",
        address: "/ws/chat/{room_id}/",
        who: Who::Visitors,
        summary: "The customer of one room. The room key in the path is the proof; subscribed at once.",
    },
];

/// Which side sends a command.
fn sent_by(command: &str) -> Who {
    match command {
        "presence:set" | "conversation:viewing" | "inbox:subscribe" | "inbox:unsubscribe" => Who::Agents,
        "visitor:page" => Who::Visitors,
        _ => Who::Everybody,
    }
}

/// Which side gets an event.
fn sent_to(event: &str) -> Who {
    match event {
        "conversation:viewing" | "inbox:conversation-updated" | "visitor:page" => Who::Agents,
        _ => Who::Everybody,
    }
}

/// `conversation:new-message` as `ConversationNewMessage`: keys of AsyncAPI take no colon.
fn camel(name: &str) -> String {
    name.split([':', '-'])
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
                .unwrap_or_default()
        })
        .collect()
}

fn reference(path: &str) -> Value {
    json!({ "$ref": path })
}

/// The AsyncAPI document.
#[must_use]
pub fn asyncapi_document() -> Value {
    let mut schemas = Map::new();
    let mut messages = Map::new();
    for name in Command::NAMES {
        let data = Command::schema(name).map(|schema| add(&mut schemas, schema)).unwrap_or_default();
        messages.insert(format!("command{}", camel(name)), command_message(name, &data));
        let data = add(&mut schemas, ReplyData::schema(name));
        messages.insert(format!("reply{}", camel(name)), reply_message(name, &data));
    }
    for name in Event::NAMES {
        let data = Event::schema(name).map(|schema| add(&mut schemas, schema)).unwrap_or_default();
        messages.insert(format!("event{}", camel(name)), event_message(name, &data));
    }
    let error = add(&mut schemas, DataSchema::of::<ErrorBody>());
    messages.insert("error".to_owned(), error_message(&error));
    socket_io::describe(&mut messages, &mut schemas);
    let channels = DOORS.iter().map(|door| (door.name.to_owned(), channel(door)));
    let channels: Map<_, _> = channels.chain([(socket_io::NAME.to_owned(), socket_io::channel())]).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parlor sockets",
            "version": "1.0.0",
            "description": "One JSON protocol for the widget, the agents' inbox and other clients. Text frames, one JSON object each, at most 64 KiB. The guide is docs/websocket.md. Beside it the Socket.IO door, with an older protocol's shapes.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "local": { "host": "localhost:8080", "protocol": "ws", "description": "Where `parlor` listens unless configured otherwise." } },
        "channels": channels,
        "operations": DOORS.iter().flat_map(operations).chain(socket_io::operations()).collect::<Map<_, _>>(),
        "components": { "messages": messages, "schemas": schemas },
        "x-close-codes": Close::ALL.map(|close| json!({ "code": close.code(), "meaning": close.reason(), "reconnect": close.reconnect() })),
    })
}

/// The document as it stands in docs/asyncapi.yaml.
#[must_use]
pub fn asyncapi_yaml() -> String {
    format!("{MADE_BY}{}", yaml::write(&asyncapi_document()))
}

/// Adds a schema with all that it refers to, and gives the way to it.
fn add(schemas: &mut Map<String, Value>, data: DataSchema) -> String {
    for (name, schema) in data.schemas {
        let mut value = serde_json::to_value(&schema).unwrap_or_default();
        to_draft_07(&mut value);
        schemas.entry(name).or_insert(value);
    }
    format!("#/components/schemas/{}", data.name)
}

/// What OpenAPI calls `example`, JSON Schema calls `examples`.
fn to_draft_07(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(example) = fields.remove("example") {
                fields.insert("examples".to_owned(), json!([example]));
            }
            fields.values_mut().for_each(to_draft_07);
        }
        Value::Array(items) => items.iter_mut().for_each(to_draft_07),
        _ => {}
    }
}

fn message(name: &str, title: &str, summary: &str, payload: &Value, examples: &[Value]) -> Value {
    let examples = examples.iter().map(|payload| json!({ "payload": payload })).collect::<Vec<_>>();
    json!({ "name": name, "title": title, "summary": summary, "contentType": "application/json", "payload": payload, "examples": examples })
}

fn command_message(name: &str, data: &str) -> Value {
    let payload = json!({
        "type": "object",
        "required": ["event"],
        "properties": {
            "id": { "type": "string", "minLength": 1, "maxLength": 64, "description": "With an id there is exactly one reply; without, none." },
            "event": { "type": "string", "const": name },
            "data": reference(data),
        },
    });
    message(name, name, examples::summary_of_command(name), &payload, &examples::commands(name))
}

fn reply_message(name: &str, data: &str) -> Value {
    let payload = json!({
        "type": "object",
        "required": ["reply_to", "ok", "data"],
        "properties": {
            "reply_to": { "type": "string", "description": "The id of the command." },
            "ok": { "type": "boolean", "const": true },
            "data": reference(data),
        },
    });
    message(
        &format!("{name} reply"),
        &format!("Reply to {name}"),
        "It was done.",
        &payload,
        &[examples::reply(name)],
    )
}

fn error_message(error: &str) -> Value {
    let payload = json!({
        "type": "object",
        "required": ["ok", "error"],
        "properties": {
            "reply_to": { "type": "string", "description": "The id of the command; missing if the frame was no command." },
            "ok": { "type": "boolean", "const": false },
            "error": reference(error),
        },
    });
    message("error", "Refusal", "It was not done.", &payload, &examples::errors())
}

fn event_message(name: &str, data: &str) -> Value {
    let payload = json!({
        "type": "object",
        "required": ["event"],
        "properties": {
            "event": { "type": "string", "const": name },
            "conversation_id": { "type": "string", "format": "uuid", "description": "To customers the room key, to agents the internal id." },
            "rev": { "type": "integer", "description": "The number of the change; missing on signals." },
            "at": { "type": "string", "format": "date-time" },
            "data": reference(data),
        },
    });
    message(name, name, examples::summary_of_event(name), &payload, &[examples::event(name)])
}

/// The messages of a door: from clients, and to clients.
fn messages_of(door: &DoorDescription) -> Vec<String> {
    let commands = Command::NAMES.iter().filter(|name| door.who.meets(sent_by(name)));
    let commands = commands.flat_map(|name| [format!("command{}", camel(name)), format!("reply{}", camel(name))]);
    let events = Event::NAMES
        .iter()
        .filter(|name| door.who.meets(sent_to(name)))
        .map(|name| format!("event{}", camel(name)));
    commands.chain(events).chain(["error".to_owned()]).collect()
}

fn channel(door: &DoorDescription) -> Value {
    let mut query = json!({
        "ticket": { "type": "string", "description": "A single-use ticket of POST /api/realtime/tickets." },
        "token": { "type": "string", "description": "An access token, a visitor key or a token of the host site. A ticket or the first frame are better: URLs end up in logs." },
        "channel": { "type": "string", "format": "uuid", "description": "For customers of the host site at first sight: the entry point." },
    });
    if door.who == Who::Visitors {
        query = json!({});
    }
    let headers = json!({
        "Origin": { "type": "string", "description": "Browsers send it; it must be allowed, and fit the channel of who logs in." },
        "Sec-WebSocket-Protocol": { "type": "string", "enum": [SUBPROTOCOL], "description": "May be left out." },
    });
    let messages: Map<_, _> = messages_of(door)
        .into_iter()
        .map(|key| (key.clone(), reference(&format!("#/components/messages/{key}"))))
        .collect();
    let mut channel = json!({
        "address": door.address,
        "title": door.name,
        "summary": door.summary,
        "messages": messages,
        "bindings": { "ws": {
            "method": "GET",
            "query": { "type": "object", "properties": query },
            "headers": { "type": "object", "properties": headers },
            "bindingVersion": "0.1.0",
        } },
    });
    if door.who == Who::Visitors
        && let Some(fields) = channel.as_object_mut()
    {
        fields.insert("parameters".to_owned(), json!({ "room_id": { "description": "The room key." } }));
    }
    channel
}

/// From the server's point of view: it receives commands and sends events.
fn operations(door: &DoorDescription) -> Vec<(String, Value)> {
    let channel = reference(&format!("#/channels/{}", door.name));
    let place = camel(door.name);
    let of_door = |key: String| reference(&format!("#/channels/{}/messages/{key}", door.name));
    let commands = Command::NAMES.iter().filter(|name| door.who.meets(sent_by(name))).map(|name| {
        let operation = json!({
            "action": "receive",
            "channel": channel,
            "summary": examples::summary_of_command(name),
            "messages": [of_door(format!("command{}", camel(name)))],
            "reply": { "channel": channel, "messages": [of_door(format!("reply{}", camel(name))), of_door("error".to_owned())] },
        });
        (format!("receive{}On{place}", camel(name)), operation)
    });
    let events = Event::NAMES.iter().filter(|name| door.who.meets(sent_to(name))).map(|name| {
        let messages = [of_door(format!("event{}", camel(name)))];
        let operation = json!({ "action": "send", "channel": channel, "summary": examples::summary_of_event(name), "messages": messages });
        (format!("send{}On{place}", camel(name)), operation)
    });
    commands.chain(events).collect()
}

/// `GET /api/asyncapi.json`.
pub async fn document() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| asyncapi_document().to_string());
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(text.as_str())
}

/// `GET /api/docs/asyncapi`.
pub async fn page() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(page::html);
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text.as_str())
}

#[cfg(test)]
mod tests;

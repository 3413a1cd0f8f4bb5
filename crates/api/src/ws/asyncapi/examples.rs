//! One example or more of every frame, and a line that says what it is for.

use serde_json::{Value, json};

const ROOM: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const CONVERSATION: &str = "018f6a3e-5b1c-7000-8000-0000000000a1";
const VISITOR: &str = "018f6a3e-5b1c-7000-8000-000000000077";
const AGENT: &str = "018f6a3e-5b1c-7000-8000-0000000000b1";
const CHANNEL: &str = "018f6a3e-5b1c-7000-8000-0000000000e1";
const MESSAGE: &str = "018f6a3e-5b1c-7000-8000-0000000000c9";
const FILE: &str = "018f6a3e-5b1c-7000-8000-0000000000d4";
const AT: &str = "2026-11-20T09:00:03.120Z";

/// What a command is for.
pub fn summary_of_command(name: &str) -> &'static str {
    match name {
        "session:hello" => "Logs in, says which version the client speaks, and resumes.",
        "session:refresh" => "Goes on with a new token of the same identity.",
        "ping" => "The client is there; answered by pong.",
        "conversation:subscribe" => "From now on the changes of a conversation; with after_rev also what the client missed.",
        "conversation:unsubscribe" => "No longer.",
        "conversation:message" => "Says something. The reply comes after the commit; repeat with the same client_id until it does.",
        "conversation:read" => "The client's side has read up to a place. Only forward, capped at the head, stored.",
        "conversation:delivered" => "The client has received up to a place. Only forward, stored; at most once a second.",
        "conversation:typing" => "Somebody types, or stopped. Repeat start every 5 s at most.",
        "conversation:viewing" => "An agent has the conversation open, or closed it.",
        "presence:set" => "An agent says how available it is.",
        "visitor:page" => "A visitor looks at another page; at most once in 2 s.",
        "inbox:subscribe" => "An agent follows the workspace's list, all of it or one channel.",
        "inbox:unsubscribe" => "No longer.",
        _ => "",
    }
}

/// What an event is for.
pub fn summary_of_event(name: &str) -> &'static str {
    match name {
        "session:welcome" => "Greets a client that logged in by its URL.",
        "session:expiring" => "The token runs out within 60 s: send session:refresh.",
        "session:closing" => "The server goes away; come back after the advised time.",
        "pong" => "The answer to ping.",
        "conversation:new-message" => "A new message; in a resume any message that was made or changed, in its present form.",
        "conversation:message-updated" => "A known message in its new form.",
        "conversation:updated" => "The changed fields of a conversation; in a resume all that the audience sees.",
        "conversation:deleted" => "The conversation is gone; the subscription ends with it.",
        "conversation:typing" => "Somebody else types, or stopped. Forget it after 8 s or with the message.",
        "conversation:read" => "A side has read up to a place.",
        "conversation:delivered" => "A side's client has received up to a place.",
        "assistant:delta" => "More of the answer that the assistant writes; the finished message has the same id and replaces it.",
        "conversation:viewing" => "Another agent has the conversation open, or closed it.",
        "presence:changed" => "Somebody came, went, or is available in another way. Visitors learn only whether some agent is there.",
        "inbox:conversation-updated" => "A row of the workspace's list as it is now.",
        "visitor:page" => "A visitor looks at another page.",
        _ => "",
    }
}

fn command(id: &str, event: &str, data: &Value) -> Value {
    json!({ "id": id, "event": event, "data": data })
}

/// Examples of a command.
pub fn commands(name: &str) -> Vec<Value> {
    let data = match name {
        "session:hello" => json!({
            "protocol": 1, "token": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "client": { "name": "parlor-widget", "version": "0.3.0" },
            "resume": [{ "conversation_id": ROOM, "after_rev": 41 }],
        }),
        "session:refresh" => json!({ "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl" }),
        "ping" => return vec![json!({ "event": "ping" })],
        "conversation:subscribe" => json!({ "conversation_id": CONVERSATION, "after_rev": 47 }),
        "conversation:unsubscribe" => return vec![json!({ "event": name, "data": { "conversation_id": CONVERSATION } })],
        "conversation:message" => {
            let visitors = json!({ "conversation_id": ROOM, "message": {
                "client_id": "w-1763629200123-1", "type": "text", "text": "Is it still available?", "reply_to": null, "attachment_ids": [], "payload": null,
            } });
            let note = json!({ "conversation_id": CONVERSATION, "message": { "client_id": "i-1763629200123-7", "type": "text", "text": "Ask the workshop first.", "private": true } });
            let offer = json!({ "conversation_id": ROOM, "message": { "client_id": "w-1763629200123-2", "type": "offer", "text": "My offer", "payload": { "offerPrice": 18_500 } } });
            let file = json!({ "conversation_id": ROOM, "message": { "client_id": "w-1763629200123-3", "type": "file", "attachment_ids": [FILE] } });
            let template = json!({ "conversation_id": CONVERSATION, "message": { "client_id": "i-1763629200123-8", "type": "template", "payload": { "name": "order_ready", "language": "de", "parameters": ["A-17"] } } });
            return vec![
                command("3", name, &visitors),
                command("4", name, &note),
                command("5", name, &offer),
                command("6", name, &file),
                command("7", name, &template),
            ];
        }
        "conversation:read" | "conversation:delivered" => json!({ "conversation_id": ROOM, "up_to_seq": 39 }),
        "conversation:typing" => return vec![json!({ "event": name, "data": { "conversation_id": ROOM, "state": "start" } })],
        "conversation:viewing" => return vec![json!({ "event": name, "data": { "conversation_id": CONVERSATION, "state": "start" } })],
        "presence:set" => json!({ "status": "away" }),
        "visitor:page" => return vec![json!({ "event": name, "data": { "url": "https://shop.example.com/bikes/42", "title": "City bike" } })],
        "inbox:subscribe" => json!({ "channel_id": CHANNEL }),
        _ => json!({}),
    };
    vec![command("1", name, &data)]
}

fn session() -> Value {
    json!({
        "connection_id": "n1-000042", "identity": { "kind": "visitor", "id": VISITOR }, "protocol": 1, "ping_every_ms": 25_000, "dead_after_ms": 60_000,
        "max_frame_bytes": 65_536, "server_time": "2026-11-20T09:00:00.000Z",
        "resumed": [{ "conversation_id": ROOM, "result": "ok", "head_seq": 38, "head_rev": 44 }],
    })
}

/// An example of the reply to a command.
pub fn reply(name: &str) -> Value {
    let data = match name {
        "session:hello" => session(),
        "session:refresh" => json!({ "expires_at": "2026-11-20T09:30:00.000Z" }),
        "conversation:subscribe" => json!({
            "result": "ok", "head_seq": 40, "head_rev": 49, "status": "open", "handled_by": "agent", "read": { "visitor": 38, "team": 40, "me": 40 },
            "delivered": { "visitor": 39, "team": 40 }, "online": { "visitor": true, "agents": 1 },
        }),
        "conversation:message" => json!({ "message_id": MESSAGE, "seq": 39, "rev": 45, "created_at": AT, "duplicate": false }),
        "conversation:read" => json!({ "unread_count": 0, "my_unread_count": 0 }),
        "conversation:delivered" => json!({ "up_to_seq": 39 }),
        _ => json!({}),
    };
    json!({ "reply_to": "1", "ok": true, "data": data })
}

/// Examples of refusals.
pub fn errors() -> Vec<Value> {
    vec![
        json!({ "reply_to": "7", "ok": false, "error": { "code": "rate_limited", "message": "Slow down", "details": [], "retryable": true, "retry_after_ms": 1_500 } }),
        json!({ "reply_to": "8", "ok": false, "error": {
            "code": "invalid_input", "message": "Correct the input: data.message.text must not be empty.",
            "details": [{ "field": "data.message.text", "detail": "must not be empty" }], "retryable": false,
        } }),
        json!({ "reply_to": "1", "ok": false, "error": {
            "code": "unsupported_protocol", "message": "This server speaks version 1 of the protocol.", "details": [], "retryable": false, "supported": [1],
        } }),
        json!({ "ok": false, "error": { "code": "invalid_input", "message": "A frame is one JSON object.", "details": [], "retryable": false } }),
    ]
}

fn message() -> Value {
    json!({
        "id": MESSAGE, "conversation_id": ROOM, "seq": 39, "rev": 45, "sender": { "kind": "visitor", "id": VISITOR, "name": "Nadia", "reported": false },
        "type": "text", "text": "Is it still available?", "payload": null, "attachments": [], "reply_to": null, "reactions": [], "metadata": null,
        "client_id": "w-1763629200123-1", "status": "sent", "whatsapp_message_id": null, "is_read": false, "private": false, "sent_at": null, "created_at": AT, "edited_at": null, "deleted_at": null,
    })
}

fn message_on_whatsapp() -> Value {
    let url = format!("https://chat.example.com/api/attachments/{FILE}/size-chart.png?exp=1795165203&sig=q83vEjRW");
    json!({
        "id": MESSAGE, "conversation_id": CONVERSATION, "seq": 39, "rev": 58, "sender": { "kind": "agent", "id": AGENT, "name": "Ada", "reported": false },
        "type": "file", "text": "size-chart.png", "payload": null,
        "attachments": [{ "id": FILE, "name": "size-chart.png", "mime": "image/png", "size": 48_213, "url": url, "width": 800, "height": 600 }],
        "reply_to": null, "reactions": [], "metadata": null, "client_id": "i-1763629200123-9", "status": "delivered", "whatsapp_message_id": "wamid.EXAMPLE1",
        "is_read": false, "private": false, "sent_at": null, "created_at": AT, "edited_at": null, "deleted_at": null,
    })
}

fn row() -> Value {
    json!({
        "id": CONVERSATION, "kind": "chat", "channel_id": CHANNEL, "status": "open", "snoozed_until": null, "handled_by": "agent", "assignee_id": AGENT,
        "customer_name": "Nadia", "customer_email": "nadia@example.com", "subject": { "kind": "text", "external_id": null, "title": "Order 1042", "price": null }, "whatsapp": null, "labels": ["bikes"],
        "flag": null, "last_message": "Is it still available?", "last_message_at": AT, "unread_count": 3, "inbound_count": 20, "head_seq": 39, "head_rev": 48,
        "created_at": "2026-11-20T09:00:00.000Z", "updated_at": AT, "deleted_at": null,
    })
}

/// An example of an event.
pub fn event(name: &str) -> Value {
    let agent = json!({ "kind": "agent", "id": AGENT, "name": "Ada", "reported": false });
    let (place, rev, data) = match name {
        "session:welcome" => (None, None, session()),
        "session:expiring" => (None, None, json!({ "expires_at": "2026-11-20T09:15:00.000Z" })),
        "session:closing" => (None, None, json!({ "reconnect": true, "after_ms": 4_200 })),
        "conversation:new-message" => {
            let conversation = json!({ "id": ROOM, "status": "open", "handled_by": "assistant", "last_message_at": AT, "unread": { "team": 3, "visitor": 0 } });
            (Some(ROOM), Some(45), json!({ "message": message(), "conversation": conversation }))
        }
        "conversation:message-updated" => (Some(CONVERSATION), Some(58), json!({ "message": message_on_whatsapp(), "change": "status" })),
        "conversation:updated" => (Some(ROOM), Some(46), json!({ "handled_by": "human", "status": "open" })),
        "conversation:deleted" => (Some(ROOM), Some(47), json!({})),
        "conversation:typing" => (Some(ROOM), None, json!({ "conversation_id": ROOM, "state": "start", "sender": agent })),
        "conversation:read" => (Some(CONVERSATION), None, json!({ "up_to_seq": 39, "by": "agent", "agent_id": AGENT, "at": AT })),
        "conversation:delivered" => (Some(CONVERSATION), None, json!({ "up_to_seq": 39, "by": "visitor" })),
        "assistant:delta" => (
            Some(ROOM),
            None,
            json!({ "message_id": "018f6a3e-5b1c-7000-8000-0000000000d2", "offset": 18, "delta": " to five days." }),
        ),
        "conversation:viewing" => (Some(CONVERSATION), None, json!({ "state": "start", "agent": agent })),
        "presence:changed" => (
            None,
            None,
            json!({ "kind": "agent", "id": AGENT, "online": true, "status": "away", "last_seen_at": AT }),
        ),
        "inbox:conversation-updated" => (Some(CONVERSATION), None, row()),
        "visitor:page" => (
            None,
            None,
            json!({ "visitor_id": VISITOR, "url": "https://shop.example.com/bikes/42", "title": "City bike" }),
        ),
        _ => return json!({ "event": name }),
    };
    let mut frame = json!({ "event": name, "at": AT, "data": data });
    if let Some(fields) = frame.as_object_mut() {
        place
            .into_iter()
            .for_each(|place| drop(fields.insert("conversation_id".to_owned(), json!(place))));
        rev.into_iter().for_each(|rev| drop(fields.insert("rev".to_owned(), json!(rev))));
    }
    frame
}

//! `/api/public/chat-rooms`: the customer's side of conversations.

use crate::app::{Answer, Database, TestApp, host_token};
use crate::chats::{far_owner, new_session, stored};
use crate::wrong_bodies;
use futures_util::future::join_all;
use parlor_domain::agent::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

const ROOMS: &str = "/api/public/chat-rooms/";
const NOBODY: &str = "3f2b8c1e-5d7a-4c0e-9a51-0c6a7e1d2b34";

const ROOM_FIELDS: [&str; 13] = [
    "created_at",
    "customer_email",
    "customer_name",
    "handled_by",
    "head_rev",
    "head_seq",
    "id",
    "last_message",
    "last_message_at",
    "status",
    "subject",
    "unread_count",
    "updated_at",
];
const MESSAGE_FIELDS: [&str; 20] = [
    "attachments",
    "client_id",
    "conversation_id",
    "created_at",
    "deleted_at",
    "edited_at",
    "id",
    "is_read",
    "metadata",
    "payload",
    "private",
    "reactions",
    "reply_to",
    "rev",
    "sender",
    "sent_at",
    "seq",
    "status",
    "text",
    "type",
];

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn texts(page: &Value) -> Vec<String> {
    page["results"].as_array().unwrap().iter().map(|message| text(&message["text"])).collect()
}

fn ids(page: &Value) -> Vec<String> {
    page["results"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect()
}

/// Our side of the tests' rooms.
struct Desk<'a> {
    app: &'a TestApp,
    token: String,
}

impl<'a> Desk<'a> {
    async fn open(app: &'a TestApp) -> Self {
        Self {
            app,
            token: app.agent("ada@example.com", Role::Admin).await.0,
        }
    }

    async fn call(&self, method: Method, room: &str, tail: &str, body: Value) -> Answer {
        let id = self.app.conversation_id(room).await;
        self.app
            .call(method, &format!("/api/admin/chat-rooms/{id}/{tail}"))
            .bearer(&self.token)
            .json(body)
            .send()
            .await
    }

    async fn say(&self, room: &str, text: &str) -> Value {
        self.call(Method::POST, room, "send_message/", json!({"message": text})).await.expect(201)
    }

    async fn set_status(&self, room: &str, status: &str) {
        self.call(Method::POST, room, "status/", json!({"status": status})).await.expect(200);
    }
}

async fn room_of(app: &TestApp, room: &str) -> Value {
    app.get(&format!("{ROOMS}{room}/")).send().await.expect(200)
}

async fn read(app: &TestApp, room: &str, query: &str) -> Value {
    app.get(&format!("{ROOMS}{room}/get_messages/?{query}")).send().await.expect(200)
}

async fn send(app: &TestApp, room: &str, body: Value) -> Answer {
    app.post(&format!("{ROOMS}{room}/send_message/")).json(body).send().await
}

async fn mark(app: &TestApp, room: &str, body: Value) -> i64 {
    let answer = app.post(&format!("{ROOMS}{room}/mark_as_read/")).json(body).send().await.expect(200);
    assert_eq!(keys(&answer), ["unread_count"]);
    answer["unread_count"].as_i64().unwrap()
}

on_both! {
    async fn a_stranger_makes_a_room_and_gets_both_keys(app: TestApp) {
        let body = json!({"customer_name": "Nadia", "customer_email": "Nadia@example.com", "subject": "Order 1042", "metadata": {"page": "/"}, "sender": "agent"});
        let made = app.post(ROOMS).json(body).send().await.expect(201);
        let mut fields = ROOM_FIELDS.to_vec();
        fields.push("visitor_id");
        assert_eq!(keys(&made), fields);
        assert_eq!((&made["customer_name"], &made["customer_email"], &made["subject"]), (&json!("Nadia"), &json!("nadia@example.com"), &json!("Order 1042")));
        assert_eq!((&made["status"], &made["handled_by"], &made["unread_count"]), (&json!("open"), &json!("human"), &json!(0)));
        assert_eq!((&made["last_message"], &made["head_seq"], &made["head_rev"]), (&Value::Null, &json!(0), &json!(0)));
        assert_eq!(made["last_message_at"], made["created_at"], "until a message comes");
        let (room, visitor) = (text(&made["id"]), text(&made["visitor_id"]));
        assert_eq!((Uuid::parse_str(&room).unwrap().get_version_num(), Uuid::parse_str(&visitor).unwrap().get_version_num()), (4, 4));
        assert!(!stored(&app, &visitor).await.is_verified() && !stored(&app, &visitor).await.email.unwrap().verified, "what is typed is a claim");
        let mut read = room_of(&app, &room).await;
        assert_eq!(keys(&read), ROOM_FIELDS);
        read["visitor_id"] = json!(visitor);
        assert_eq!(read, made);
        app.get(&format!("/api/chats/visitors/{visitor}/validate/")).send().await.expect(200);
        app.post("/api/public/chat-rooms").send().await.expect(201);
        app.post("/api/public/chat-rooms").json(json!({})).send().await.expect(201);
    }

    async fn a_room_may_begin_with_a_message(app: TestApp) {
        let made = app.post(ROOMS).json(json!({"message": "Is it  still\navailable?", "client_id": "m1"})).send().await.expect(201);
        assert_eq!((&made["head_seq"], &made["head_rev"], &made["last_message"]), (&json!(1), &json!(1), &json!("Is it still available?")));
        let room = text(&made["id"]);
        let page = read(&app, &room, "").await;
        assert_eq!(texts(&page), ["Is it  still\navailable?"], "the text is kept as received");
        let again = send(&app, &room, json!({"message": "Is it  still\navailable?", "client_id": "m1"})).await.expect(200);
        assert_eq!(again["id"], page["results"][0]["id"], "the first message has its client id");
        send(&app, &room, json!({"message": "Other", "client_id": "m1"})).await.problem(409, "conflict");
        app.post(ROOMS).json(json!({"message": "x".repeat(10_001)})).send().await.problem(400, "invalid_input");
        app.post(ROOMS).json(json!({"message": "a", "client_id": "k".repeat(65)})).send().await.problem(400, "invalid_input");
    }

    async fn a_known_visitor_makes_further_rooms(app: TestApp) {
        let visitor = app.visitor().await;
        let made = app.post(ROOMS).json(json!({"visitor_id": visitor, "customer_email": "nadia@example.com", "message": "Hello"})).send().await.expect(201);
        assert_eq!((&made["visitor_id"], &made["customer_name"], &made["customer_email"]), (&json!(visitor), &json!("Nadia"), &json!("nadia@example.com")));
        let profile = app.get(&format!("/api/chats/visitors/{visitor}/")).send().await.expect(200);
        assert_eq!(profile["data"]["email"], "nadia@example.com", "what is typed now is taken over");
        let by_bearer = app.post(ROOMS).bearer(&visitor).json(json!({"message": "Again"})).send().await.expect(201);
        assert_eq!(by_bearer["visitor_id"], json!(visitor));
        assert_eq!(app.get(&format!("{ROOMS}?visitor_id={visitor}")).send().await.expect(200)["results"].as_array().unwrap().len(), 2);
        for unknown in [NOBODY, "nonsense"] {
            app.post(ROOMS).json(json!({"visitor_id": unknown})).send().await.problem(404, "visitor_not_found");
        }
        app.post(ROOMS).bearer(NOBODY).json(json!({})).send().await.problem(401, "unauthenticated");
        app.post(ROOMS).json(json!({"channel": NOBODY})).send().await.problem(404, "not_found");
        app.post(ROOMS).json(json!({"channel": NOBODY, "visitor_id": visitor})).send().await.problem(404, "not_found");
        let customer = app.post(ROOMS).bearer(&host_token(json!({"sub": "user-17"}))).json(json!({"message": "Hello"})).send().await.expect(201);
        assert_eq!(customer["visitor_id"], Value::Null, "a customer without a key has no key to be told");
        let desk = Desk::open(&app).await;
        app.post(ROOMS).bearer(&desk.token).json(json!({})).send().await.problem(403, "forbidden");
    }

    async fn a_room_with_an_idempotency_key_is_made_once(app: TestApp) {
        let make = async |key: &str, body: Value| app.post(ROOMS).header("idempotency-key", key).json(body).send().await;
        let body = json!({"customer_name": "Nadia", "message": "Hello", "client_id": "m1"});
        let first = make("k1", body.clone()).await.expect(201);
        let again = make("k1", body.clone()).await.expect(200);
        assert_eq!((&again["id"], &again["visitor_id"]), (&first["id"], &first["visitor_id"]), "the new visitor's key is told again");
        assert_eq!(again["head_seq"], 1, "the message is stored once");
        make("k1", json!({"message": "Other"})).await.problem(409, "conflict");
        assert_ne!(make("k2", body.clone()).await.expect(201)["id"], first["id"]);
        let visitor = app.visitor().await;
        let own = json!({"visitor_id": visitor, "message": "Hello", "client_id": "m1"});
        let first_own = make("k1", own.clone()).await.expect(201);
        assert_ne!(first_own["id"], first["id"], "each caller has its own keys");
        let again = make("k1", own.clone()).await.expect(200);
        assert_eq!((&again["id"], &again["visitor_id"]), (&first_own["id"], &json!(visitor)));
        assert_eq!(texts(&read(&app, &text(&again["id"]), "").await), ["Hello"]);
        app.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
        assert_ne!(make("k1", own).await.expect(201)["id"], first_own["id"], "remembered for 24 hours");
        assert_eq!(make("", json!({})).await.problem(400, "invalid_input")["errors"][0]["field"], "Idempotency-Key");
    }

    async fn the_same_room_at_the_same_moment_is_made_once(app: TestApp) {
        let visitor = app.visitor().await;
        for body in [json!({"visitor_id": visitor, "message": "Hello", "client_id": "m1"}), json!({"message": "Hello", "customer_name": "Nadia"})] {
            let answers = join_all((0..8).map(|_| app.post(ROOMS).header("idempotency-key", "same").json(body.clone()).send())).await;
            let created = answers.iter().filter(|answer| answer.status == 201).count();
            let mut made: Vec<_> = answers.iter().map(|answer| (text(&answer.body["id"]), text(&answer.body["visitor_id"]), answer.body["head_seq"].clone())).collect();
            made.dedup();
            assert_eq!((created, made.len()), (1, 1), "{made:?}");
            assert_eq!(texts(&read(&app, &made[0].0, "").await), ["Hello"]);
        }
        assert_eq!(app.get(&format!("{ROOMS}?visitor_id={visitor}")).send().await.expect(200)["results"].as_array().unwrap().len(), 1);
    }

    async fn a_visitor_lists_its_own_conversations_newest_activity_first(app: TestApp) {
        let visitor = app.visitor().await;
        let mut rooms = Vec::new();
        for n in 0..5 {
            app.clock.advance(Duration::from_millis(5));
            let made = app.post(ROOMS).json(json!({"visitor_id": visitor, "message": format!("Room {n}")})).send().await.expect(201);
            rooms.push(text(&made["id"]));
        }
        app.clock.advance(Duration::from_millis(5));
        let session = new_session(&app, &visitor).await;
        let chat = text(&session["conversation_id"]);
        let silent = app.post(ROOMS).json(json!({"visitor_id": visitor})).send().await.expect(201);
        app.room().await;
        app.clock.advance(Duration::from_millis(5));
        app.say(&rooms[1], "Once more").await;
        let expected = [&rooms[1], &rooms[4], &rooms[3], &rooms[2], &rooms[0]].map(Clone::clone);
        let list = async |query: &str| app.get(&format!("{ROOMS}?visitor_id={visitor}{query}")).send().await.expect(200);
        let all = list("").await;
        assert_eq!((keys(&all), ids(&all).as_slice(), &all["next"]), (vec!["next", "results"], &expected[..], &Value::Null));
        assert_eq!(all["results"][0], room_of(&app, &rooms[1]).await);
        assert_eq!(ids(&app.get("/api/public/chat-rooms").bearer(&visitor).send().await.expect(200)), expected);
        let mut paged = Vec::new();
        let mut query = "&limit=2".to_owned();
        loop {
            let page = list(&query).await;
            paged.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("&limit=2&cursor={next}");
        }
        assert_eq!(paged, expected);
        let mut empty = ids(&list("&empty=true").await);
        empty.sort();
        let mut silent = vec![text(&silent["id"]), chat.clone()];
        silent.sort();
        assert_eq!(empty, silent, "a conversation without a message is only told when asked for");
        app.say(&chat, "From the chat").await;
        assert!(ids(&list("").await).contains(&chat), "a conversation begun by another door is seen here");
        for wrong in ["&limit=0", "&limit=101", "&cursor=nonsense", "&empty=perhaps"] {
            app.get(&format!("{ROOMS}?visitor_id={visitor}{wrong}")).send().await.problem(400, "invalid_input");
        }
    }

    async fn nobody_lists_what_others_said(app: TestApp) {
        let (room, _) = app.room().await;
        app.say(&room, "Hello").await;
        for path in [ROOMS, "/api/public/chat-rooms", "/api/public/chat-rooms/?visitor_id=", "/api/public/chat-rooms/?customer_email=nadia@example.com"] {
            assert_eq!(app.get(path).send().await.expect(200), json!({"results": [], "next": null}), "{path}");
        }
        let other = app.post(ROOMS).json(json!({"customer_email": "nadia@example.com"})).send().await.expect(201);
        let list = app.get(&format!("{ROOMS}?visitor_id={}", text(&other["visitor_id"]))).send().await.expect(200);
        assert_eq!(list["results"], json!([]), "a typed address gives no access to anything");
        let internal = stored(&app, &text(&other["visitor_id"])).await.id;
        app.get(&format!("{ROOMS}?visitor_id={internal}")).send().await.problem(404, "visitor_not_found");
        app.get(&format!("{ROOMS}?visitor_id={NOBODY}")).send().await.problem(404, "visitor_not_found");
        app.get(ROOMS).bearer(NOBODY).send().await.problem(401, "unauthenticated");
        app.get(ROOMS).bearer(&room).send().await.problem(401, "unauthenticated");
        app.get(ROOMS).bearer(&Desk::open(&app).await.token).send().await.problem(403, "forbidden");
    }

    async fn an_unknown_room_is_404_and_never_a_new_room(app: TestApp) {
        let (room, _) = app.room().await;
        let internal = app.conversation_id(&room).await;
        let long = "x".repeat(3000);
        for id in [NOBODY, &internal, "room-1", "%00", "%ff", &long] {
            for slash in ["", "/"] {
                app.get(&format!("{ROOMS}{id}{slash}")).send().await.problem(404, "not_found");
                app.get(&format!("{ROOMS}{id}/get_messages{slash}")).send().await.problem(404, "not_found");
                app.post(&format!("{ROOMS}{id}/send_message{slash}")).json(json!({"message": "Hello"})).send().await.problem(404, "not_found");
                app.post(&format!("{ROOMS}{id}/mark_as_read{slash}")).json(json!({})).send().await.problem(404, "not_found");
                app.delete(&format!("{ROOMS}{id}/messages/{NOBODY}{slash}")).send().await.problem(404, "not_found");
            }
        }
    }

    async fn a_sent_message_is_answered_in_full(app: TestApp) {
        let (room, visitor) = app.room().await;
        let body = json!({"message": " Is it still available?\n", "client_id": "w-1", "type": "text", "sender": {"kind": "agent"}, "role": "assistant", "private": true, "is_read": true});
        let sent = send(&app, &room, body).await.expect(201);
        assert_eq!(keys(&sent), MESSAGE_FIELDS);
        assert_eq!(keys(&sent["sender"]), ["id", "kind", "name", "reported"]);
        let internal = stored(&app, &visitor).await.id.to_string();
        assert_eq!(sent["sender"], json!({"kind": "visitor", "id": internal, "name": "Nadia", "reported": false}), "the sender follows from the credential");
        assert_eq!((&sent["text"], &sent["type"], &sent["client_id"]), (&json!(" Is it still available?\n"), &json!("text"), &json!("w-1")));
        assert_eq!((&sent["seq"], &sent["rev"], &sent["conversation_id"]), (&json!(1), &json!(1), &json!(room)));
        assert_eq!((&sent["private"], &sent["is_read"], &sent["status"]), (&json!(false), &json!(false), &json!("sent")));
        assert_eq!((&sent["attachments"], &sent["reactions"]), (&json!([]), &json!([])));
        for null in ["payload", "reply_to", "metadata", "sent_at", "edited_at", "deleted_at"] {
            assert_eq!(sent[null], Value::Null, "{null}");
        }
        let path = format!("{ROOMS}{room}/send_message");
        let answer = app.post(&path).json(json!({"message": "Hello?", "reply_to": sent["id"], "client_id": null, "payload": null, "attachment_ids": []})).send().await.expect(201);
        assert_eq!((&answer["seq"], &answer["reply_to"], &answer["client_id"]), (&json!(2), &sent["id"], &Value::Null));
        let now = room_of(&app, &room).await;
        assert_eq!((&now["last_message"], &now["last_message_at"], &now["head_seq"], &now["head_rev"]), (&json!("Hello?"), &answer["created_at"], &json!(2), &json!(2)));
        assert_eq!(read(&app, &room, "").await["results"], json!([sent, answer]), "the same object in the history");
    }

    async fn the_same_again_is_stored_once(app: TestApp) {
        let (room, _) = app.room().await;
        let first = send(&app, &room, json!({"message": "Hello", "client_id": "m1"})).await.expect(201);
        app.say(&room, "between").await;
        let again = send(&app, &room, json!({"message": "Hello", "client_id": "m1", "more": 1})).await.expect(200);
        assert_eq!((&again["id"], &again["seq"], &again["created_at"]), (&first["id"], &first["seq"], &first["created_at"]));
        send(&app, &room, json!({"message": "hello", "client_id": "m1"})).await.problem(409, "conflict");
        send(&app, &room, json!({"message": "Hello", "client_id": "m1", "reply_to": first["id"]})).await.problem(409, "conflict");
        let by_header = async |body: Value| app.post(&format!("{ROOMS}{room}/send_message/")).header("idempotency-key", "m1").json(body).send().await;
        assert_eq!(by_header(json!({"message": "Hello"})).await.expect(200)["id"], first["id"], "the header is the same client id");
        assert_eq!(by_header(json!({"message": "Hello", "client_id": "m2"})).await.expect(201)["seq"], 3, "the body's own id comes first");
        let other = app.room().await.0;
        assert_eq!(send(&app, &other, json!({"message": "Hello", "client_id": "m1"})).await.expect(201)["seq"], 1, "unique per conversation");
        let desk = Desk::open(&app).await;
        let agents = desk.call(Method::POST, &room, "send_message/", json!({"message": "Good day", "client_id": "m1"})).await.expect(201);
        assert_ne!(agents["id"], first["id"], "and per author");
        assert_eq!(texts(&read(&app, &room, "").await), ["Hello", "between", "Hello", "Good day"]);
        app.clock.advance(Duration::from_secs(90 * 24 * 60 * 60));
        assert_eq!(send(&app, &room, json!({"message": "Hello", "client_id": "m1"})).await.expect(200)["id"], first["id"], "for ever");
    }

    async fn a_repeat_after_an_edit_or_deletion_still_matches_what_was_sent(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        let first = send(&app, &room, json!({"message": "Hello", "client_id": "m1"})).await.expect(201);
        let id = text(&first["id"]);
        desk.call(Method::PATCH, &room, &format!("messages/{id}/"), json!({"message": "Hallo"})).await.expect(200);
        let again = send(&app, &room, json!({"message": "Hello", "client_id": "m1"})).await.expect(200);
        assert_eq!((&again["id"], &again["text"], &again["seq"]), (&json!(id), &json!("Hallo"), &json!(1)), "in its present form");
        send(&app, &room, json!({"message": "Hallo", "client_id": "m1"})).await.problem(409, "conflict");
        assert_eq!(app.delete(&format!("{ROOMS}{room}/messages/{id}/")).send().await.status, 204);
        let again = send(&app, &room, json!({"message": "Hello", "client_id": "m1"})).await.expect(200);
        assert_eq!((&again["id"], &again["text"]), (&json!(id), &json!("")));
    }

    async fn many_at_once_get_places_without_gaps_and_repeats_none_of_their_own(app: TestApp) {
        let (room, _) = app.room().await;
        let answers = join_all((0..30).map(|n| send(&app, &room, json!({"message": format!("Message {}", n / 3), "client_id": format!("m{}", n / 3)})))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 10);
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 20);
        for three in answers.chunks(3) {
            assert!(three.iter().all(|answer| answer.body["id"] == three[0].body["id"] && answer.body["seq"] == three[0].body["seq"]));
        }
        let page = read(&app, &room, "limit=100").await;
        let numbers = |field: &str| page["results"].as_array().unwrap().iter().map(|message| message[field].as_i64().unwrap()).collect::<Vec<_>>();
        assert_eq!((numbers("seq"), numbers("rev")), ((1..=10).collect(), (1..=10).collect()));
        assert_eq!((&page["head_seq"], &page["head_rev"]), (&json!(10), &json!(10)));
        let other = join_all((0..4).map(|n| send(&app, &room, json!({"message": format!("Text {n}"), "client_id": "one"})))).await;
        assert_eq!(other.iter().filter(|answer| answer.status == 201).count(), 1, "one of different contents wins");
        assert_eq!(other.iter().filter(|answer| answer.status == 409).count(), 3);
    }

    async fn what_is_no_message_is_refused_and_the_field_is_named(app: TestApp) {
        let (room, _) = app.room().await;
        let foreign = app.say(&app.room().await.0, "elsewhere").await;
        for (body, field) in [
            (json!({}), "message"),
            (json!({"message": null}), "message"),
            (json!({"message": ""}), "message"),
            (json!({"message": " \n\t\u{a0}\u{2003}"}), "message"),
            (json!({"message": "x".repeat(10_001)}), "message"),
            (json!({"message": "a\u{0}b"}), "message"),
            (json!({"message": ["a"]}), "message"),
            (json!({"message": "a", "client_id": ""}), "client_id"),
            (json!({"message": "a", "client_id": "k".repeat(65)}), "client_id"),
            (json!({"message": "a", "client_id": "\u{0}"}), "client_id"),
            (json!({"message": "a", "client_id": 7}), "client_id"),
            (json!({"message": "a", "type": "hologram"}), "type"),
            (json!({"message": "a", "payload": {"a": 1}}), "payload"),
            (json!({"message": "a", "attachment_ids": [NOBODY]}), "attachment_ids"),
            (json!({"message": "a", "reply_to": "x"}), "reply_to"),
            (json!({"message": "a", "reply_to": NOBODY}), "reply_to"),
            (json!({"message": "a", "reply_to": foreign["id"]}), "reply_to"),
        ] {
            let problem = send(&app, &room, body.clone()).await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field, "{body}");
        }
        let answer = send(&app, &room, json!({"message": "é".repeat(10_000)})).await.expect(201);
        assert_eq!(answer["seq"], 1, "nothing of the above was stored");
        let problem = app.post(&format!("{ROOMS}{room}/send_message/")).header("idempotency-key", &"k".repeat(65)).json(json!({"message": "a"})).send().await;
        assert_eq!(problem.problem(400, "invalid_input")["errors"][0]["field"], "Idempotency-Key");
    }

    async fn a_note_is_nothing_that_a_customer_could_answer_or_meet(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        app.say(&room, "Hello").await;
        let note = desk.call(Method::POST, &room, "send_message/", json!({"message": "A difficult one", "private": true})).await.expect(201);
        let problem = send(&app, &room, json!({"message": "a", "reply_to": note["id"]})).await.problem(400, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "reply_to");
        app.delete(&format!("{ROOMS}{room}/messages/{}/", text(&note["id"]))).send().await.problem(404, "not_found");
        let now = room_of(&app, &room).await;
        assert_eq!((&now["head_seq"], &now["head_rev"], &now["unread_count"], &now["last_message"]), (&json!(1), &json!(1), &json!(0), &json!("Hello")));
        assert_eq!(texts(&read(&app, &room, "").await), ["Hello"]);
        assert_eq!(read(&app, &room, "changed_after=1").await["results"], json!([]));
    }

    async fn a_history_is_paged_in_both_directions(app: TestApp) {
        let (room, _) = app.room().await;
        for n in 1..=7 {
            app.say(&room, &n.to_string()).await;
        }
        assert_eq!(texts(&read(&app, &room, "").await), ["1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!(texts(&read(&app, &room, "after_seq=5").await), ["6", "7"]);
        assert_eq!(texts(&read(&app, &room, "after_seq=7").await), [""; 0]);
        assert_eq!(texts(&read(&app, &room, "before_seq=3").await), ["1", "2"]);
        assert_eq!(texts(&read(&app, &room, "before_seq=6&limit=2").await), ["4", "5"], "the nearest, in their order");
        let walk = async |first: &str| {
            let mut pages = Vec::new();
            let mut query = first.to_owned();
            loop {
                let page = read(&app, &room, &query).await;
                pages.push(texts(&page).join(""));
                assert_eq!(page["head_seq"], 7);
                let Some(next) = page["next"].as_str() else { return pages };
                query = format!("limit=3&cursor={next}");
            }
        };
        assert_eq!(walk("limit=3").await, ["567", "234", "1"]);
        assert_eq!(walk("limit=3&after_seq=0").await, ["123", "456", "7"]);
        for wrong in ["limit=0", "limit=101", "limit=-1", "limit=x", "after_seq=-1", "before_seq=x", "after_seq=1&before_seq=2", "cursor=x", "cursor=%ff", "changed_after=-1", "changed_after=8"] {
            app.get(&format!("{ROOMS}{room}/get_messages/?{wrong}")).send().await.problem(400, "invalid_input");
        }
        app.get(&format!("{ROOMS}{room}/get_messages")).send().await.expect(200);
    }

    async fn a_polling_client_learns_every_change_once(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        let first = app.say(&room, "one").await;
        app.say(&room, "two").await;
        let start = read(&app, &room, "").await["head_rev"].as_i64().unwrap();
        assert_eq!(start, 2);
        let poll = async |after: i64| read(&app, &room, &format!("changed_after={after}")).await;
        let nothing = poll(start).await;
        assert_eq!((texts(&nothing).len(), &nothing["head_rev"], nothing.get("conversation")), (0, &json!(2), None));
        desk.say(&room, "three").await;
        desk.call(Method::PATCH, &room, &format!("messages/{}/", text(&first["id"])), json!({"message": "ONE"})).await.expect(200);
        let changed = poll(start).await;
        assert_eq!(texts(&changed), ["three", "ONE"], "in order of rev, each in its present form");
        assert_eq!(changed["head_rev"], 4);
        desk.call(Method::POST, &room, "labels/", json!({"labels": ["vip"]})).await.expect(200);
        desk.set_status(&room, "pending").await;
        assert_eq!(poll(4).await["head_rev"], 4, "internal changes have no number here");
        desk.set_status(&room, "resolved").await;
        let resolved = poll(4).await;
        assert_eq!((texts(&resolved).len(), &resolved["head_rev"]), (0, &json!(5)));
        assert_eq!(resolved["conversation"], json!({"id": room, "status": "resolved", "handled_by": "human", "subject": null}));
        app.say(&room, "four").await;
        let reopened = poll(5).await;
        assert_eq!((texts(&reopened), &reopened["head_rev"]), (vec!["four".to_owned()], &json!(6)), "message and reopening are one change");
        assert_eq!(room_of(&app, &room).await["status"], "open");
    }

    async fn customers_see_open_or_resolved_and_a_human(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        app.say(&room, "Hello").await;
        for (status, seen) in [("pending", "open"), ("resolved", "resolved"), ("open", "open")] {
            desk.set_status(&room, status).await;
            assert_eq!(room_of(&app, &room).await["status"], seen);
        }
        desk.say(&room, "Good day").await;
        assert_eq!(room_of(&app, &room).await["handled_by"], "human");
    }

    async fn unread_counts_follow_what_was_said_and_read(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        app.say(&room, "Hello").await;
        for n in 1..=3 {
            desk.say(&room, &n.to_string()).await;
        }
        let unread = async || room_of(&app, &room).await["unread_count"].as_i64().unwrap();
        assert_eq!(unread().await, 3);
        read(&app, &room, "").await;
        assert_eq!(unread().await, 3, "reading the history marks nothing");
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 2})).await, 2);
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 1})).await, 2, "a mark never goes back");
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 0})).await, 2);
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 3, "visitor_id": "ignored"})).await, 1);
        let page = read(&app, &room, "").await;
        let is_read: Vec<_> = page["results"].as_array().unwrap().iter().map(|message| message["is_read"].as_bool().unwrap()).collect();
        assert_eq!(is_read, [true, true, true, false], "who answers has read; what came later is not read by the customer");
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 99})).await, 0, "none passes the head");
        desk.say(&room, "4").await;
        assert_eq!(unread().await, 1);
        assert_eq!(app.post(&format!("{ROOMS}{room}/mark_as_read")).send().await.expect(200), json!({"unread_count": 0}), "without a body everything");
        desk.say(&room, "5").await;
        assert_eq!(mark(&app, &room, json!({"up_to_seq": null})).await, 0);
        desk.say(&room, "6").await;
        app.say(&room, "I am back").await;
        assert_eq!(unread().await, 0, "who writes has read");
        let rev = room_of(&app, &room).await["head_rev"].clone();
        assert_eq!(rev, 8, "marks take no number");
        for (wrong, field) in [(json!({"up_to_seq": -1}), "up_to_seq"), (json!({"up_to_seq": "x"}), "up_to_seq"), (json!({"up_to_seq": 1.5}), "up_to_seq")] {
            let problem = app.post(&format!("{ROOMS}{room}/mark_as_read/")).json(wrong).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field);
        }
    }

    async fn what_the_team_has_read_is_read(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        app.say(&room, "one").await;
        app.say(&room, "two").await;
        let is_read = async || read(&app, &room, "").await["results"].as_array().unwrap().iter().map(|message| message["is_read"].as_bool().unwrap()).collect::<Vec<_>>();
        assert_eq!(is_read().await, [false, false]);
        desk.call(Method::POST, &room, "mark_as_read/", json!({"up_to_seq": 1})).await.expect(200);
        assert_eq!(is_read().await, [true, false]);
    }

    async fn a_customer_deletes_its_own_messages_only(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        let own = text(&app.say(&room, "Forget this").await["id"]);
        let theirs = text(&desk.say(&room, "Good day").await["id"]);
        let last = text(&app.say(&room, "And this").await["id"]);
        let elsewhere = text(&app.say(&app.room().await.0, "elsewhere").await["id"]);
        let path = |message: &str| format!("{ROOMS}{room}/messages/{message}/");
        app.delete(&path(&theirs)).send().await.problem(403, "forbidden");
        for unknown in [NOBODY, &elsewhere, "nonsense"] {
            app.delete(&path(unknown)).send().await.problem(404, "not_found");
        }
        let gone = app.delete(&path(&own)).send().await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        assert_eq!(app.delete(path(&own).trim_end_matches('/')).send().await.status, 204, "a second time changes nothing");
        let page = read(&app, &room, "").await;
        assert_eq!(texts(&page), ["", "Good day", "And this"], "it keeps its place");
        let deleted = &page["results"][0];
        assert!(deleted["deleted_at"].is_string());
        assert_eq!((&deleted["seq"], &deleted["payload"], &deleted["attachments"], &page["head_rev"]), (&json!(1), &Value::Null, &json!([]), &json!(4)));
        app.delete(&path(&last)).send().await.expect(204);
        let now = room_of(&app, &room).await;
        assert_eq!((&now["last_message"], &now["head_seq"]), (&Value::Null, &json!(3)), "the preview shows nothing of it");
        let row = desk.call(Method::GET, &room, "", json!(null)).await.expect(200);
        assert_eq!(row["inbound_count"], 2, "it stays counted");
        assert_eq!(texts(&read(&app, &room, "changed_after=3").await), ["", ""]);
    }

    async fn a_deleted_room_is_gone_for_the_customer(app: TestApp) {
        let (room, visitor) = app.room().await;
        let message = text(&app.say(&room, "Hello").await["id"]);
        let desk = Desk::open(&app).await;
        let key = app.post(ROOMS).header("idempotency-key", "k1").json(json!({"message": "Other"})).send().await.expect(201);
        for id in [&room, &text(&key["id"])] {
            assert_eq!(desk.call(Method::DELETE, id, "", json!(null)).await.status, 204);
        }
        app.get(&format!("{ROOMS}{room}/")).send().await.problem(404, "not_found");
        app.get(&format!("{ROOMS}{room}/get_messages/")).send().await.problem(404, "not_found");
        send(&app, &room, json!({"message": "Hello"})).await.problem(404, "not_found");
        app.post(&format!("{ROOMS}{room}/mark_as_read/")).send().await.problem(404, "not_found");
        app.delete(&format!("{ROOMS}{room}/messages/{message}/")).send().await.problem(404, "not_found");
        assert_eq!(app.get(&format!("{ROOMS}?visitor_id={visitor}")).send().await.expect(200)["results"], json!([]));
        app.post(ROOMS).header("idempotency-key", "k1").json(json!({"message": "Other"})).send().await.problem(404, "not_found");
    }

    async fn a_conversation_is_the_same_from_every_door(app: TestApp) {
        let visitor = app.visitor().await;
        let session = new_session(&app, &visitor).await;
        let room = text(&session["conversation_id"]);
        let sent = send(&app, &room, json!({"message": "From the room", "client_id": "m1"})).await.expect(201);
        let path = format!("/api/chats/messages/?session_id={}&visitor_id={visitor}", text(&session["id"]));
        assert_eq!(app.get(&path).send().await.expect(200)["data"]["results"], json!([sent]));
        let desk = Desk::open(&app).await;
        let row = desk.call(Method::GET, &room, "", json!(null)).await.expect(200);
        assert_eq!((&row["kind"], &row["customer_name"], &row["last_message"]), (&json!("chat"), &json!("Nadia"), &json!("From the room")));
        let far = far_owner(&app).await;
        let internal = app.conversation_id(&room).await;
        app.get(&format!("/api/admin/chat-rooms/{internal}/")).bearer(&far).send().await.problem(404, "not_found");
        app.patch(&format!("/api/chats/visitors/{visitor}/")).json(json!({"name": "Nadia N."})).send().await.expect(200);
        assert_eq!(room_of(&app, &room).await["customer_name"], "Nadia N.");
        assert_eq!(app.say(&room, "Now").await["sender"]["name"], "Nadia N.");
    }

    async fn no_key_is_told_to_agents_and_no_internal_id_opens_anything(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let desk = Desk::open(&app).await;
        let internal = app.conversation_id(&room).await;
        let visitor_id = stored(&app, &visitor).await.id;
        let views = [
            "/api/admin/chat-rooms/".to_owned(),
            format!("/api/admin/chat-rooms/{internal}/"),
            format!("/api/admin/chat-rooms/{internal}/messages/"),
            "/api/chats/visitors/".to_owned(),
            format!("/api/chats/visitors/{visitor_id}/"),
            format!("/api/chats/sessions/?visitor_id={visitor_id}"),
        ];
        for view in &views {
            let answer = app.get(view).bearer(&desk.token).send().await;
            assert_eq!(answer.status, 200, "{view}: {}", answer.text);
            for key in [&room, &visitor] {
                assert!(!answer.text.contains(key.as_str()) && !answer.text.contains(&key.replace('-', "")), "{view}");
            }
        }
        app.get(ROOMS).bearer(&visitor_id.to_string()).send().await.problem(401, "unauthenticated");
        app.get(&format!("{ROOMS}{internal}/")).send().await.problem(404, "not_found");
    }

    async fn wrong_room_bodies_are_refused_with_their_place(app: TestApp) {
        let (room, _) = app.room().await;
        let path = format!("{ROOMS}{room}/send_message/");
        wrong_bodies::are_refused(&app, Method::POST, ROOMS, "customer_name", &json!({"customer_name": "Nadia"})).await;
        wrong_bodies::are_refused(&app, Method::POST, &path, "message", &json!({"message": "Hello"})).await;
        wrong_bodies::nul_is_refused(&app, Method::POST, ROOMS, &["customer_name", "customer_email", "subject", "message", "client_id"], &json!({"message": "Hello"})).await;
        wrong_bodies::nul_is_refused(&app, Method::POST, &path, &["message", "client_id"], &json!({"message": "Hello"})).await;
        for (field, value) in [("customer_email", json!("nadia")), ("customer_name", json!("x".repeat(201))), ("subject", json!("x".repeat(501))), ("metadata", json!({"a": "x".repeat(9000)}))] {
            let problem = app.post(ROOMS).json(json!({field: value})).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field);
        }
        app.post(&path).raw("application/json", "null").send().await.problem(400, "invalid_input");
        app.post(&path).send().await.problem(415, "unsupported_media_type");
        for body in [&b"[]"[..], b"\"a\"", b"{", b"{\"up_to_seq\": 99999999999999999999}"] {
            app.post(&format!("{ROOMS}{room}/mark_as_read/")).raw("application/json", body.to_vec()).send().await.problem(400, "invalid_input");
        }
        app.post(&format!("{ROOMS}{room}/mark_as_read/")).raw("text/plain", "{}").send().await.problem(415, "unsupported_media_type");
        app.post(&format!("{ROOMS}{room}/mark_as_read/")).raw("application/json", vec![b' '; 1024 * 1024 + 1]).send().await.problem(413, "too_large");
        assert_eq!(room_of(&app, &room).await["head_seq"], 0, "nothing of it was stored");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rooms_of_one_address_are_limited_and_their_new_visitors_too() {
    let app = TestApp::start_with(Database::Sqlite, &["--limit-visitors=2", "--limit-conversations=3"]).await;
    let (room, visitor) = app.room().await;
    app.room().await;
    app.post(ROOMS).json(json!({})).send().await.problem(429, "rate_limited");
    let refused = app.post(ROOMS).json(json!({"visitor_id": visitor})).send().await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.problem(429, "rate_limited");
    app.say(&room, "What exists goes on").await;
}

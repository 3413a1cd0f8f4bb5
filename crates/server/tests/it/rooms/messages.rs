//! Messages are sent, once, and deleted; what is none is refused.

use super::{Desk, NOBODY, ROOMS, keys, read, room_of, send, text, texts};
use crate::chats::stored;
use crate::wrong_bodies;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const MESSAGE_FIELDS: [&str; 21] = [
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
    "whatsapp_message_id",
];

on_both! {
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
        for null in ["payload", "reply_to", "metadata", "sent_at", "edited_at", "deleted_at", "whatsapp_message_id"] {
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

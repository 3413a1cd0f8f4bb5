//! Files go with messages, through every door.

use super::*;
use crate::socket::{Socket, hello};
use crate::socket_io::{Frames, WEBSOCKET};
use futures_util::future::join_all;
use parlor_testkit::whatsapp::sample;

/// A client of Socket.IO that waits for the answer to each command.
pub struct Party(Frames);

impl Party {
    pub async fn come(app: &TestApp, token: &str) -> Self {
        let mut frames = Frames::open(app, WEBSOCKET).await;
        frames.hear().await;
        frames.say(&format!("40{}", json!({"token": token}))).await;
        let answer = frames.hear().await;
        assert!(answer.starts_with("40{"), "{answer}");
        Self(frames)
    }

    pub async fn ask(&mut self, event: &str, data: Value) -> Value {
        self.0.say(&format!("421{}", json!([event, data]))).await;
        loop {
            if let Some(answer) = self.0.hear().await.strip_prefix("431") {
                return serde_json::from_str::<Value>(answer).unwrap()[0].clone();
            }
        }
    }

    /// The next event of this name.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let packet = self.0.hear().await;
            let Some(event) = packet.strip_prefix("42") else { continue };
            let event: Value = serde_json::from_str(event).unwrap();
            if event[0] == name {
                return event[1].clone();
            }
        }
    }
}

/// A picture that waits for its message: its id.
async fn picture(app: &TestApp, token: &str, conversation: &str) -> String {
    let file = upload(app, token, conversation, "dent.png", sample::IMAGE).await.expect(201);
    text(&file["id"]).to_owned()
}

/// The message that a socket is told of.
async fn told(socket: &mut Socket) -> Value {
    socket.event("conversation:new-message").await["data"]["message"].clone()
}

async fn ws_send(socket: &mut Socket, conversation: &str, message: Value) -> Value {
    socket
        .ask("conversation:message", json!({"conversation_id": conversation, "message": message}))
        .await
}

/// Lists of files that nobody may send: with one's own that waits, that of another, that of another conversation, and one that was sent.
fn wrong_lists(own: &str, others: &str, elsewhere: &str, used: &str) -> Vec<Value> {
    let six: Vec<String> = (1..=6).map(|n| format!("018f6a3e-5b1c-7000-8000-00000000000{n}")).collect();
    vec![
        json!([own, own]),
        json!(six),
        json!([others]),
        json!([own, others]),
        json!([elsewhere]),
        json!([used]),
        json!([NOBODY]),
        json!(["nonsense"]),
    ]
}

on_both! {
    async fn customers_send_files_with_and_without_words(app: TestApp) {
        let (room, visitor) = app.room().await;
        for (body, words) in [
            (json!({"message": "Look at this"}), "Look at this"),
            (json!({"message": "Look at this", "type": "file"}), "Look at this"),
            (json!({"message": "Look at this", "type": "text"}), "Look at this"),
            (json!({"message": " "}), "dent.png"),
            (json!({"message": "", "type": "file"}), "dent.png"),
            (json!({}), "dent.png"),
            (json!({"type": "file"}), "dent.png"),
        ] {
            // One person, by whatever key.
            let id = picture(&app, &visitor, &room).await;
            let mut body = body;
            body["attachment_ids"] = json!([id]);
            let message = send(&app, &room, body).await.expect(201);
            assert_eq!((&message["type"], text(&message["text"]), &message["payload"]), (&json!("file"), words, &Value::Null), "{message}");
            carries(&app, &message, &id, sample::IMAGE).await;
            let file = &message["attachments"][0];
            let keys: Vec<&String> = file.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["height", "id", "mime", "name", "size", "url", "width"]);
            assert_eq!((&file["name"], &file["mime"], &file["size"]), (&json!("dent.png"), &json!("image/png"), &json!(sample::IMAGE.len())));
        }
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(waiting(&app, &room, &room).await);
        }
        ids.reverse();
        let five = send(&app, &room, json!({"message": "All of them", "attachment_ids": ids})).await.expect(201);
        let got: Vec<&str> = five["attachments"].as_array().unwrap().iter().map(|file| text(&file["id"])).collect();
        assert_eq!(got, ids, "in the order of the message");
        let none = send(&app, &room, json!({"message": "Nothing", "attachment_ids": []})).await.expect(201);
        assert_eq!((&none["type"], &none["attachments"]), (&json!("text"), &json!([])));
        assert_eq!(wrong_field(send(&app, &room, json!({"message": "Look", "type": "file"})).await), "attachment_ids");
    }

    async fn agents_and_machines_answer_with_files(app: TestApp) {
        let (room, _) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let owner = app.agent("olga@example.com", Role::Owner).await.0;
        let machine = api_key(&app, &owner, "write").await;
        for token in [&owner, &machine] {
            for (body, words) in [(json!({"message": "Here"}), "Here"), (json!({}), "dent.png"), (json!({"message": "Look at that", "private": true}), "Look at that"), (json!({"private": true}), "dent.png")] {
                let file = picture(&app, token, &id).await;
                let mut body = body;
                body["attachment_ids"] = json!([file]);
                let message = answer(&app, token, &id, body.clone()).await.expect(201);
                assert_eq!((&message["type"], text(&message["text"])), (&json!("file"), words));
                assert_eq!(message["private"], body["private"] == true);
                carries(&app, &message, &file, sample::IMAGE).await;
            }
        }
    }

    async fn sockets_of_both_sides_send_files(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        let (mut nadia, _) = hello(&app, &visitor).await;
        let (mut ada, _) = hello(&app, &agent).await;
        nadia.done("conversation:subscribe", json!({"conversation_id": room})).await;
        ada.done("conversation:subscribe", json!({"conversation_id": id})).await;
        for (n, more, words) in [(1, json!({"text": "Look"}), "Look"), (2, json!({"type": "file"}), "dent.png"), (3, json!({"type": "file", "text": ""}), "dent.png")] {
            for staff in [false, true] {
                let (token, named) = if staff { (&agent, &id) } else { (&visitor, &room) };
                let file = picture(&app, token, named).await;
                let mut message = more.clone();
                message["client_id"] = json!(format!("w-{n}"));
                message["attachment_ids"] = json!([file]);
                let socket = if staff { &mut ada } else { &mut nadia };
                let reply = ws_send(socket, named, message).await;
                assert_eq!(reply["ok"], true, "{reply}");
                for socket in [&mut nadia, &mut ada] {
                    let message = told(socket).await;
                    assert_eq!((&message["type"], text(&message["text"]), &message["id"]), (&json!("file"), words, &reply["data"]["message_id"]), "{message}");
                    carries(&app, &message, &file, sample::IMAGE).await;
                }
            }
        }
    }

    async fn both_parties_of_a_listing_send_files(app: TestApp) {
        let (nadia, mia) = (customer("nadia"), seller("mia"));
        begin(&app, &nadia, "conv_1", "mia").await;
        let (mut of_nadia, mut of_mia) = (Party::come(&app, &nadia).await, Party::come(&app, &mia).await);
        for (n, more, words) in [(1, json!({"text": "Look"}), "Look"), (2, json!({}), "File"), (3, json!({"text": " "}), "File")] {
            for selling in [false, true] {
                let token = if selling { &mia } else { &nadia };
                for live in [false, true] {
                    let file = picture(&app, token, "conv_1").await;
                    let mut message = more.clone();
                    message["id"] = json!(if live { n * 10 } else { n });
                    message["attachmentIds"] = json!([file]);
                    if live {
                        let party = if selling { &mut of_mia } else { &mut of_nadia };
                        let reply = party.ask("conversation:message", json!({"conversationId": "conv_1", "message": message})).await;
                        assert_eq!(reply["ok"], true, "{reply}");
                    } else {
                        let stored = put(&app, token, "conv_1", message).await.expect(201);
                        carries(&app, &stored["message"], &file, sample::IMAGE).await;
                    }
                    // The acknowledgement and the event to the sender itself come in no promised order.
                    let other = if selling { &mut of_nadia } else { &mut of_mia };
                    let message = other.event("conversation:new-message").await["message"].clone();
                    let message = if text(&message["attachments"][0]["id"]) == file { message } else { other.event("conversation:new-message").await["message"].clone() };
                    assert_eq!((&message["type"], text(&message["text"])), (&json!("text"), words), "a word that old frontends know");
                    carries(&app, &message, &file, sample::IMAGE).await;
                }
            }
        }
    }

    async fn files_that_are_not_ones_own_to_send_are_refused(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let (agent, other_agent) = (app.agent("ada@example.com", Role::Agent).await.0, app.agent("olga@example.com", Role::Owner).await.0);
        let second = app.post("/api/public/chat-rooms/").json(json!({"visitor_id": visitor, "customer_name": "Nadia"})).send().await.expect(201);
        let second = text(&second["id"]).to_owned();
        let of_nadia = waiting(&app, &visitor, &room).await;
        let of_ada = waiting(&app, &agent, &id).await;
        let of_olga = waiting(&app, &other_agent, &id).await;
        let elsewhere = [waiting(&app, &visitor, &second).await, waiting(&app, &agent, &app.conversation_id(&second).await).await];
        let used = [waiting(&app, &visitor, &room).await, waiting(&app, &agent, &id).await];
        send(&app, &room, json!({"attachment_ids": [used[0]]})).await.expect(201);
        answer(&app, &agent, &id, json!({"attachment_ids": [used[1]]})).await.expect(201);
        let (mut nadia, _) = hello(&app, &visitor).await;
        let (mut ada, _) = hello(&app, &agent).await;
        let before = read(&app, &room, "").await["head_rev"].clone();

        let mut lists = wrong_lists(&of_nadia, &of_ada, &elsewhere[0], &used[0]);
        lists.push(json!([used[1]]));
        for (n, list) in lists.iter().enumerate() {
            for body in [json!({"message": "Look", "attachment_ids": list}), json!({"attachment_ids": list}), json!({"message": "Look", "attachment_ids": list, "client_id": format!("c-{n}")})] {
                assert_eq!(wrong_field(send(&app, &room, body).await), "attachment_ids", "{list}");
            }
            let reply = ws_send(&mut nadia, &room, json!({"client_id": format!("w-{n}"), "text": "Look", "attachment_ids": list})).await;
            assert_eq!((&reply["ok"], &reply["error"]["code"]), (&json!(false), &json!("invalid_input")), "{list}: {reply}");
            assert!(text(&reply["error"]["details"][0]["field"]).ends_with("attachment_ids"), "{reply}");
        }
        let mut lists = wrong_lists(&of_ada, &of_olga, &elsewhere[1], &used[1]);
        lists.push(json!([of_nadia]));
        for (n, list) in lists.iter().enumerate() {
            for private in [false, true] {
                let body = json!({"message": "Look", "attachment_ids": list, "private": private});
                assert_eq!(wrong_field(answer(&app, &agent, &id, body).await), "attachment_ids", "{list}");
            }
            let reply = ws_send(&mut ada, &id, json!({"client_id": format!("w-{n}"), "text": "Look", "attachment_ids": list})).await;
            assert_eq!((&reply["ok"], &reply["error"]["code"]), (&json!(false), &json!("invalid_input")), "{list}: {reply}");
        }
        for kind in ["offer", "appointment"] {
            let body = json!({"message": "Look", "type": kind, "payload": {"offerPrice": 5, "startsAt": "2026-11-24T14:00:00Z"}, "attachment_ids": [of_nadia]});
            assert_eq!(wrong_field(send(&app, &room, body).await), "attachment_ids");
        }
        assert_eq!(read(&app, &room, "").await["head_rev"], before, "nothing was said");
        send(&app, &room, json!({"attachment_ids": [of_nadia]})).await.expect(201);
        answer(&app, &agent, &id, json!({"attachment_ids": [of_ada]})).await.expect(201);
    }

    async fn parties_of_a_listing_send_only_their_own_files(app: TestApp) {
        let (nadia, mia) = (customer("nadia"), seller("mia"));
        begin(&app, &nadia, "conv_1", "mia").await;
        begin(&app, &nadia, "conv_2", "mia").await;
        let mut parties = [(&nadia, Party::come(&app, &nadia).await), (&mia, Party::come(&app, &mia).await)];
        let others = [waiting(&app, &mia, "conv_1").await, waiting(&app, &nadia, "conv_1").await];
        for ((token, party), others) in parties.iter_mut().zip(&others) {
            let (own, elsewhere, used) = (waiting(&app, token, "conv_1").await, waiting(&app, token, "conv_2").await, waiting(&app, token, "conv_1").await);
            put(&app, token, "conv_1", json!({"text": "Look", "attachmentIds": [used]})).await.expect(201);
            for list in wrong_lists(&own, others, &elsewhere, &used) {
                for message in [json!({"text": "Look", "attachmentIds": list}), json!({"attachmentIds": list})] {
                    let field = wrong_field(put(&app, token, "conv_1", message.clone()).await);
                    assert!(["attachment_ids", "message.attachmentIds"].contains(&&*field), "{list}: {field}");
                    let reply = party.ask("conversation:message", json!({"conversationId": "conv_1", "message": message})).await;
                    assert_eq!((&reply["ok"], &reply["error"]["code"]), (&json!(false), &json!("invalid_input")), "{list}: {reply}");
                }
            }
            put(&app, token, "conv_1", json!({"attachmentIds": [own]})).await.expect(201);
        }
    }

    async fn a_repeat_with_files_is_the_first_message(app: TestApp) {
        let (room, visitor) = app.room().await;
        app.say(&room, "Hello").await;
        let id = app.conversation_id(&room).await;
        let agent = app.agent("ada@example.com", Role::Agent).await.0;
        let (first, second) = (waiting(&app, &visitor, &room).await, waiting(&app, &visitor, &room).await);
        let body = |files: Value| json!({"message": "Look", "client_id": "c-1", "attachment_ids": files});
        let message = send(&app, &room, body(json!([first]))).await.expect(201);
        for _ in 0..2 {
            let again = send(&app, &room, body(json!([first]))).await.expect(200);
            assert_eq!((&again["id"], &again["seq"], &again["rev"]), (&message["id"], &message["seq"], &message["rev"]));
            carries(&app, &again, &first, format!("waits in {room}").as_bytes()).await;
        }
        for other in [json!([second]), json!([first, second]), json!([])] {
            send(&app, &room, body(other)).await.problem(409, "conflict");
        }
        send(&app, &room, json!({"message": "Other words", "client_id": "c-1", "attachment_ids": [first]})).await.problem(409, "conflict");
        let (mut nadia, _) = hello(&app, &visitor).await;
        let reply = ws_send(&mut nadia, &room, json!({"client_id": "c-1", "text": "Look", "attachment_ids": [first]})).await;
        assert_eq!((&reply["ok"], &reply["data"]["message_id"]), (&json!(true), &message["id"]), "from another door, too");
        let header = app.post(&format!("/api/public/chat-rooms/{room}/send_message/")).header("idempotency-key", "c-1");
        assert_eq!(header.json(json!({"message": "Look", "attachment_ids": [first]})).send().await.expect(200)["id"], message["id"]);

        let file = waiting(&app, &agent, &id).await;
        let body = json!({"client_id": "c-1", "attachment_ids": [file]});
        let named = answer(&app, &agent, &id, body.clone()).await.expect(201);
        assert_eq!(answer(&app, &agent, &id, body).await.expect(200)["id"], named["id"], "without words, too");
        answer(&app, &agent, &id, json!({"client_id": "c-1", "attachment_ids": [file], "private": true})).await.problem(409, "conflict");

        let nadia = customer("nadia");
        begin(&app, &nadia, "conv_1", "mia").await;
        let file = waiting(&app, &nadia, "conv_1").await;
        let told = json!({"id": 7, "text": "Look", "attachmentIds": [file]});
        let stored = put(&app, &nadia, "conv_1", told.clone()).await.expect(201);
        let again = put(&app, &nadia, "conv_1", told.clone()).await.expect(200);
        assert_eq!(again["message"]["messageId"], stored["message"]["messageId"]);
        let live = Party::come(&app, &nadia).await.ask("conversation:message", json!({"conversationId": "conv_1", "message": told})).await;
        assert_eq!((&live["ok"], &live["data"]["duplicate"]), (&json!(true), &json!(true)), "{live}");
        put(&app, &nadia, "conv_1", json!({"id": 7, "text": "Look"})).await.problem(409, "conflict");
    }

    async fn repeats_at_the_same_moment_are_one_message(app: TestApp) {
        let (room, _) = app.room().await;
        for round in 0..5 {
            let file = waiting(&app, &room, &room).await;
            let body = json!({"message": "Look", "client_id": format!("c-{round}"), "attachment_ids": [file]});
            let answers = join_all((0..6).map(|_| send(&app, &room, body.clone()))).await;
            let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 200, 200, 200, 200, 201]);
            assert!(answers.iter().all(|answer| answer.body["id"] == answers[0].body["id"]));
        }
        assert_eq!(read(&app, &room, "").await["head_seq"], 5);
    }

    async fn of_many_messages_with_one_file_at_the_same_moment_one_has_it(app: TestApp) {
        let (room, _) = app.room().await;
        for round in 0..5 {
            let file = waiting(&app, &room, &room).await;
            let body = |n| json!({"message": "Look", "client_id": format!("m-{round}-{n}"), "attachment_ids": [file]});
            let answers = join_all((0..6).map(|n| send(&app, &room, body(n)))).await;
            let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [201, 400, 400, 400, 400, 400]);
        }
        assert_eq!(read(&app, &room, "").await["head_seq"], 5);
    }
}

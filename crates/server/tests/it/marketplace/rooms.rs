//! The same offers by the widget's and the agents' doors.

use super::text;
use crate::app::{Answer, TestApp};
use crate::socket::{hello, open};
use parlor_domain::agent::Role;
use serde_json::{Value, json};

/// A visitor's room and an agent's view of it.
struct Both<'a> {
    app: &'a TestApp,
    room: String,
    id: String,
    agent: String,
}

impl<'a> Both<'a> {
    async fn meet(app: &'a TestApp) -> Self {
        let (room, _) = app.room().await;
        Self {
            id: app.conversation_id(&room).await,
            agent: app.agent("omar@example.com", Role::Agent).await.0,
            app,
            room,
        }
    }

    async fn visitor(&self, tail: &str, body: Value) -> Answer {
        self.app.post(&format!("/api/public/chat-rooms/{}/{tail}", self.room)).json(body).send().await
    }

    async fn desk(&self, tail: &str, body: Value) -> Answer {
        let path = format!("/api/admin/chat-rooms/{}/{tail}", self.id);
        self.app.post(&path).bearer(&self.agent).json(body).send().await
    }
}

fn action(message: &Value) -> String {
    format!("messages/{}/action/", text(&message["id"]))
}

fn field(answer: Answer) -> String {
    text(&answer.problem(400, "invalid_input")["errors"][0]["field"]).to_owned()
}

on_both! {
    async fn a_visitor_and_an_agent_make_one_another_offers(app: TestApp) {
        let both = Both::meet(&app).await;
        let offer = json!({"message": "For you", "type": "offer", "payload": {"offerPrice": 90, "note": "with delivery"}, "client_id": "a-1"});
        let sent = both.desk("send_message/", offer.clone()).await.expect(201);
        assert_eq!((&sent["type"], &sent["payload"]["status"], &sent["payload"]["note"]), (&json!("offer"), &json!("pending"), &json!("with delivery")));
        assert_eq!(both.desk("send_message/", offer).await.expect(200)["id"], sent["id"]);
        both.desk(&action(&sent), json!({"action": "accept"})).await.problem(403, "forbidden");
        let countered = both.visitor(&action(&sent), json!({"action": "counter", "offerPrice": 80, "unknown": 1})).await.expect(200);
        assert_eq!((&countered["id"], &countered["payload"]["status"]), (&sent["id"], &json!("countered")));
        let history = app.get(&format!("/api/public/chat-rooms/{}/get_messages/", both.room)).send().await.expect(200);
        let answer = history["results"][2].clone();
        assert_eq!((&answer["type"], &answer["reply_to"], &answer["payload"]["offerPrice"]), (&json!("offer"), &sent["id"], &json!(80)));
        assert_eq!((&history["results"][1]["type"], &history["results"][1]["sender"]["kind"]), (&json!("system"), &json!("system")));
        both.visitor(&action(&answer), json!({"action": "accept"})).await.problem(403, "forbidden");
        let accepted = both.desk(&action(&answer), json!({"action": "accept"})).await.expect(200);
        assert_eq!(accepted["payload"]["status"], "accepted");
        both.visitor(&action(&answer), json!({"action": "withdraw"})).await.problem(409, "conflict");
    }

    async fn a_move_is_seen_live_by_both_sides(app: TestApp) {
        let both = Both::meet(&app).await;
        let offer = both.visitor("send_message/", json!({"message": "My offer", "type": "offer", "payload": {"offerPrice": 80}})).await.expect(201);
        let (mut desk, _) = hello(&app, &both.agent).await;
        desk.done("conversation:subscribe", json!({"conversation_id": both.id})).await;
        let mut visitor = open(&app, &format!("/ws/chat/{}/", both.room)).await;
        visitor.event("session:welcome").await;
        both.desk(&action(&offer), json!({"action": "decline"})).await.expect(200);
        for socket in [&mut visitor, &mut desk] {
            let updated = socket.event("conversation:message-updated").await;
            assert_eq!((&updated["data"]["message"]["id"], &updated["data"]["message"]["payload"]["status"]), (&offer["id"], &json!("declined")));
            let line = socket.event("conversation:new-message").await;
            assert_eq!((&line["data"]["message"]["type"], &line["data"]["message"]["text"]), (&json!("system"), &json!("omar declined the offer of 80.")));
        }
    }

    async fn a_visitor_asks_for_an_appointment(app: TestApp) {
        let both = Both::meet(&app).await;
        let asked = both.visitor("send_message/", json!({"message": "May I come?", "type": "appointment", "payload": {"startsAt": "2026-11-24T14:00:00Z"}})).await.expect(201);
        assert_eq!((&asked["type"], &asked["payload"]["status"]), (&json!("appointment"), &json!("requested")));
        let moved = both.desk(&action(&asked), json!({"action": "reschedule", "startsAt": 1_795_251_600_000_i64})).await.expect(200);
        assert_eq!(moved["payload"]["status"], "rescheduled");
        let history = app.get(&format!("/api/public/chat-rooms/{}/get_messages/", both.room)).send().await.expect(200);
        let answer = history["results"][2].clone();
        assert_eq!(answer["payload"]["startsAt"], "2026-11-21T09:00:00.000Z");
        assert_eq!(both.visitor(&action(&answer), json!({"action": "confirm"})).await.expect(200)["payload"]["status"], "confirmed");
    }

    async fn what_is_no_offer_is_refused_there_as_well(app: TestApp) {
        let both = Both::meet(&app).await;
        let said = app.say(&both.room, "Hello").await;
        both.desk(&action(&said), json!({"action": "accept"})).await.problem(409, "conflict");
        both.visitor(&action(&said), json!({"action": "withdraw"})).await.problem(409, "conflict");
        assert_eq!(field(both.visitor("send_message/", json!({"message": "x", "type": "offer", "payload": {"offerPrice": -1}})).await), "payload.offerPrice");
        assert_eq!(field(both.visitor("send_message/", json!({"message": "x", "type": "appointment", "payload": 7})).await), "payload");
        assert_eq!(field(both.visitor("send_message/", json!({"message": "x", "payload": {}})).await), "payload");
        assert_eq!(field(both.desk("send_message/", json!({"message": "x", "type": "system"})).await), "type");
        assert_eq!(field(both.desk(&action(&said), json!({"action": "counter"})).await), "offerPrice");
        assert_eq!(both.desk(&action(&said), json!({"action": "accept", "unknown": 1})).await.status, 400);
        both.desk("send_message/", json!({"message": "x", "type": "offer", "private": true})).await.problem(409, "conflict");
        let (other, _) = app.room().await;
        app.post(&format!("/api/public/chat-rooms/{other}/{}", action(&said))).json(json!({"action": "accept"})).send().await.problem(404, "not_found");
    }
}

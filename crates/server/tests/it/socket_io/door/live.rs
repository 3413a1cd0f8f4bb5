//! Who hears what.

use super::{Client, begin, customer, put, seller};
use crate::app::TestApp;
use crate::socket;
use parlor_domain::agent::Role;
use serde_json::{Value, json};

/// The key of a conversation's room.
async fn room_key(app: &TestApp, conversation: &str) -> (String, String) {
    let state = app.state();
    let workspace = state.workspaces.list().await.unwrap()[0].id;
    let named = parlor_domain::conversation::ConversationRef::parse(conversation).unwrap();
    let found = state.conversations.marketplace_find_any(workspace, &named).await.unwrap();
    (found.room_key.expose().to_string(), found.id.to_string())
}

on_both! {
    async fn a_conversation_that_is_saved_with_a_thousand_messages_throws_nobody_off(app: TestApp) {
        let (nadia, bob) = (customer("nadia"), customer("bob"));
        begin(&app, &nadia, "conv_1", "mia").await;
        begin(&app, &bob, "conv_2", "mia").await;
        let both = [Client::come(&app, &nadia).await, Client::come(&app, &seller("mia")).await];
        let listeners = both.map(|mut client| {
            tokio::spawn(async move {
                let (mut flood, mut other) = (Vec::new(), None);
                while flood.len() < 1_000 {
                    let told = client.event("conversation:new-message").await;
                    assert!(told["conversation"]["messages"].is_array());
                    if told["conversationId"] == "conv_1" {
                        flood.push(told["message"]["seq"].as_i64().unwrap());
                    } else {
                        other = Some((flood.len(), told));
                    }
                }
                assert_eq!(flood, (1..=1_000).collect::<Vec<_>>(), "each once, in order");
                (client, other)
            })
        });
        let messages: Vec<_> = (1..=1_000).map(|n| json!({"id": n, "sender": "user", "text": format!("message {n}")})).collect();
        app.post("/api/conversations/").bearer(&nadia).json(json!({"id": "conv_1", "messages": messages})).send().await.expect(200);
        put(&app, &bob, "conv_2", json!({"id": 1, "text": "at the same time"})).await;
        let [mine, hers] = listeners;
        let ((mut mine, _), (mut hers, other)) = (mine.await.unwrap(), hers.await.unwrap());
        let (place, other) = match other {
            Some(other) => other,
            None => (1_000, hers.event("conversation:new-message").await),
        };
        assert_eq!((&other["conversationId"], &other["message"]["text"]), (&json!("conv_2"), &json!("at the same time")), "after {place}");
        for client in [&mut mine, &mut hers] {
            client.say("conv_1", 1_001, "still here").await;
        }
    }

    async fn a_room_is_called_by_its_key_too(app: TestApp) {
        let (room, key) = app.room().await;
        let mut holders = [Client::come(&app, &room).await, Client::come(&app, &key).await];
        for (n, holder) in holders.iter_mut().enumerate() {
            let sent = holder.done("conversation:message", json!({"conversationId": room, "message": {"id": n + 1, "text": "Hello!"}})).await;
            assert_eq!(sent["seq"], n + 1);
        }
        for holder in &mut holders {
            let told = [holder.event("conversation:new-message").await, holder.event("conversation:new-message").await];
            assert!(told.iter().all(|told| told["conversationId"] != room.as_str()), "it is not told");
            holder.done("conversation:read", json!({"conversationId": room})).await;
            let answer = holder.done("conversation:subscribe", json!({"conversationId": room.to_uppercase()})).await;
            assert_eq!(answer["headSeq"], 2);
        }
        for token in [customer("bob"), seller("mia")] {
            let mut stranger = Client::come(&app, &token).await;
            assert_eq!(stranger.denied("conversation:read", json!({"conversationId": room})).await["code"], "not_found");
        }
    }

    async fn only_the_two_parties_hear_anything(app: TestApp) {
        let (nadia, owner) = (customer("nadia"), app.agent("olga@example.com", Role::Owner).await.0);
        begin(&app, &nadia, "conv_1", "mia").await;
        let mut parties = [Client::come(&app, &nadia).await, Client::come(&app, &seller("mia")).await];
        let mut strangers = [Client::come(&app, &customer("bob")).await, Client::come(&app, &seller("sol")).await, Client::come(&app, &owner).await];
        parties[0].say("conv_1", 1, "Hello!").await;
        for party in &mut parties {
            assert_eq!(party.event("conversation:new-message").await["message"]["text"], "Hello!");
        }
        let (_, internal) = room_key(&app, "conv_1").await;
        for stranger in &mut strangers {
            for named in ["conv_1", internal.as_str()] {
                for (event, more) in [
                    ("conversation:message", json!({"message": {"text": "Me, too"}})),
                    ("conversation:read", json!({})),
                    ("conversation:subscribe", json!({"afterRev": 0})),
                    ("conversation:action", json!({"messageId": 1, "action": "accept"})),
                ] {
                    let mut data = json!({"conversationId": named});
                    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                    assert_eq!(stranger.denied(event, data).await["code"], "not_found", "{event} {named}");
                }
            }
            stranger.hears_nothing().await;
        }
    }

    async fn a_staff_agent_hears_of_what_it_sells(app: TestApp) {
        let (nadia, (ada, _)) = (customer("nadia"), app.agent("ada@example.com", Role::Agent).await);
        begin(&app, &nadia, "conv_1", "ada").await;
        begin(&app, &nadia, "conv_2", "mia").await;
        let mut client = Client::come(&app, &ada).await;
        put(&app, &nadia, "conv_2", json!({"id": 1, "text": "to mia"})).await;
        put(&app, &nadia, "conv_1", json!({"id": 1, "text": "to ada"})).await;
        assert_eq!(client.event("conversation:new-message").await["message"]["text"], "to ada");
        client.say("conv_1", 2, "hello").await;
        client.event("conversation:new-message").await;
        client.hears_nothing().await;
    }

    async fn all_devices_share_messages_and_what_was_read(app: TestApp) {
        let (nadia, mia) = (customer("nadia"), seller("mia"));
        begin(&app, &nadia, "conv_1", "mia").await;
        let mut phone = Client::come(&app, &nadia).await;
        let mut laptop = Client::come(&app, &nadia).await;
        let mut seller = Client::come(&app, &mia).await;
        phone.say("conv_1", 1, "from the phone").await;
        seller.say("conv_1", 1, "an answer").await;
        for client in [&mut phone, &mut laptop, &mut seller] {
            for text in ["from the phone", "an answer"] {
                assert_eq!(client.event("conversation:new-message").await["message"]["text"], text);
            }
        }
        let half = phone.done("conversation:read", json!({"conversationId": "conv_1", "upToSeq": 1})).await;
        assert_eq!(half["isReadByCustomer"], false);
        let read = phone.done("conversation:read", json!({"conversationId": "conv_1"})).await;
        assert_eq!((&read["conversationId"], &read["isReadByCustomer"], &read["isReadBySeller"]), (&json!("conv_1"), &json!(true), &json!(true)));
        for client in [&mut phone, &mut laptop, &mut seller] {
            let told = client.event("conversation:read").await;
            assert_eq!((&told["conversationId"], &told["upToSeq"], &told["by"]), (&json!("conv_1"), &json!(2), &json!("customer")));
            assert_eq!((&told["isReadByCustomer"], &told["isReadBySeller"]), (&json!(true), &json!(true)));
            client.hears_nothing().await;
        }
    }

    async fn an_offers_moves_are_seen_by_both_and_by_agents(app: TestApp) {
        let (nadia, (owner, _)) = (customer("nadia"), app.agent("olga@example.com", Role::Owner).await);
        begin(&app, &nadia, "conv_1", "mia").await;
        let (_, internal) = room_key(&app, "conv_1").await;
        let mut agent = socket::open(&app, &format!("/ws/admin/chat?token={owner}")).await;
        agent.event("session:welcome").await;
        agent.done("conversation:subscribe", json!({"conversation_id": internal})).await;
        let mut parties = [Client::come(&app, &nadia).await, Client::come(&app, &seller("mia")).await];
        let offer = json!({"conversationId": "conv_1", "message": {"id": 11, "type": "offer", "payload": {"offerPrice": 17_000}}});
        parties[0].done("conversation:message", offer).await;
        let own = parties[0].denied("conversation:action", json!({"conversationId": "conv_1", "messageId": 11, "action": "accept"})).await;
        assert_eq!(own["code"], "forbidden");
        let countered = json!({"conversationId": "conv_1", "messageId": 11, "action": "counter", "offerPrice": 18_000});
        let moved = parties[1].done("conversation:action", countered).await;
        assert_eq!((&moved["message"]["payload"]["status"], &moved["message"]["id"]), (&json!("countered"), &json!(11)));
        for party in &mut parties {
            let offered = party.event("conversation:new-message").await;
            assert_eq!((&offered["message"]["type"], &offered["message"]["payload"]["offerPrice"]), (&json!("offer"), &json!(17_000)));
            let updated = party.event("conversation:message-updated").await;
            assert_eq!((&updated["change"], &updated["message"]["payload"]["status"]), (&json!("action"), &json!("countered")));
            assert!(updated["conversation"].get("messages").is_none());
            let line = party.event("conversation:new-message").await;
            assert_eq!((&line["message"]["sender"], &line["message"]["id"]), (&json!("system"), &json!(8_000_000_000_000_002_i64)));
            let counter = party.event("conversation:new-message").await;
            assert_eq!((&counter["message"]["sender"], &counter["message"]["payload"]["offerPrice"]), (&json!("seller"), &json!(18_000)));
            assert_eq!((&offered["rev"], &updated["rev"], &line["rev"], &counter["rev"]), (&json!(1), &json!(2), &json!(3), &json!(4)));
        }
        let mut seen = Vec::new();
        while seen.len() < 4 {
            let change = agent.change().await;
            seen.push((change["event"].clone(), change["data"]["change"].clone()));
        }
        let new = (json!("conversation:new-message"), Value::Null);
        assert_eq!(seen, [new.clone(), (json!("conversation:message-updated"), json!("action")), new.clone(), new]);
    }

    async fn the_other_doors_see_the_same_conversation(app: TestApp) {
        let nadia = customer("nadia");
        begin(&app, &nadia, "conv_1", "mia").await;
        let (room, internal) = room_key(&app, "conv_1").await;
        let mut by_room = socket::open(&app, &format!("/ws/chat/{room}")).await;
        by_room.event("session:welcome").await;
        let mut holder = Client::come(&app, &room).await;
        let mut mia = Client::come(&app, &seller("mia")).await;
        mia.say("conv_1", 1, "to all doors").await;
        assert_eq!(by_room.event("conversation:new-message").await["data"]["message"]["text"], "to all doors");
        by_room.say(&room, "w-1", "from another door").await;
        for client in [&mut holder, &mut mia] {
            assert_eq!(client.event("conversation:new-message").await["message"]["text"], "to all doors");
            let other = client.event("conversation:new-message").await;
            assert_eq!((&other["message"]["text"], &other["message"]["id"]), (&json!("from another door"), &json!(8_000_000_000_000_002_i64)));
            assert_eq!(other["conversationId"], "conv_1");
        }
        holder.say("conv_1", 3, "by the key").await;
        assert_eq!(mia.event("conversation:new-message").await["message"]["sender"], "user");
        assert_eq!(holder.denied("conversation:read", json!({"conversationId": internal})).await["code"], "not_found", "it has a name of its own");
        // Offers can be made on that door, too.
        let offer = json!({"conversation_id": room, "message": {"client_id": "w-2", "type": "offer", "text": "My offer", "payload": {"offerPrice": 17_500}}});
        by_room.done("conversation:message", offer).await;
        let told = mia.event("conversation:new-message").await;
        assert_eq!((&told["message"]["type"], &told["message"]["payload"]["status"]), (&json!("offer"), &json!("pending")));
    }

    async fn the_holder_of_a_room_key_has_that_room_only(app: TestApp) {
        let (room, key) = app.room().await;
        let other = app.post("/api/public/chat-rooms/").json(json!({"visitor_id": key})).send().await.expect(201)["id"].as_str().unwrap().to_owned();
        let (id, other_id) = (app.conversation_id(&room).await, app.conversation_id(&other).await);
        let (mut holder, mut visitor) = (Client::come(&app, &room).await, Client::come(&app, &key).await);
        app.say(&other, "elsewhere").await;
        app.say(&room, "here").await;
        let told = holder.event("conversation:new-message").await;
        assert_eq!((&told["conversationId"], &told["message"]["text"]), (&json!(id), &json!("here")));
        assert_eq!(holder.denied("conversation:read", json!({"conversationId": other_id})).await["code"], "not_found");
        for text in ["elsewhere", "here"] {
            assert_eq!(visitor.event("conversation:new-message").await["message"]["text"], text);
        }
        visitor.done("conversation:read", json!({"conversationId": other_id})).await;
        // Whoever the room belongs to, its key goes on.
        Client::come(&app, &customer("nadia")).await;
        let identify = json!({"token": customer("nadia")});
        app.post(&format!("/api/chats/visitors/{key}/identify/")).json(identify).send().await.expect(200);
        app.say(&room, "still here").await;
        loop {
            let (name, told) = holder.next().await;
            if name == "conversation:new-message" {
                assert_eq!(told["message"]["text"], "still here");
                break;
            }
        }
    }

    async fn a_deletion_is_the_last_event(app: TestApp) {
        let nadia = customer("nadia");
        begin(&app, &nadia, "conv_1", "mia").await;
        let mut parties = [Client::come(&app, &nadia).await, Client::come(&app, &seller("mia")).await];
        parties[0].say("conv_1", 1, "Hello!").await;
        app.delete("/api/conversations/?id=conv_1").bearer(&nadia).send().await.expect(204);
        for party in &mut parties {
            party.event("conversation:new-message").await;
            assert_eq!(party.event("conversation:deleted").await, json!({"conversationId": "conv_1", "rev": 2}));
            assert_eq!(party.denied("conversation:read", json!({"conversationId": "conv_1"})).await["code"], "not_found");
        }
    }
}

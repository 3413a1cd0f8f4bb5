//! Lists of conversations and messages.

use super::*;
use parlor_testkit::whatsapp::{Status, sample};

in_shop! {
    async fn a_conversation_has_exactly_the_fields_of_the_contract(shop: Shop) {
        assert_eq!(shop.conversations("").await, Vec::<Value>::new());
        shop.hears([nadia().text("Is the blue one in stock?"), nadia().text("Hello?")]).await;
        let all = shop.conversations("").await;
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(keys(one), ["created_at", "customer_name", "customer_phone", "id", "last_message_at", "phone_number_id", "unread_count"]);
        assert_eq!((&one["id"], &one["unread_count"]), (&json!(1), &json!(2)), "numbers begin at 1");
        assert_eq!((&one["phone_number_id"], &one["customer_phone"], &one["customer_name"]), (&json!(Number::EXAMPLE_ID), &json!(NADIA), &json!("Nadia P.")));
        let times = [&one["created_at"], &one["last_message_at"]].map(|time| time.as_str().unwrap().to_owned());
        assert!(times.iter().all(|time| time.len() == 24 && time.ends_with('Z')) && times[0] <= times[1], "{times:?}");
        shop.app.room().await;
        assert_eq!(shop.conversations("").await.len(), 1, "only those on WhatsApp");
    }

    async fn a_name_falls_back_to_the_phone_number_and_a_hidden_number_is_null(shop: Shop) {
        shop.hears(Customer::new("491700000002").text("Hello")).await;
        shop.hears(Customer::new("491700000003").name("  ").text("Hello")).await;
        shop.hears(Customer::hidden("DE.1112345678901234").name("Mia H.").username("mia.h").text("Hello")).await;
        shop.hears(Customer::hidden("DE.2222345678901234").username("omar.s").text("Hello")).await;
        shop.hears(Customer::hidden("DE.3332345678901234").text("Hello")).await;
        let all = shop.conversations("").await;
        assert_eq!(each(&all, "customer_name"), ["WhatsApp user", "@omar.s", "Mia H.", "491700000003", "491700000002"]);
        assert_eq!(each(&all, "customer_phone"), [&json!(null), &json!(null), &json!(null), &json!("491700000003"), &json!("491700000002")]);
        assert_eq!(each(&all, "id"), [5, 4, 3, 2, 1], "newest activity first");
        shop.hears(Customer::new("491700000002").text("Anybody?")).await;
        assert_eq!(each(&shop.conversations("").await, "id"), [1, 5, 4, 3, 2]);
    }

    async fn conversations_of_one_number_can_be_asked_for(shop: Shop) {
        let other = Number::new("830000000000002");
        shop.add_number(&other).await;
        shop.hears([nadia().text("Hello"), nadia().text("Hello").number(&other)]).await;
        shop.hears(Customer::new("491700000002").text("Hello").number(&other)).await;
        assert_eq!(shop.conversations("").await.len(), 3, "the same person is another customer of another number");
        let of_other = shop.conversations("phone_number_id=830000000000002").await;
        assert_eq!(each(&of_other, "customer_phone"), ["491700000002", NADIA]);
        assert!(of_other.iter().all(|one| one["phone_number_id"] == "830000000000002"));
        assert_eq!(shop.conversations(&format!("phone_number_id={}", Number::EXAMPLE_ID)).await.len(), 1);
        assert_eq!(shop.conversations("phone_number_id=").await.len(), 3, "an empty filter is none");
        assert_eq!(shop.conversations("phone_number_id=830000000000009").await, Vec::<Value>::new());
    }

    async fn pages_of_conversations_have_a_length_and_a_beginning(shop: Shop) {
        let customers = (0..53).map(|number| Customer::new(format!("4917000001{number:02}")).text("Hello"));
        shop.hears(customers.fold(Envelope::new(), Envelope::message)).await;
        let all = shop.conversations("limit=500").await;
        assert_eq!((all.len(), shop.conversations("").await.len()), (53, 50), "fifty unless asked otherwise");
        assert_eq!(shop.conversations("limit=2&offset=1").await, all[1..3]);
        assert_eq!(shop.conversations("offset=50").await, all[50..]);
        assert_eq!(shop.conversations("limit=&offset=").await, all[..50]);
        assert_eq!(shop.conversations("offset=10000").await, Vec::<Value>::new());
        for (wrong, field) in [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("offset=-1", "offset"), ("offset=10001", "offset")] {
            for path in [format!("{CONVERSATIONS}?{wrong}"), format!("{MESSAGES}?conversation_id=1&{wrong}")] {
                let refused = shop.get(&path).send().await.problem(400, "invalid_input");
                assert_eq!(refused["errors"][0]["field"], field, "{path}");
            }
        }
    }

    async fn pages_of_messages_are_the_newest_oldest_first(shop: Shop) {
        let texts = (1..=103).map(|number| nadia().text(format!("{number}")));
        shop.hears(texts.fold(Envelope::new(), Envelope::message)).await;
        let all = shop.messages(1, "limit=500").await;
        let numbers: Vec<Value> = (1..=103).map(|number| json!(number.to_string())).collect();
        assert_eq!(each(&all, "message"), numbers.iter().collect::<Vec<_>>());
        assert_eq!(shop.messages(1, "").await, all[3..], "a hundred unless asked otherwise");
        assert_eq!(shop.messages(1, "limit=2").await, all[101..]);
        assert_eq!(shop.messages(1, "limit=2&offset=100").await, all[1..3]);
        assert_eq!(shop.messages(1, "limit=2&offset=102").await, all[..1]);
        assert_eq!(shop.messages(1, "offset=103").await, Vec::<Value>::new());
    }

    async fn a_message_has_exactly_the_fields_of_the_contract(shop: Shop) {
        let asked = nadia().text("Is the blue one in stock?");
        shop.hears(&asked).await;
        let sent = shop.send(json!({"conversation_id": 1, "message": "Yes, three are left."})).await.expect(200);
        let all = shop.until(1, |all| all.len() == 2 && !all[1]["whatsapp_message_id"].is_null()).await;
        for message in &all {
            assert_eq!(keys(message), ["conversation_id", "created_at", "id", "is_read", "media_url", "message", "message_type", "sender", "whatsapp_message_id"]);
            assert_eq!((&message["conversation_id"], &message["message_type"], &message["media_url"]), (&json!(1), &json!("text"), &json!(null)));
            assert_eq!(message["created_at"].as_str().unwrap().len(), 24);
        }
        assert_eq!(each(&all, "id"), [MESSAGES_OF_ONE + 1, MESSAGES_OF_ONE + 2]);
        assert_eq!(each(&all, "sender"), ["customer", "agent"]);
        assert_eq!(each(&all, "message"), ["Is the blue one in stock?", "Yes, three are left."]);
        assert_eq!(all[1]["id"], sent["message_id"]);
        let ours = shop.graph.sent()[0].wamid.clone().unwrap();
        assert_eq!(each(&all, "whatsapp_message_id"), [asked.wamid(), ours.as_str()]);
        assert_eq!(each(&all, "is_read"), [true, false]);
        shop.hears(Status::read(&ours)).await;
        let all = shop.messages(1, "").await;
        assert_eq!(each(&all, "is_read"), [true, true], "the customer has seen it");
    }

    async fn kinds_have_the_platforms_words_and_files_a_link(shop: Shop) {
        let picture = shop.graph.media("image/png", sample::IMAGE);
        let voice = shop.graph.media("audio/ogg; codecs=opus", sample::VOICE);
        let text = shop.graph.media("text/plain", sample::DOCUMENT);
        shop.hears([
            nadia().image(&picture).caption("the dent"),
            nadia().voice(&voice),
            nadia().document(&text, "offer.txt"),
            nadia().location(52.5, 13.4),
            nadia().contacts(&[("Omar", "+49 170 0000009")]),
            nadia().button_reply("call_me", "Call me"),
            nadia().order(&[("A-17", 2, 10.5, "EUR")]),
            nadia().unknown_kind(),
        ])
        .await;
        let all = shop.until(1, |all| all.iter().filter(|message| message["media_url"].is_string()).count() == 3).await;
        assert_eq!(each(&all, "message_type"), ["image", "audio", "document", "location", "contacts", "text", "order", "unsupported"]);
        assert_eq!((&all[0]["message"], &all[2]["message"], &all[5]["message"]), (&json!("the dent"), &json!("offer.txt"), &json!("Call me")));
        let link = all[0]["media_url"].as_str().unwrap();
        let bytes = shop.app.http.get(link).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes.as_ref(), sample::IMAGE, "the link needs no login");
    }

    async fn reading_messages_marks_them_read(shop: Shop) {
        let number = shop.hears_of_nadia("Hello?").await;
        shop.hears(nadia().text("Anybody?")).await;
        assert_eq!(shop.conversations("").await[0]["unread_count"], 2, "looking at the list marks nothing");
        let room = format!("/api/admin/chat-rooms/{}/", shop.internal_id(number).await);
        shop.get(&format!("{room}messages/")).send().await.expect(200);
        assert_eq!(shop.conversations("").await[0]["unread_count"], 2, "nor does the inbox's history");
        let all = shop.messages(number, "limit=1&offset=1").await;
        assert_eq!((&all[0]["message"], &all[0]["is_read"]), (&json!("Hello?"), &json!(true)), "as it is after the call");
        assert_eq!(shop.conversations("").await[0]["unread_count"], 0, "all of them, whatever was asked for");
        assert_eq!(shop.get(&room).send().await.expect(200)["unread_count"], 0);
        shop.hears(nadia().text("Still there?")).await;
        assert_eq!(shop.conversations("").await[0]["unread_count"], 1);
    }

    async fn notes_and_lines_of_the_server_are_left_out(shop: Shop) {
        let number = shop.hears_of_nadia("Hello?").await;
        let room = format!("/api/admin/chat-rooms/{}/", shop.internal_id(number).await);
        let inbox = async |path: &str, body: Value| shop.call(Method::POST, &format!("{room}{path}")).json(body).send().await;
        inbox("send_message/", json!({"message": "Careful, an old customer", "private": true})).await.expect(201);
        shop.hears(nadia().changed_number("491700000007")).await;
        let answered = inbox("send_message/", json!({"message": "Good day"})).await.expect(201);
        let seen = shop.get(&format!("{room}messages/")).send().await.expect(200);
        let kinds: Vec<&Value> = seen["results"].as_array().unwrap().iter().map(|message| &message["sender"]["kind"]).collect();
        assert!(kinds.contains(&&json!("system")), "there is such a line: {seen}");
        let all = shop.messages(number, "").await;
        assert_eq!(each(&all, "message"), ["Hello?", "Good day"]);
        assert_eq!(all[1]["id"], number * MESSAGES_OF_ONE + answered["seq"].as_i64().unwrap());
        assert_eq!(shop.messages(number, "limit=1&offset=1").await, all[..1], "they take no place of a page");
        assert_eq!(shop.conversations("").await[0]["customer_phone"], "491700000007");
    }

    async fn what_was_taken_back_is_told_so(shop: Shop) {
        let first = nadia().text("My card is 4711");
        shop.hears(&first).await;
        shop.hears(nadia().text("Hello")).await;
        shop.hears(nadia().revoke(first.wamid())).await;
        let all = shop.messages(1, "").await;
        assert_eq!(each(&all, "message"), ["deleted by the customer", "Hello"]);
    }

    async fn a_conversation_must_be_named_and_known(shop: Shop) {
        shop.hears_of_nadia("Hello").await;
        for wrong in ["", "?conversation_id=", "?conversation_id=x", "?conversation_id=-1", "?conversation_id=1.5"] {
            let refused = shop.get(&format!("{MESSAGES}{wrong}")).send().await.problem(400, "invalid_input");
            assert_eq!(refused["errors"][0]["field"], "conversation_id", "{wrong}");
        }
        for unknown in ["0", "2", "9223372036854775807"] {
            shop.get(&format!("{MESSAGES}?conversation_id={unknown}")).send().await.problem(404, "not_found");
        }
        let room = format!("/api/admin/chat-rooms/{}/", shop.internal_id(1).await);
        shop.call(Method::DELETE, &room).send().await.expect(204);
        shop.get(&format!("{MESSAGES}?conversation_id=1")).send().await.problem(404, "not_found");
        shop.send(json!({"conversation_id": 1, "message": "Hello"})).await.problem(404, "not_found");
        assert_eq!(shop.conversations("").await, Vec::<Value>::new());
        let again = shop.hears_of_nadia("Hello again").await;
        assert_eq!(again, 2, "a number is never used again");
    }
}

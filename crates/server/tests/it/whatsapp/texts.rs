//! Texts as strangers write them (section 5).

use super::*;
use parlor_testkit::whatsapp::ascii_json;

with_whatsapp! {
    async fn a_text_stays_as_it_is_up_to_its_longest(line: Line) {
        for text in [
            "<b>bold</b> & <script>alert(1)</script>".to_owned(),
            "two\nlines\tand a tab".to_owned(),
            "  spaces around  ".to_owned(),
            "https://example.com/a/b?c=d".to_owned(),
            "Grüße 👩‍👩‍👧 你好 \u{202e}backwards".to_owned(),
            "'; DROP TABLE message; --".to_owned(),
            "é".repeat(4_096),
            "🙂".repeat(10_000),
        ] {
            line.hears(&text).await;
            let last = line.last().await;
            assert_eq!((last["text"].as_str(), &last["metadata"]), (Some(text.as_str()), &json!(null)));
        }
        line.hears(&"long ".repeat(5_000)).await;
        let last = line.last().await;
        assert_eq!((last["text"].as_str().unwrap().chars().count(), &last["metadata"]["truncated"]), (10_000, &json!(true)));
    }

    async fn what_no_text_can_hold_is_left_out_or_replaced(line: Line) {
        let message = |body: &str| {
            let delivery = line.graph.delivery(&line.hook, nadia().text("HERE"));
            let whole = String::from_utf8(delivery.body).unwrap();
            line.hook.signed(whole.replace("HERE", body))
        };
        for (raw, shown) in [
            (r"a\u0000b", "a\u{fffd}b"),
            (r"a\u0007\u001b[31mb\u007f\u0085c\r\nd", "a[31mbc\nd"),
            (r"\ud83d alone", "\u{fffd} alone"),
            (r"\ude42\ud83d\ude42", "\u{fffd}🙂"),
            (r"back\\slash \/ \u003cb\u003e", r"back\slash / <b>"),
            (r"\\ud83d", r"\ud83d"),
        ] {
            assert_eq!(line.hook.post(&message(raw)).await.unwrap().status, 200, "{raw}");
            assert_eq!(line.last().await["text"], shown, "{raw}");
        }
        for blank in ["", " ", r"\u0007\u0008", r"\n\t"] {
            assert_eq!(line.hook.post(&message(blank)).await.unwrap().status, 200);
            assert_eq!(line.last().await["text"], "[unsupported message: text]", "an agent sees that something came: {blank:?}");
        }
        // Raw bytes in place of escapes are JSON as well.
        assert_eq!(line.hook.post(&message("größer 🙂")).await.unwrap().status, 200);
        assert_eq!(line.last().await["text"], "größer 🙂");
    }

    async fn odd_characters_are_harmless_wherever_they_stand(line: Line) {
        let odd = "x\u{0}\u{7}\u{202e}/..\\y";
        let media = line.graph.media("text/plain", &b"A file."[..]);
        let messages = [
            nadia().text("Hi").context("id", odd),
            nadia().text("Hi").from_ad(odd).about_product(odd, odd),
            nadia().button_reply(odd, odd),
            nadia().button(odd, odd),
            nadia().form_reply(&json!({"a": odd, odd: [odd]}).to_string()),
            nadia().location(1.0, 2.0).with("name", odd).with("url", "javascript:alert(1)"),
            nadia().contacts(&[(odd, odd)]),
            nadia().order(&[(odd, 1, 1.0, odd)]),
            nadia().document(&media, odd).caption(odd),
            nadia().says("hologram", json!({odd: odd})),
            nadia().says(odd, json!({odd: odd})),
            nadia().text("Odd id").id(odd),
        ];
        let count = messages.len();
        for message in messages {
            let named = Customer::new(PHONE).user_id(USER).name(odd).username(odd).contact();
            line.receives(Envelope::from(message).contacts(vec![named])).await;
        }
        let seen = line.messages().await;
        assert_eq!(seen.len(), count);
        for mut message in seen {
            assert!(!message.to_string().contains("\\u0000"), "{message}");
            // What the platform calls something is nothing that anybody reads, and what nobody understands is kept as it came.
            message["whatsapp_message_id"].take();
            message["metadata"]["reply_to_unknown"].take();
            message["metadata"]["raw"].take();
            let text = message.to_string();
            assert!(!text.contains("\\u0007") && !text.contains("javascript:"), "{text}");
        }
        assert!(!line.conversation().await["customer_name"].as_str().unwrap().contains('\u{7}'));
    }

    async fn times_are_read_from_strings_and_numbers_and_may_be_missing(line: Line) {
        let now = line.graph.now();
        for (given, sent_at) in [
            (json!("1795160000"), Some("2026-11-20T07:33:20.000Z")),
            (json!(1_795_160_000), Some("2026-11-20T07:33:20.000Z")),
            (json!(""), None),
            (json!("yesterday"), None),
            (json!(-1), None),
            (json!(1e300), None),
            (json!(null), None),
            (json!({}), None),
        ] {
            line.receives(nadia().text("When?").set("timestamp", given.clone())).await;
            assert_eq!(line.last().await["sent_at"].as_str(), sent_at, "{given}");
        }
        // Hours late, and in another order: the place is by arrival.
        line.receives(nadia().text("Newer").at(now)).await;
        line.receives(nadia().text("Older").at(now - 7_200)).await;
        let messages = line.messages().await;
        assert_eq!(texts(&messages)[8..], ["Newer", "Older"]);
        assert!(messages.windows(2).all(|pair| pair[0]["seq"].as_i64() < pair[1]["seq"].as_i64() && pair[0]["created_at"].as_str() <= pair[1]["created_at"].as_str()));
    }

    async fn deep_and_large_things_beside_a_message_do_not_cost_it(line: Line) {
        let deep = "[".repeat(3_000) + &"]".repeat(3_000);
        let delivery = line.graph.delivery(&line.hook, nadia().text("I am here").set("extra", "HERE"));
        let whole = String::from_utf8(delivery.body).unwrap().replace("\"HERE\"", &deep);
        assert_eq!(line.hook.post(&line.hook.signed(whole)).await.unwrap().status, 200);
        assert_eq!(line.last().await["text"], "I am here");
        line.receives(nadia().says("hologram", json!({"much": "x".repeat(100_000)}))).await;
        let last = line.last().await;
        assert!(last["text"] == "[unsupported message: hologram]" && last["metadata"]["raw"]["left_out"].is_string(), "{last}");
        line.receives(nadia().form_reply(&json!({"much": "x".repeat(50_000)}).to_string())).await;
        assert_eq!(line.last().await["metadata"]["truncated"], true);
        assert!(ascii_json(&line.last().await).len() < 20_000);
    }
}

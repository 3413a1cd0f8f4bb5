//! Coming back: nothing is lost, nothing comes twice.

use super::{Client, begin, customer, put, seller};
use serde_json::json;

on_both! {
    async fn nothing_is_lost_over_thirty_breaks(app: TestApp) {
        let (nadia, mia) = (customer("nadia"), seller("mia"));
        begin(&app, &nadia, "conv_1", "mia").await;
        let writer = {
            let (url, http, token) = (app.url.clone(), app.http.clone(), mia.clone());
            tokio::spawn(async move {
                for n in 1..=150 {
                    let body = json!({"conversationId": "conv_1", "message": {"id": n, "text": format!("message {n}")}});
                    http.put(format!("{url}/api/conversations/")).bearer_auth(&token).json(&body).send().await.unwrap().error_for_status().unwrap();
                }
            })
        };
        let (mut rev, mut texts, mut breaks) = (0, Vec::new(), 0);
        while texts.len() < 150 {
            let mut client = Client::come(&app, &nadia).await;
            let answer = client.done("conversation:subscribe", json!({"conversationId": "conv_1", "afterRev": rev})).await;
            assert_eq!(answer["result"], "ok");
            // What came by itself before the answer is told again behind it.
            client.kept.clear();
            let head = answer["headRev"].as_i64().unwrap();
            let enough = if breaks < 30 { head.max(rev + 1) + 2 } else { 150 };
            while rev < enough.min(150) {
                let told = client.event("conversation:new-message").await;
                rev += 1;
                assert_eq!(told["rev"], rev, "each once and in order");
                texts.push(told["message"]["text"].as_str().unwrap().to_owned());
            }
            // No goodbye: the connection just breaks.
            drop(client);
            breaks += 1;
        }
        writer.await.unwrap();
        assert!(breaks >= 2, "{breaks}");
        assert_eq!(texts, (1..=150).map(|n| format!("message {n}")).collect::<Vec<_>>());
        for _ in breaks..30 {
            let mut client = Client::come(&app, &nadia).await;
            assert_eq!(client.done("conversation:subscribe", json!({"conversationId": "conv_1", "afterRev": rev})).await["headRev"], rev);
            client.hears_nothing().await;
        }
    }

    async fn a_resume_brings_the_newest_messages_with_each_event(app: TestApp) {
        let nadia = customer("nadia");
        begin(&app, &nadia, "conv_1", "mia").await;
        for n in 1..=5 {
            put(&app, &nadia, "conv_1", json!({"id": n, "text": format!("message {n}")})).await;
        }
        let mut mia = Client::come(&app, &seller("mia")).await;
        let answer = mia.done("conversation:subscribe", json!({"conversationId": "conv_1", "afterRev": 2})).await;
        assert_eq!(answer, json!({"conversationId": "conv_1", "result": "ok", "headSeq": 5, "headRev": 5, "isReadBySeller": false, "isReadByCustomer": true}));
        for rev in 3..=5 {
            let told = mia.event("conversation:new-message").await;
            assert_eq!((&told["rev"], told["conversation"]["messages"].as_array().unwrap().len()), (&json!(rev), 5));
        }
        let nothing = mia.done("conversation:subscribe", json!({"conversationId": "conv_1"})).await;
        assert_eq!((&nothing["result"], &nothing["headRev"]), (&json!("ok"), &json!(5)));
        mia.hears_nothing().await;
        for wrong in [6, -1] {
            let answer = mia.done("conversation:subscribe", json!({"conversationId": "conv_1", "afterRev": wrong})).await;
            assert_eq!(answer["result"], "reset", "{wrong}");
        }
        mia.hears_nothing().await;
        put(&app, &nadia, "conv_1", json!({"id": 6, "text": "live"})).await;
        assert_eq!(mia.event("conversation:new-message").await["rev"], 6);
    }

    async fn too_much_to_tell_is_a_reset(app: TestApp) {
        let nadia = customer("nadia");
        begin(&app, &nadia, "conv_1", "mia").await;
        let messages: Vec<_> = (1..=501).map(|n| json!({"id": n, "sender": "user", "text": format!("message {n}")})).collect();
        app.post("/api/conversations/").bearer(&nadia).json(json!({"id": "conv_1", "messages": messages})).send().await.expect(200);
        let mut mia = Client::come(&app, &seller("mia")).await;
        let answer = mia.done("conversation:subscribe", json!({"conversationId": "conv_1", "afterRev": 0})).await;
        assert_eq!((&answer["result"], &answer["headRev"]), (&json!("reset"), &json!(501)));
        mia.hears_nothing().await;
        put(&app, &nadia, "conv_1", json!({"id": 502, "text": "live"})).await;
        assert_eq!(mia.event("conversation:new-message").await["rev"], 502);
    }
}

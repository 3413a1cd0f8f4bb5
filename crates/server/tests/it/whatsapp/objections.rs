//! What the platform objects to, by its codes (section 7).

use super::*;
use parlor_testkit::whatsapp::Rule;

/// Lets the next try come, as often as needed.
async fn patiently(line: &Line, id: &str, status: &str) -> Value {
    for _ in 0..12 {
        // The table of jobs is looked at every second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let message = line.message(id).await;
        if message["status"] == status {
            return message;
        }
        line.later(32);
    }
    line.until_status(id, status).await
}

with_whatsapp! {
    async fn what_will_never_arrive_fails_with_the_platforms_words(line: Line) {
        line.hears("Hi").await;
        let mut agent = line.listener().await;
        let codes = [131_026, 131_049, 131_051, 131_053, 132_000, 131_062, 100];
        for code in codes {
            line.graph.rule(Rule::fails(code));
            let ours = line.says(&format!("Hello {code}")).await;
            let failed = line.until_status(&ours, "failed").await;
            assert_eq!(failed["metadata"]["error"]["code"], code);
            assert!(failed["metadata"]["error"]["message"].as_str().unwrap().contains("As the test wants it."), "{failed}");
            let told = agent.event("conversation:message-updated").await;
            assert_eq!((&told["data"]["message"]["id"], &told["data"]["message"]["status"]), (&json!(ours), &json!("failed")));
        }
        assert_eq!(line.graph.calls_at(Endpoint::Send).len(), codes.len(), "none is tried again");
        assert_eq!(line.health().await, Value::Null);
        line.reports();
        line.graph.rule(Rule::accepts_then_fails(131_026));
        let ours = line.says("Taken at first").await;
        assert_eq!(line.until_status(&ours, "failed").await["metadata"]["error"]["code"], 131_026);
        let fine = line.says("At last").await;
        line.until_status(&fine, "read").await;
    }

    async fn who_is_written_to_too_fast_gets_it_later_and_in_order(line: Line) {
        line.hears("Hi").await;
        line.graph.rule(Rule::fails(131_056).times(2).to(PHONE));
        let (one, two) = (line.says("One").await, line.says("Two").await);
        line.graph.until_calls(Endpoint::Send, 1).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(line.graph.calls_at(Endpoint::Send).len(), 1, "it waits, and the next behind it");
        line.later(6);
        line.graph.until_calls(Endpoint::Send, 2).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        line.later(12);
        line.until_status(&one, "sent").await;
        line.until_status(&two, "sent").await;
        let said: Vec<_> = line.graph.calls_at(Endpoint::Send).iter().map(|call| (word(&call.body["text"]["body"]), call.error)).collect();
        let slow = ("One".to_owned(), Some(131_056));
        assert_eq!(said, [slow.clone(), slow, ("One".to_owned(), None), ("Two".to_owned(), None)]);
    }

    async fn a_tired_number_rests_with_all_its_customers(line: Line) {
        line.hears("Hi").await;
        line.receives(Customer::new("491700000002").name("Omar").text("Hi")).await;
        line.graph.rule(Rule::fails(130_429));
        let rows = line.conversations().await;
        for row in &rows {
            let path = format!("/api/admin/chat-rooms/{}/send_message/", word(&row["id"]));
            line.app.post(&path).bearer(&line.owner).json(json!({"message": "Hello"})).send().await.expect(201);
        }
        line.graph.until_calls(Endpoint::Send, 1).await;
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            line.later(30);
        }
        assert_eq!(line.graph.until_sent(2).await.len(), 2);
        assert_eq!(line.graph.calls_at(Endpoint::Send).len(), 3);
    }

    async fn a_restricted_account_fails_and_admins_see_why(line: Line) {
        line.hears("Hi").await;
        line.graph.rule(Rule::fails(368));
        let ours = line.says("Hello").await;
        line.until_status(&ours, "failed").await;
        assert_eq!(line.health().await["code"], 368);
        let (agent, _) = line.app.agent("omar@example.com", Role::Agent).await;
        let path = format!("/api/admin/channels/{}/", line.channel);
        line.app.get(&path).bearer(&agent).send().await.problem(403, "forbidden");
        let fine = line.says("Again").await;
        line.until_status(&fine, "sent").await;
        assert_eq!(line.health().await, Value::Null, "what goes out again is well again");
    }

    async fn with_a_wrong_token_messages_wait_until_it_is_mended(line: Line) {
        line.hears("Hi").await;
        line.graph.serves(&Number::default().access_token("NEW-EXAMPLE-TOKEN"));
        let ours = line.says("Hello").await;
        line.graph.until_calls(Endpoint::Send, 1).await;
        let begun = Instant::now();
        while line.health().await["code"] != 190 {
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(line.message(&ours).await["status"], "queued");
        let edited = line.edit_channel(json!({"whatsapp": {"access_token": "NEW-EXAMPLE-TOKEN"}})).await;
        assert!(edited["whatsapp"]["has_access_token"] == true && !edited.to_string().contains("EXAMPLE-TOKEN"), "{edited}");
        patiently(&line, &ours, "sent").await;
        assert_eq!(line.health().await, Value::Null);
        assert_eq!((line.requests("Hello"), line.graph.sent().len()), (2, 1));
    }

    async fn what_is_temporary_is_tried_again_and_not_for_ever(line: Line) {
        line.hears("Hi").await;
        for (rule, text) in [(Rule::fails(131_000).times(2), "One"), (Rule::fails(2), "Two"), (Rule::page(502), "Three"), (Rule::page(503), "Four")] {
            line.graph.rule(rule);
            let ours = line.says(text).await;
            patiently(&line, &ours, "sent").await;
            assert_eq!(line.requests(text), if text == "One" { 3 } else { 2 });
        }
        line.graph.rule(Rule::fails(131_016).always());
        let ours = line.says("Never").await;
        let failed = patiently(&line, &ours, "failed").await;
        assert_eq!((failed["metadata"]["error"]["code"].as_i64(), line.requests("Never")), (Some(131_016), 6));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_reach_the_platform_goes_out_when_it_is_back() {
    let mut line = Line::start(Database::Sqlite).await;
    line.hears("Hi").await;
    let address = line.graph.base_url()["http://".len()..].to_owned();
    // Somewhere else meanwhile.
    drop(std::mem::replace(&mut line.graph, FakeWhatsapp::start().await));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ours = line.says("Hello").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(line.message(&ours).await["status"], "queued");
    line.graph = FakeWhatsapp::listen(&address).await.unwrap();
    line.graph.last_wrote(&Number::default(), &nadia(), Some(line.graph.now()));
    patiently(&line, &ours, "sent").await;
    assert_eq!(line.requests("Hello"), 1);
}

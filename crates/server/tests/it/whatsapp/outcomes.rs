//! Statuses that come early, late, twice or after a lost answer (sections 6 and 7).

use super::*;
use parlor_testkit::whatsapp::{Rule, Status};

with_whatsapp! {
    async fn a_status_that_comes_before_the_answer_is_not_lost(line: Line) {
        line.graph.reports(Reports::to(&line.hook).reading().before_answering());
        line.hears("Hi").await;
        let mut all = Vec::new();
        for number in 0..5 {
            all.push(line.says(&format!("Line {number}")).await);
        }
        for ours in &all {
            line.until_status(ours, "read").await;
        }
        line.graph.reports(Reports::to(&line.hook).only(&["read"]).before_answering());
        let ours = line.says("Read at once").await;
        line.until_status(&ours, "read").await;
        assert_eq!(line.graph.sent().len(), 6);
    }

    async fn statuses_only_rise_and_repeats_change_nothing(line: Line) {
        line.hears("Hi").await;
        let ours = line.says("Hello").await;
        let wamid = word(&line.until_status(&ours, "sent").await["whatsapp_message_id"]);
        line.receives(Status::delivered(&wamid)).await;
        let rev = line.message(&ours).await["rev"].clone();
        for again in [Status::delivered(&wamid), Status::sent(&wamid), Status::failed(&wamid, 131_026), Status::failed(&wamid, 131_026).without("errors")] {
            line.receives(again).await;
            let message = line.message(&ours).await;
            assert_eq!((&message["status"], &message["rev"], &message["metadata"]), (&json!("delivered"), &rev, &json!(null)));
        }
        line.receives([Status::read(&wamid), Status::read(&wamid), Status::delivered(&wamid)]).await;
        let read = line.message(&ours).await;
        assert_eq!((&read["status"], &read["is_read"]), (&json!("read"), &json!(true)));
        // Looked at at once: there is no `delivered` at all.
        let second = line.says("Still there?").await;
        let wamid = word(&line.until_status(&second, "sent").await["whatsapp_message_id"]);
        line.receives(Status::read(&wamid)).await;
        assert_eq!(line.message(&second).await["status"], "read");
        // What failed stays failed.
        let third = line.says("Well?").await;
        let wamid = word(&line.until_status(&third, "sent").await["whatsapp_message_id"]);
        line.receives([Status::failed(&wamid, 131_026).without("errors"), Status::delivered(&wamid), Status::read(&wamid)]).await;
        assert_eq!(line.message(&third).await["status"], "failed");
    }

    async fn what_nobody_knows_the_outcome_of_is_not_sent_again(line: Line) {
        line.hears("Hi").await;
        for (rule, text) in [(Rule::closes(), "Closed"), (Rule::closes_unread(), "Unread"), (Rule::page(500), "A page"), (Rule::accepts_and_closes(), "Accepted")] {
            line.graph.rule(rule);
            let ours = line.says(text).await;
            let unknown = line.until_status(&ours, "unknown").await;
            assert_eq!(unknown["whatsapp_message_id"], Value::Null);
            line.later(60);
            // It holds up nothing that comes after it.
            let next = line.says(&format!("After {text}")).await;
            line.until_status(&next, "sent").await;
            assert!(line.requests(text) <= 1, "{text}");
            assert_eq!(line.message(&ours).await["status"], "unknown");
        }
    }

    async fn a_status_finds_a_message_whose_answer_was_lost(line: Line) {
        line.hears("Hi").await;
        line.graph.rule(Rule::accepts_and_closes());
        let ours = line.says("Hello").await;
        line.until_status(&ours, "unknown").await;
        let sent = line.graph.sent().pop().unwrap();
        let (wamid, opaque) = (sent.wamid.clone().unwrap(), sent.opaque().unwrap().to_owned());
        let mut agent = line.listener().await;
        line.receives(Status::delivered(&wamid).opaque(&opaque)).await;
        let told = agent.event("conversation:message-updated").await;
        assert_eq!((&told["data"]["message"]["status"], &told["data"]["message"]["whatsapp_message_id"]), (&json!("delivered"), &json!(wamid)));
        line.receives(Status::read(&wamid)).await;
        assert_eq!(line.message(&ours).await["status"], "read", "from now on its id alone is enough");
        // The whole of it by itself, as the platform does it.
        line.reports();
        line.graph.rule(Rule::accepts_and_closes());
        let again = line.says("Hello again").await;
        line.until_status(&again, "read").await;
        assert_eq!(line.requests("Hello again"), 1);
        // Made-up data leads nowhere.
        for opaque in ["", "x", "a:b:c", "018f6a3e-5b1c-7000-8000-0000000000c9:018f6a3e-5b1c-7000-8000-0000000000c9:0", &format!("{opaque}:1"), &opaque.replace(":0", ":99999")] {
            line.receives(Status::failed("wamid.MADEUP", 131_026).opaque(opaque)).await;
        }
        assert_eq!(line.message(&ours).await["status"], "read");
    }
}

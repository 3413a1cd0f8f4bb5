//! Small signs for the customer: read, typing, reactions (section 7).

use super::*;

with_whatsapp! {
    async fn the_customer_sees_that_an_agent_has_read(line: Line) {
        line.hears("One").await;
        let newest = line.hears("Two").await;
        assert_eq!(line.graph.calls().len(), 0, "that it arrived is no reading");
        // This family reads by looking.
        line.live_messages().await;
        let calls = line.graph.until_calls(Endpoint::MarkRead, 1).await;
        assert_eq!((calls[0].words("/message_id"), calls[0].words("/status"), calls[0].body.get("typing_indicator")), (Some(newest.as_str()), Some("read"), None));
        line.live_messages().await;
        let path = format!("/api/admin/chat-rooms/{}/mark_as_read/", line.id().await);
        line.app.post(&path).bearer(&line.owner).send().await.expect(200);
        let third = line.hears("Three").await;
        line.app.post(&path).bearer(&line.owner).send().await.expect(200);
        let calls = line.graph.until_calls(Endpoint::MarkRead, 2).await;
        assert_eq!((calls[1].words("/message_id"), calls.len()), (Some(third.as_str()), 2));
        let (mut socket, fourth) = (line.listener().await, line.hears("Four").await);
        socket.done("conversation:read", json!({"conversation_id": line.id().await, "up_to_seq": 4})).await;
        assert_eq!(line.graph.until_calls(Endpoint::MarkRead, 3).await[2].words("/message_id"), Some(fourth.as_str()));
    }

    async fn the_customer_sees_that_an_agent_writes(line: Line) {
        let wamid = line.hears("Hi").await;
        let mut socket = line.listener().await;
        let typing = json!({"conversation_id": line.id().await, "state": "start"});
        for _ in 0..3 {
            socket.done("conversation:typing", typing.clone()).await;
        }
        let mut note = typing.clone();
        note["private"] = json!(true);
        socket.done("conversation:typing", note).await;
        let calls = line.graph.until_calls(Endpoint::MarkRead, 1).await;
        assert_eq!((calls[0].words("/message_id"), calls[0].words("/typing_indicator/type")), (Some(wamid.as_str()), Some("text")));
        line.later(20);
        socket.done("conversation:typing", typing).await;
        assert_eq!(line.graph.until_calls(Endpoint::MarkRead, 2).await.len(), 2, "at most every 20 seconds, and not for a note");
    }

    async fn an_agents_sign_goes_out(line: Line) {
        let wamid = line.hears("Thanks").await;
        let path = format!("/api/admin/chat-rooms/{}/messages/{}/reaction/", line.id().await, word(&line.last().await["id"]));
        for emoji in ["👍", ""] {
            line.app.post(&path).bearer(&line.owner).json(json!({"emoji": emoji})).send().await.expect(200);
            let count = line.graph.sent().len() + 1;
            let call = line.graph.until_sent(count).await.pop().unwrap();
            assert_eq!((call.kind(), call.words("/reaction/message_id"), call.words("/reaction/emoji")), (Some("reaction"), Some(wamid.as_str()), Some(emoji)));
        }
        assert_eq!(line.graph.sent().len(), 2);
    }
}

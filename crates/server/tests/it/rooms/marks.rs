//! What is read and what is not.

use super::{Desk, ROOMS, keys, read, room_of};
use crate::app::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

async fn mark(app: &TestApp, room: &str, body: Value) -> i64 {
    let answer = app.post(&format!("{ROOMS}{room}/mark_as_read/")).json(body).send().await.expect(200);
    assert_eq!(keys(&answer), ["unread_count"]);
    answer["unread_count"].as_i64().unwrap()
}

on_both! {
    async fn unread_counts_follow_what_was_said_and_read(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        app.say(&room, "Hello").await;
        for n in 1..=3 {
            desk.say(&room, &n.to_string()).await;
        }
        let unread = async || room_of(&app, &room).await["unread_count"].as_i64().unwrap();
        assert_eq!(unread().await, 3);
        read(&app, &room, "").await;
        assert_eq!(unread().await, 3, "reading the history marks nothing");
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 2})).await, 2);
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 1})).await, 2, "a mark never goes back");
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 0})).await, 2);
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 3, "visitor_id": "ignored"})).await, 1);
        let page = read(&app, &room, "").await;
        let is_read: Vec<_> = page["results"].as_array().unwrap().iter().map(|message| message["is_read"].as_bool().unwrap()).collect();
        assert_eq!(is_read, [true, true, true, false], "who answers has read; what came later is not read by the customer");
        assert_eq!(mark(&app, &room, json!({"up_to_seq": 99})).await, 0, "none passes the head");
        desk.say(&room, "4").await;
        assert_eq!(unread().await, 1);
        assert_eq!(app.post(&format!("{ROOMS}{room}/mark_as_read")).send().await.expect(200), json!({"unread_count": 0}), "without a body everything");
        desk.say(&room, "5").await;
        assert_eq!(mark(&app, &room, json!({"up_to_seq": null})).await, 0);
        desk.say(&room, "6").await;
        app.say(&room, "I am back").await;
        assert_eq!(unread().await, 0, "who writes has read");
        let rev = room_of(&app, &room).await["head_rev"].clone();
        assert_eq!(rev, 8, "marks take no number");
        for (wrong, field) in [(json!({"up_to_seq": -1}), "up_to_seq"), (json!({"up_to_seq": "x"}), "up_to_seq"), (json!({"up_to_seq": 1.5}), "up_to_seq")] {
            let problem = app.post(&format!("{ROOMS}{room}/mark_as_read/")).json(wrong).send().await.problem(400, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field);
        }
    }

    async fn what_the_team_has_read_is_read(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        app.say(&room, "one").await;
        app.say(&room, "two").await;
        let is_read = async || read(&app, &room, "").await["results"].as_array().unwrap().iter().map(|message| message["is_read"].as_bool().unwrap()).collect::<Vec<_>>();
        assert_eq!(is_read().await, [false, false]);
        desk.call(Method::POST, &room, "mark_as_read/", json!({"up_to_seq": 1})).await.expect(200);
        assert_eq!(is_read().await, [true, false]);
    }
}

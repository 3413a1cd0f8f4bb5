//! The history and what changed in it.

use super::{Desk, ROOMS, read, room_of, text, texts};
use reqwest::Method;
use serde_json::json;

on_both! {
    async fn a_history_is_paged_in_both_directions(app: TestApp) {
        let (room, _) = app.room().await;
        for n in 1..=7 {
            app.say(&room, &n.to_string()).await;
        }
        assert_eq!(texts(&read(&app, &room, "").await), ["1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!(texts(&read(&app, &room, "after_seq=5").await), ["6", "7"]);
        assert_eq!(texts(&read(&app, &room, "after_seq=7").await), [""; 0]);
        assert_eq!(texts(&read(&app, &room, "before_seq=3").await), ["1", "2"]);
        assert_eq!(texts(&read(&app, &room, "before_seq=6&limit=2").await), ["4", "5"], "the nearest, in their order");
        let walk = async |first: &str| {
            let mut pages = Vec::new();
            let mut query = first.to_owned();
            loop {
                let page = read(&app, &room, &query).await;
                pages.push(texts(&page).join(""));
                assert_eq!(page["head_seq"], 7);
                let Some(next) = page["next"].as_str() else { return pages };
                query = format!("limit=3&cursor={next}");
            }
        };
        assert_eq!(walk("limit=3").await, ["567", "234", "1"]);
        assert_eq!(walk("limit=3&after_seq=0").await, ["123", "456", "7"]);
        for wrong in ["limit=0", "limit=101", "limit=-1", "limit=x", "after_seq=-1", "before_seq=x", "after_seq=1&before_seq=2", "cursor=x", "cursor=%ff", "changed_after=-1", "changed_after=8"] {
            app.get(&format!("{ROOMS}{room}/get_messages/?{wrong}")).send().await.problem(400, "invalid_input");
        }
        app.get(&format!("{ROOMS}{room}/get_messages")).send().await.expect(200);
    }

    async fn a_polling_client_learns_every_change_once(app: TestApp) {
        let (room, _) = app.room().await;
        let desk = Desk::open(&app).await;
        let first = app.say(&room, "one").await;
        app.say(&room, "two").await;
        let start = read(&app, &room, "").await["head_rev"].as_i64().unwrap();
        assert_eq!(start, 2);
        let poll = async |after: i64| read(&app, &room, &format!("changed_after={after}")).await;
        let nothing = poll(start).await;
        assert_eq!((texts(&nothing).len(), &nothing["head_rev"], nothing.get("conversation")), (0, &json!(2), None));
        desk.say(&room, "three").await;
        desk.call(Method::PATCH, &room, &format!("messages/{}/", text(&first["id"])), json!({"message": "ONE"})).await.expect(200);
        let changed = poll(start).await;
        assert_eq!(texts(&changed), ["three", "ONE"], "in order of rev, each in its present form");
        assert_eq!(changed["head_rev"], 4);
        desk.call(Method::POST, &room, "labels/", json!({"labels": ["vip"]})).await.expect(200);
        desk.set_status(&room, "pending").await;
        assert_eq!(poll(4).await["head_rev"], 4, "internal changes have no number here");
        desk.set_status(&room, "resolved").await;
        let resolved = poll(4).await;
        assert_eq!((texts(&resolved).len(), &resolved["head_rev"]), (0, &json!(5)));
        assert_eq!(resolved["conversation"], json!({"id": room, "status": "resolved", "handled_by": "human", "subject": null}));
        app.say(&room, "four").await;
        let reopened = poll(5).await;
        assert_eq!((texts(&reopened), &reopened["head_rev"]), (vec!["four".to_owned()], &json!(6)), "message and reopening are one change");
        assert_eq!(room_of(&app, &room).await["status"], "open");
    }
}

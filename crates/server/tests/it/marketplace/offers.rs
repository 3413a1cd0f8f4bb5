//! Offers and test drives move on.

use super::{Person, customer, lines, seller, text, wrong_field};
use futures_util::future::join_all;
use parlor_domain::agent::Role;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::JobId;
use parlor_domain::job::Job;
use serde_json::{Value, json};
use std::time::Duration;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where a message stands, to one who looks.
async fn status(person: &Person<'_>, place: usize) -> String {
    text(&person.see("conv_1").await["messages"][place]["payload"]["status"]).to_owned()
}

/// Waits until a message stands there.
async fn becomes(person: &Person<'_>, place: usize, wanted: &str) {
    for _ in 0..300 {
        if status(person, place).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is still {}", status(person, place).await);
}

on_both! {
    async fn a_line_about_a_move_is_read_when_both_sides_have(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        for (number, decides, reads) in [(1, &mia, &nadia), (2, &nadia, &mia)] {
            reads.offer("conv_1", number, 100).await;
            decides.act("conv_1", &json!(number), "accept", json!({})).await.expect(200);
            let line = async || nadia.see("conv_1").await["messages"].as_array().unwrap().last().unwrap().clone();
            assert_eq!((&line().await["sender"], &line().await["isRead"]), (&json!("system"), &json!(false)));
            reads.read("conv_1").await.expect(200);
            assert_eq!(line().await["isRead"], true);
        }
    }

    async fn the_other_side_accepts_an_offer(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let made = nadia.offer("conv_1", 1, 18_000).await["message"].clone();
        assert_eq!((&made["type"], &made["text"], &made["payload"]["status"], &made["payload"]["offerPrice"]), (&json!("offer"), &json!("Offer: 18000"), &json!("pending"), &json!(18_000)));
        assert!(made["payload"]["expiresAt"].is_string());
        nadia.act("conv_1", &json!(1), "accept", json!({})).await.problem(403, "forbidden");
        mia.act("conv_1", &json!(1), "withdraw", json!({})).await.problem(403, "forbidden");
        mia.act("conv_1", &json!(1), "confirm", json!({})).await.problem(409, "conflict");
        let accepted = mia.act("conv_1", &json!(1), "accept", json!({})).await.expect(200);
        assert_eq!((&accepted["conversationId"], &accepted["message"]["payload"]["status"], &accepted["message"]["id"]), (&json!("conv_1"), &json!("accepted"), &json!(1)));
        assert_eq!(accepted["rev"], 2);
        assert_eq!(lines(&accepted["conversation"]), ["user: Offer: 18000", "system: mia accepted the offer of 18000."]);
        for (person, action) in [(&mia, "accept"), (&mia, "decline"), (&nadia, "withdraw")] {
            person.act("conv_1", &json!(1), action, json!({})).await.problem(409, "conflict");
        }
        assert_eq!(nadia.send("conv_1", json!({"id": 1, "type": "offer", "payload": {"offerPrice": 18_000}})).await.status, 200, "a repeat after the decision is still the same");
    }

    async fn of_many_who_accept_at_once_one_wins(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.offer("conv_1", 1, 18_000).await;
        let one = json!(1);
        let answers = join_all((0..50).map(|_| mia.act("conv_1", &one, "accept", json!({})))).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(200), count(409)), (1, 49));
        assert_eq!(lines(&nadia.see("conv_1").await).len(), 2);
    }

    async fn a_counter_offer_points_to_the_old_one(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let offer = nadia.offer("conv_1", 1, 18_000).await["message"].clone();
        assert_eq!(wrong_field(mia.act("conv_1", &json!(1), "counter", json!({})).await), "offerPrice");
        assert_eq!(wrong_field(mia.act("conv_1", &json!(1), "counter", json!({"offerPrice": -5})).await), "offerPrice");
        let countered = mia.act("conv_1", &offer["messageId"], "counter", json!({"offerPrice": 18_500.5})).await.expect(200);
        assert_eq!(countered["message"]["payload"]["status"], "countered");
        let answer = countered["conversation"]["messages"][2].clone();
        assert_eq!((&answer["type"], &answer["sender"], &answer["payload"]["offerPrice"]), (&json!("offer"), &json!("seller"), &json!(18_500.5)));
        assert_eq!((&answer["payload"]["counterOf"], &answer["payload"]["status"]), (&offer["messageId"], &json!("pending")));
        mia.act("conv_1", &answer["id"], "accept", json!({})).await.problem(403, "forbidden");
        let accepted = nadia.act("conv_1", &answer["id"], "accept", json!({})).await.expect(200);
        assert_eq!((&accepted["message"]["payload"]["status"], status(&mia, 0).await.as_str()), (&json!("accepted"), "countered"));
    }

    async fn only_its_author_takes_an_offer_back(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.offer("conv_1", 1, 18_000).await;
        mia.offer("conv_1", 1, 19_000).await;
        let mine = mia.act("conv_1", &json!(1), "withdraw", json!({})).await.expect(200);
        assert_eq!((&mine["message"]["sender"], &mine["message"]["payload"]["status"]), (&json!("seller"), &json!("withdrawn")), "of two with one number the own one is meant");
        let theirs = mia.act("conv_1", &json!(1), "decline", json!({})).await.expect(200);
        assert_eq!((&theirs["message"]["sender"], &theirs["message"]["payload"]["status"]), (&json!("user"), &json!("declined")));
    }

    async fn an_offer_expires_by_itself(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.offer("conv_1", 1, 18_000).await;
        let soon = Timestamp(app.state().clock.now().millis() + 3_600_000).to_rfc3339();
        nadia.send("conv_1", json!({"id": 2, "type": "offer", "payload": {"offerPrice": 17_000, "expiresAt": soon}})).await.expect(201);
        nadia.offer("conv_1", 3, 16_000).await;
        mia.act("conv_1", &json!(3), "accept", json!({})).await.expect(200);
        app.clock.advance(Duration::from_secs(3_601));
        becomes(&mia, 1, "expired").await;
        mia.act("conv_1", &json!(2), "accept", json!({})).await.problem(409, "conflict");
        assert_eq!((status(&mia, 0).await.as_str(), lines(&mia.see("conv_1").await)[4].as_str()), ("pending", "system: The offer of 17000 has expired."));
    }

    async fn an_offer_whose_time_is_over_is_not_accepted(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.send("conv_1", json!({"id": 1, "type": "offer", "payload": {"offerPrice": 17_000, "expiresAt": "2020-01-01T00:00:00Z"}})).await.expect(201);
        mia.act("conv_1", &json!(1), "accept", json!({})).await.problem(409, "conflict");
        becomes(&mia, 0, "expired").await;
        // Which says that it was not accepted at the last moment.
        assert_eq!(lines(&nadia.see("conv_1").await)[1], "system: The offer of 17000 has expired.");
    }

    async fn test_drives_are_confirmed_declined_moved_and_withdrawn(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        let ask = async |id: u64| {
            let drive = json!({"id": id, "sender": "user", "type": "test_drive_request", "appointment": {"startsAt": "2026-11-24T14:00:00Z", "place": "Vienna"}});
            nadia.send("conv_1", drive).await.expect(201)["message"].clone()
        };
        let asked = ask(1).await;
        assert_eq!((&asked["type"], &asked["text"], &asked["payload"]["status"], &asked["payload"]), (&json!("test_drive_request"), &json!("Test drive request"), &json!("requested"), &asked["appointment"]));
        mia.act("conv_1", &json!(1), "accept", json!({})).await.problem(409, "conflict");
        nadia.act("conv_1", &json!(1), "confirm", json!({})).await.problem(403, "forbidden");
        assert_eq!(mia.act("conv_1", &json!(1), "confirm", json!({})).await.expect(200)["message"]["payload"]["status"], "confirmed");
        for (id, who, action) in [(2, &mia, "decline"), (3, &nadia, "withdraw")] {
            ask(id).await;
            let moved = who.act("conv_1", &json!(id), action, json!({})).await.expect(200);
            assert!(text(&moved["message"]["appointment"]["status"]).starts_with(action));
        }
        let asked = ask(4).await;
        for wrong in [json!({}), json!({"startsAt": "noon"})] {
            assert_eq!(wrong_field(mia.act("conv_1", &json!(4), "reschedule", wrong).await), "startsAt");
        }
        let moved = mia.act("conv_1", &json!(4), "reschedule", json!({"startsAt": "2026-11-25T10:00:00+01:00"})).await.expect(200);
        assert_eq!(moved["message"]["payload"]["status"], "rescheduled");
        let messages = moved["conversation"]["messages"].as_array().unwrap();
        let answer = messages.last().unwrap();
        assert_eq!((&answer["payload"]["startsAt"], &answer["payload"]["place"]), (&json!("2026-11-25T09:00:00.000Z"), &json!("Vienna")));
        assert_eq!((&answer["payload"]["rescheduleOf"], &answer["sender"]), (&asked["messageId"], &json!("seller")));
        assert_eq!(nadia.act("conv_1", &answer["id"], "confirm", json!({})).await.expect(200)["message"]["payload"]["status"], "confirmed");
    }

    async fn what_is_no_offer_does_not_move(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        nadia.begin("conv_1", &mia.email).await;
        nadia.say("conv_1", 1, "Hello!").await;
        mia.act("conv_1", &json!(1), "accept", json!({})).await.problem(409, "conflict");
        mia.act("conv_1", &json!(2), "accept", json!({})).await.problem(404, "not_found");
        for wrong in [json!(0), json!("x"), Value::Null, json!([1])] {
            assert_eq!(wrong_field(mia.act("conv_1", &wrong, "accept", json!({})).await), "messageId", "{wrong}");
        }
        assert_eq!(wrong_field(mia.act("conv_1", &json!(1), "steal", json!({})).await), "action");
    }

    async fn an_expiry_that_gave_up_is_tried_again_by_an_admin(app: TestApp) {
        let (nadia, mia) = (customer(&app, "nadia"), seller(&app, "mia"));
        app.agent("ada@example.com", Role::Admin).await;
        nadia.begin("conv_1", &mia.email).await;
        let offer = nadia.offer("conv_1", 1, 18_000).await;
        let id = JobId(text(&offer["message"]["messageId"]).parse().unwrap());
        let (state, home) = (app.state(), app.state().workspaces.list().await.unwrap()[0].id);
        let work = state.store.begin().await.unwrap();
        let job = work.jobs().find(home, id).await.unwrap().unwrap();
        work.jobs().delete(id).await.unwrap();
        let gave_up = Job { attempts: 8, dead_at: Some(state.clock.now()), ..job };
        work.jobs().insert(&gave_up).await.unwrap();
        work.commit().await.unwrap();
        app.clock.advance(WEEK);
        let login = json!({"username": "ada@example.com", "password": "correct horse battery"});
        let admin = app.post("/api/admin/auth/login/").json(login).send().await.expect(200);
        let admin = text(&admin["access"]);
        let dead = app.get("/api/admin/jobs/?state=dead").bearer(admin).send().await.expect(200);
        assert_eq!((&dead["results"][0]["kind"], &dead["results"][0]["id"]), (&json!("offer_expiry"), &json!(id.to_string())));
        assert_eq!(status(&mia, 0).await, "pending");
        app.post(&format!("/api/admin/jobs/{id}/replay/")).bearer(admin).send().await.expect(200);
        becomes(&mia, 0, "expired").await;
    }
}

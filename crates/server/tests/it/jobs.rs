//! Follow-up work that gave up: admins see it and have it tried again.

use crate::app::TestApp;
use parlor_domain::agent::Role;
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{ConversationId, JobId, WorkspaceId};
use parlor_domain::job::{Job, JobKind};
use parlor_domain::text::Name;
use serde_json::json;
use uuid::Uuid;

const JOBS: &str = "/api/admin/jobs/";

/// A job of a conversation that is not there, dead or due in an hour.
async fn job(app: &TestApp, workspace: WorkspaceId, number: u128, dead: bool) -> String {
    let now = app.state().clock.now();
    let job = Job {
        id: JobId(Uuid::from_u128(number)),
        workspace_id: workspace,
        conversation_id: ConversationId(Uuid::from_u128(number + 1_000)),
        kind: JobKind::AssistantAnswer,
        payload: None,
        attempts: 8,
        run_at: Timestamp(now.millis() + 3_600_000),
        claim: None,
        last_error: Some("the database is not available".to_owned()),
        dead_at: dead.then_some(Timestamp(1_000 + i64::try_from(number).unwrap())),
        created_at: Timestamp(0),
    };
    let work = app.state().store.begin().await.unwrap();
    work.jobs().insert(&job).await.unwrap();
    work.commit().await.unwrap();
    job.id.to_string()
}

on_both! {
    async fn dead_jobs_are_listed_and_tried_again(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let home = app.state().workspaces.list().await.unwrap()[0].id;
        let far = app.state().workspaces.create(Name::parse("other").unwrap()).await.unwrap().0.id;
        let (foreigner, _) = app.agent_in(far, "eve@example.com", Role::Owner).await;
        assert_eq!(app.get(JOBS).bearer(&admin).send().await.expect(200), json!({"results": [], "next": null}));
        let (older, newer) = (job(&app, home, 1, true).await, job(&app, home, 2, true).await);
        let waiting = job(&app, home, 3, false).await;
        job(&app, far, 4, true).await;

        let first = app.get(&format!("{JOBS}?state=dead&limit=1")).bearer(&admin).send().await.expect(200);
        assert_eq!(first["results"], json!([{
            "id": newer, "kind": "assistant_answer", "conversation_id": Uuid::from_u128(1_002), "attempts": 8, "last_error": "the database is not available",
            "created_at": "1970-01-01T00:00:00.000Z", "dead_at": "1970-01-01T00:00:01.002Z"
        }]));
        let rest = app.get(&format!("{JOBS}?cursor={}", first["next"].as_str().unwrap())).bearer(&admin).send().await.expect(200);
        assert_eq!((&rest["results"][0]["id"], rest["results"].as_array().unwrap().len(), &rest["next"]), (&json!(older), 1, &json!(null)));
        app.get(&format!("{JOBS}?state=done")).bearer(&admin).send().await.problem(400, "invalid_input");

        let replay = |token: &str, id: &str| app.post(&format!("{JOBS}{id}/replay/")).bearer(token).send();
        app.get(JOBS).bearer(&agent).send().await.problem(403, "forbidden");
        replay(&agent, &older).await.problem(403, "forbidden");
        replay(&foreigner, &older).await.problem(404, "not_found");
        let row = replay(&admin, &older).await.expect(200);
        assert_eq!((&row["id"], &row["attempts"], &row["dead_at"]), (&json!(older), &json!(0), &json!(null)));
        for id in [older.as_str(), waiting.as_str(), "x"] {
            replay(&admin, id).await.problem(404, "not_found");
        }
        let left = app.get(JOBS).bearer(&admin).send().await.expect(200);
        assert_eq!((&left["results"][0]["id"], left["results"].as_array().unwrap().len()), (&json!(newer), 1));
    }
}

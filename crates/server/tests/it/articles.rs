//! Help articles: managing them, and bringing in a folder of them.

use crate::app::{Answer, TestApp};
use parlor_domain::agent::Role;
use parlor_domain::text::Name;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const ARTICLES: &str = "/api/admin/articles/";
const NOBODY: &str = "018f6a3e-5b1c-7000-8000-000000000077";

fn wrong_field(answer: Answer, field: &str) {
    let problem = answer.problem(400, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
}

fn path_of(article: &Value) -> String {
    format!("{ARTICLES}{}/", article["id"].as_str().unwrap())
}

on_both! {
    async fn admins_write_articles_and_agents_read_them(app: TestApp) {
        let (agent, _) = app.agent("omar@example.com", Role::Agent).await;
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let create = |body: Value| app.post(ARTICLES).bearer(&admin).json(body).send();
        let refunds = create(json!({"title": " How refunds work ", "body": "Three **days**."})).await.expect(201);
        assert_eq!((&refunds["slug"], &refunds["title"], &refunds["body"], &refunds["published"]), (&json!("how-refunds-work"), &json!("How refunds work"), &json!("Three **days**."), &json!(true)));
        let draft = create(json!({"title": "日本", "body": "x", "slug": "japan", "published": false})).await.expect(201);
        assert_eq!(draft["published"], false);
        app.post(ARTICLES).bearer(&agent).json(json!({"title": "A", "body": "b"})).send().await.problem(403, "forbidden");

        let first = app.get(&format!("{ARTICLES}?limit=1")).bearer(&agent).send().await.expect(200);
        assert_eq!(first["results"], json!([draft]), "newest first, drafts included");
        let rest = app.get(&format!("{ARTICLES}?cursor={}", first["next"].as_str().unwrap())).bearer(&agent).send().await.expect(200);
        assert_eq!(rest, json!({"results": [refunds], "next": null}));

        let path = path_of(&refunds);
        assert_eq!(app.get(&path).bearer(&agent).send().await.expect(200), refunds);
        app.patch(&path).bearer(&agent).json(json!({"title": "B"})).send().await.problem(403, "forbidden");
        app.delete(&path).bearer(&agent).send().await.problem(403, "forbidden");
        let changed = app.patch(&path).bearer(&admin).json(json!({"body": "Five days.", "published": false})).send().await.expect(200);
        assert_eq!((&changed["title"], &changed["body"], &changed["slug"], &changed["published"]), (&refunds["title"], &json!("Five days."), &refunds["slug"], &json!(false)));
        assert_eq!(app.delete(&path).bearer(&admin).send().await.status, 204);
        for call in [app.get(&path), app.delete(&path), app.patch(&path).json(json!({"title": "x"}))] {
            call.bearer(&admin).send().await.problem(404, "not_found");
        }
    }

    async fn an_address_belongs_to_one_article_of_a_workspace(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let far = app.state().workspaces.create(Name::parse("other").unwrap()).await.unwrap().0.id;
        let (foreigner, _) = app.agent_in(far, "eve@example.com", Role::Owner).await;
        let create = |token: &str, slug: &str| app.post(ARTICLES).bearer(token).json(json!({"title": "A", "body": "b", "slug": slug})).send();
        let one = create(&admin, "one").await.expect(201);
        let two = create(&admin, "two").await.expect(201);
        let taken = create(&admin, "one").await.problem(409, "conflict");
        assert!(taken["detail"].as_str().unwrap().contains("choose another"), "{taken}");
        app.patch(&path_of(&two)).bearer(&admin).json(json!({"slug": "one"})).send().await.problem(409, "conflict");
        app.patch(&path_of(&one)).bearer(&admin).json(json!({"slug": "one"})).send().await.expect(200);
        create(&foreigner, "one").await.expect(201);
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            app.call(method, &path_of(&one)).bearer(&foreigner).json(json!({})).send().await.problem(404, "not_found");
        }
    }

    async fn wrong_articles_are_refused_by_field(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let good = json!({"title": "A", "body": "b"});
        let made = app.post(ARTICLES).bearer(&admin).json(good.clone()).send().await.expect(201);
        for (field, value) in [
            ("title", json!(" ")), ("title", json!("x".repeat(501))), ("body", json!("\n")), ("body", json!("a\u{0}")), ("body", json!("x".repeat(100_001))),
            ("slug", json!("A b")), ("slug", json!("-a")), ("slug", json!("x".repeat(101))), ("published", json!("yes")), ("author", json!("x")),
        ] {
            let mut body = good.clone();
            body[field] = value.clone();
            wrong_field(app.post(ARTICLES).bearer(&admin).json(body).send().await, field);
            wrong_field(app.patch(&path_of(&made)).bearer(&admin).json(json!({field: value})).send().await, field);
        }
        wrong_field(app.post(ARTICLES).bearer(&admin).json(json!({"title": "日本", "body": "b"})).send().await, "slug");
        app.get(&format!("{ARTICLES}{NOBODY}/")).bearer(&admin).send().await.problem(404, "not_found");
    }
}

fn parlor(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOR_")) {
        command.env_remove(name);
    }
    command.env("PARLOR_DATA_DIR", data).args(args).output().unwrap()
}

fn import(data: &Path, folder: &Path) -> String {
    let output = parlor(data, &["articles", "import", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_folder_is_brought_in_and_again() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("Opening hours.md", b"# When we are open\n\nFrom nine to five.\n");
    write("notes.md", b"\xef\xbb\xbfNo heading.");
    write("picture.png", b"\x00");
    assert_eq!(import(data.path(), folder.path()), "created: 2, changed: 0, unchanged: 0");
    assert_eq!(import(data.path(), folder.path()), "created: 0, changed: 0, unchanged: 2");
    write("notes.md", b"# Notes\n\nNow with a heading.");
    assert_eq!(import(data.path(), folder.path()), "created: 0, changed: 1, unchanged: 1");

    write("another.md", b"# Another\n\nGood.");
    for (name, text) in [
        ("zz.md", &b"\xff"[..]),
        ("zz.md", b"# Only a title\n"),
        ("日本.md", b"x"),
        ("opening-hours.md", b"# Twice\n\nx"),
    ] {
        write(name, text);
        let output = parlor(data.path(), &["articles", "import", folder.path().to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(name), "{name} is named: {said}");
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(
        import(data.path(), folder.path()),
        "created: 1, changed: 0, unchanged: 2",
        "a refused folder stores nothing"
    );

    let empty = tempfile::tempdir().unwrap();
    for (folder, why) in [
        (empty.path().to_owned(), "no .md file"),
        (empty.path().join("missing"), "cannot read the folder"),
    ] {
        let output = parlor(data.path(), &["articles", "import", folder.to_str().unwrap()]);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains(why));
    }
    let output = parlor(data.path(), &["articles", "import", folder.path().to_str().unwrap(), "--workspace", "nowhere"]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("no workspace nowhere"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_come_in_beside_a_running_server() {
    let app = TestApp::start(crate::app::Database::Sqlite).await;
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/help-articles");
    assert_eq!(import(app.folder(), &samples), "created: 60, changed: 0, unchanged: 0");
    let page = app.get("/help/refunds").send().await;
    assert!(page.status == 200 && page.text.contains("<h1>Refunds</h1>"), "{}", page.text);
}

//! Help articles as pages: whatever stands in them, a page does nothing but show text.

use crate::app::Answer;
use parlor_domain::agent::Role;
use parlor_domain::text::Name;
use serde_json::json;

/// No script, style, picture, frame or form may come in by an article.
fn is_a_plain_page(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let page = answer.text.to_lowercase();
    let known = [
        "!doctype",
        "html",
        "head",
        "meta",
        "title",
        "link",
        "body",
        "main",
        "h1",
        "h2",
        "p",
        "footer",
        "time",
        "a",
        "strong",
        "em",
        "ul",
        "ol",
        "li",
        "code",
        "pre",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "blockquote",
        "del",
        "hr",
        "br",
    ];
    for tag in page.split('<').skip(1) {
        let name = tag.trim_start_matches('/').split([' ', '>', '/', '\n']).next().unwrap();
        assert!(known.contains(&name), "<{name}> in {page}");
        let attributes = tag.split('>').next().unwrap();
        assert!(
            !attributes.contains(" on") && !attributes.contains("style=") && !attributes.contains("src="),
            "<{attributes}> in {page}"
        );
        if name == "a" && tag.contains("href=") {
            let target = attributes.split("href=\"").nth(1).unwrap();
            assert!(
                ["https://", "http://", "mailto:", "/help/"].iter().any(|good| target.starts_with(good)) && attributes.contains("rel=\"nofollow noopener\""),
                "<{attributes}>"
            );
        }
    }
}

on_both! {
    async fn a_published_article_is_a_page(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let create = |title: &str, body: &str, published: bool| app.post("/api/admin/articles/").bearer(&admin).json(json!({"title": title, "body": body, "published": published})).send();
        let made = create("Refunds & <more>", "Takes **three** days, see [returns](/help/returns).\n\n# When\n\n| a |\n|:-:|\n| b |", true).await.expect(201);
        create("Draft", "x", false).await.expect(201);
        let page = app.get("/help/refunds-more").send().await;
        assert_eq!(page.status, 200);
        is_a_plain_page(&page);
        for part in ["<title>Refunds &amp; &lt;more&gt; – Help</title>", "<h1>Refunds &amp; &lt;more&gt;</h1>", "<strong>three</strong>", "href=\"/help/returns\"", "<h2>When</h2>", "<td>b</td>", "lang=\"en\""] {
            assert!(page.text.contains(part), "{part}: {}", page.text);
        }
        assert_eq!(app.get("/help/refunds-more/").send().await.status, 200, "also with its last slash");
        for unknown in ["/help/draft", "/help/nothing", "/help/Refunds", "/help/%00", "/help/%FF", "/help/%3Cscript%3E", "/help/refunds-more?channel=x"] {
            let answer = app.get(unknown).send().await;
            assert_eq!(answer.status, 404, "{unknown}");
            is_a_plain_page(&answer);
            assert!(answer.text.contains("There is no such article") && answer.text.contains("chat"), "it says what to do: {}", answer.text);
        }
        app.post("/help/refunds-more").send().await.problem(405, "method_not_allowed");
        app.patch(&format!("/api/admin/articles/{}/", made["id"].as_str().unwrap())).bearer(&admin).json(json!({"published": false})).send().await.expect(200);
        assert_eq!(app.get("/help/refunds-more").send().await.status, 404);
    }

    async fn malicious_articles_do_nothing(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let bodies = [
            "<script>alert(1)</script>", "Text <script src=\"https://evil.example.com/x.js\"></script>", "[a](javascript:alert(1)) [b](JAVASCRIPT&colon;alert(1)) <javascript:alert(1)>",
            "<img src=x onerror=\"alert(1)\">", "<p onclick=alert(1)>hi</p>", "[a](data:text/html;base64,PHNjcmlwdD4=) ![b](data:image/svg+xml,<svg/onload=alert(1)>)",
            "<!-- <script>alert(1)</script> -->", "<!--\n\n[a](javascript:alert(1))\n\n-->", "![x](https://evil.example.com/pixel.png)", "<style>body{display:none}</style>",
            "<iframe src=//evil.example.com></iframe><form action=//evil.example.com><button>", "</main></body><script>alert(1)</script>", "```\"><script>alert(1)</script>\n</code></pre><script>\n```",
            "[a](https://example.com/\"onmouseover=\"alert(1) \"t\\\" onclick=alert(1)\")", "| <b onclick=x> |\n|:-:|\n| <script> |", "<a href=\"java\nscript:alert(1)\">x</a>", "<meta http-equiv=refresh content=0>", "<base href=//evil.example.com>",
        ];
        for (number, body) in bodies.iter().enumerate() {
            let title = "</title><script>alert(1)</script>\" onload=\"x";
            app.post("/api/admin/articles/").bearer(&admin).json(json!({"title": title, "body": body, "slug": format!("a{number}")})).send().await.expect(201);
            let page = app.get(&format!("/help/a{number}")).send().await;
            assert_eq!(page.status, 200, "{body}");
            is_a_plain_page(&page);
        }
    }

    async fn each_workspace_has_its_own_help(app: TestApp) {
        let (admin, _) = app.agent("ada@example.com", Role::Admin).await;
        let (far, _) = app.state().workspaces.create(Name::parse("other").unwrap()).await.unwrap();
        let (foreigner, _) = app.agent_in(far.id, "eve@example.com", Role::Owner).await;
        let shop = json!({"kind": "web", "name": "Shop", "origins": ["https://shop.example.com"]});
        let channel = app.post("/api/admin/channels/").bearer(&foreigner).json(shop).send().await.expect(201)["id"].as_str().unwrap().to_owned();
        for (token, body) in [(&admin, "Here."), (&foreigner, "There, see [more](/help/more).")] {
            app.post("/api/admin/articles/").bearer(token).json(json!({"title": "Where", "body": body})).send().await.expect(201);
        }
        assert!(app.get("/help/where").send().await.text.contains("Here."));
        let there = app.get(&format!("/help/where?channel={}", channel)).send().await;
        assert!(there.text.contains("There,") && there.text.contains(&format!("/help/more?channel={}", channel)), "{}", there.text);
        assert!(app.get("/help/where").header("origin", "https://shop.example.com").send().await.text.contains("There,"));
    }
}

//! The service of help articles, and how well it answers.

use super::articles::{body, slug, with_any};
use super::{Harness, line};
use crate::{FixedClock, SequentialIds};
use parlor_domain::article::{ArticleBody, ArticleError, ArticleService, EditArticle, Imported, NewArticle, Slug, terms_of};
use parlor_domain::page::Limit;
use parlor_domain::text::Line;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn service(harness: &Harness) -> ArticleService {
    ArticleService::new(Arc::clone(&harness.store), Arc::new(FixedClock::default()), Arc::new(SequentialIds::new()))
}

/// The service makes, changes, shows and removes articles, and says what stands in the way.
pub async fn articles_are_written_and_read(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let service = service(harness);
    let new = |title: &str, given: Option<&str>, published| NewArticle {
        slug: given.map(slug),
        title: line(title),
        body: body("Five days."),
        published,
    };
    let refunds = service.create(workspace.id, new("How refunds work!", None, true)).await.unwrap();
    assert_eq!(refunds.slug.as_str(), "how-refunds-work");
    let draft = service.create(workspace.id, new("下書き", Some("draft"), false)).await.unwrap();
    let taken = service.create(workspace.id, new("How refunds work", None, true)).await;
    assert!(matches!(taken, Err(ArticleError::SlugTaken)), "{taken:?}");
    let nameless = service.create(workspace.id, new("下書き", None, true)).await;
    assert!(matches!(nameless, Err(ArticleError::SlugMissing)), "{nameless:?}");

    assert_eq!(service.get(workspace.id, draft.id).await.unwrap(), draft);
    assert_eq!(service.by_slug(workspace.id, &refunds.slug).await.unwrap(), refunds);
    assert!(matches!(service.by_slug(workspace.id, &draft.slug).await, Err(ArticleError::NotFound)));
    assert_eq!(service.list(workspace.id, None, Limit::DEFAULT).await.unwrap().items.len(), 2);

    let edit = EditArticle {
        slug: Some(refunds.slug.clone()),
        ..EditArticle::default()
    };
    assert!(matches!(service.edit(workspace.id, draft.id, edit).await, Err(ArticleError::SlugTaken)));
    let edit = EditArticle {
        body: Some(body("Nobody knows tomorrow.")),
        published: Some(true),
        ..EditArticle::default()
    };
    let edited = service.edit(workspace.id, draft.id, edit).await.unwrap();
    assert_eq!((edited.slug.as_str(), edited.published), ("draft", true));
    let found = service.search(workspace.id, "Who knows about tomorrow?", 5).await.unwrap();
    assert_eq!(found.iter().map(|found| found.article_id).collect::<Vec<_>>(), [draft.id]);
    assert_eq!(found[0].text, "Nobody knows tomorrow.");
    assert_eq!(service.search(workspace.id, "?!", 5).await.unwrap(), []);
    assert_eq!(service.search(workspace.id, "tomorrow five days refunds", 1).await.unwrap().len(), 1);
    let endless = "refund ".repeat(1_000) + &(0..3_000).map(|word| format!("word{word} ")).collect::<String>();
    assert_eq!(service.search(workspace.id, &endless, 5).await.unwrap().len(), 1);

    service.delete(workspace.id, draft.id).await.unwrap();
    assert!(matches!(service.delete(workspace.id, draft.id).await, Err(ArticleError::NotFound)));
    assert!(matches!(service.get(workspace.id, draft.id).await, Err(ArticleError::NotFound)));
}

/// An import makes what is new, changes what is different, and leaves alone what is the same.
pub async fn an_import_brings_articles_to_what_is_given(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let service = service(harness);
    let given = |texts: &[(&str, &str)]| texts.iter().map(|(name, text)| (slug(name), line(name), body(text))).collect::<Vec<_>>();
    let imported = |created, changed, unchanged| Imported { created, changed, unchanged };
    let first = given(&[("a", "alpha"), ("b", "beta")]);
    assert_eq!(service.import(workspace.id, first.clone()).await.unwrap(), imported(2, 0, 0));
    assert_eq!(service.import(workspace.id, first).await.unwrap(), imported(0, 0, 2));
    let b = service.by_slug(workspace.id, &slug("b")).await.unwrap();
    let hidden = EditArticle {
        published: Some(false),
        ..EditArticle::default()
    };
    service.edit(workspace.id, b.id, hidden).await.unwrap();
    let second = given(&[("a", "alpha"), ("b", "gamma"), ("c", "delta"), ("c", "epsilon")]);
    assert_eq!(service.import(workspace.id, second).await.unwrap(), imported(1, 2, 1));
    assert_eq!(with_any(harness, workspace.id, "alpha beta gamma delta epsilon").await, ["a", "c"]);
    let b = service.get(workspace.id, b.id).await.unwrap();
    assert_eq!((b.body.as_str(), b.published), ("gamma", false), "what was hidden stays hidden");
    assert_eq!(service.import(workspace.id, Vec::new()).await.unwrap(), imported(0, 0, 0));
}

/// The example articles: file name, title and text.
fn examples() -> Vec<(Slug, Line, ArticleBody)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/help-articles");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let (title, text) = text.trim_start().strip_prefix("# ").expect("a title").split_once('\n').expect("a text");
        (
            slug(file.file_stem().unwrap().to_str().unwrap()),
            Line::parse(title).unwrap(),
            body(text.trim()),
        )
    };
    files.iter().map(read).collect()
}

/// Questions that have no word of the right article's title still find it: nine of ten at least.
pub async fn the_right_article_answers(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let service = service(harness);
    let examples = examples();
    let titles: BTreeMap<String, String> = examples.iter().map(|(slug, title, _)| (slug.to_string(), title.to_string())).collect();
    service.import(workspace.id, examples).await.unwrap();

    let questions = include_str!("../../data/help_questions.tsv");
    let questions: Vec<(&str, &str)> = questions.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(questions.len() >= 50, "{} questions", questions.len());
    let mut misses = Vec::new();
    for (right, question) in &questions {
        let of_title = terms_of(titles.get(*right).unwrap_or_else(|| panic!("no article {right}")));
        let shared: Vec<String> = terms_of(question).into_iter().filter(|term| of_title.contains(term)).collect();
        assert!(shared.is_empty(), "{right}: the question has words of the title: {shared:?}");
        let found = service.search(workspace.id, question, 3).await.unwrap();
        if found.first().is_none_or(|first| first.slug.as_str() != *right) {
            let instead: Vec<String> = found.iter().map(|found| format!("{} ({})", found.slug, found.score)).collect();
            misses.push(format!("{right}: {question} -> {}", instead.join(", ")));
        }
    }
    assert!(
        misses.len() * 10 <= questions.len(),
        "{} of {}:\n{}",
        misses.len(),
        questions.len(),
        misses.join("\n")
    );
}

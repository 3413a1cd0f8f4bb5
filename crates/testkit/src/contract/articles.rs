//! Help articles and the index over their passages.

use super::paging::{place, times, walk};
use super::{HARD, Harness, later, line};
use crate::build::an_article;
use parlor_domain::article::{Article, ArticleBody, Passage, Slug, passages_of, terms_of};
use parlor_domain::id::WorkspaceId;
use parlor_domain::page::Limit;
use parlor_domain::store::RepositoryError;
use std::sync::Arc;

pub(super) fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

pub(super) fn body(text: &str) -> ArticleBody {
    ArticleBody::parse(text).unwrap()
}

async fn insert(harness: &Harness, articles: &[&Article]) {
    let work = harness.begin().await;
    for article in articles {
        work.articles().insert(article, &passages_of(article)).await.unwrap();
    }
    work.commit().await.unwrap();
}

async fn update(harness: &Harness, article: &Article) {
    let work = harness.begin().await;
    work.articles().update(article, &passages_of(article)).await.unwrap();
    work.commit().await.unwrap();
}

/// The addresses of the articles whose passages have any of the words.
pub(super) async fn with_any(harness: &Harness, workspace: WorkspaceId, words: &str) -> Vec<String> {
    let found = harness.read().await.articles().passages_with(workspace, &terms_of(words), 100).await.unwrap();
    let mut slugs: Vec<String> = found.into_iter().map(|found| found.slug.to_string()).collect();
    slugs.sort();
    slugs.dedup();
    slugs
}

/// All passages of a workspace, and those with each of the words.
async fn counted(harness: &Harness, workspace: WorkspaceId, words: &str) -> (u64, Vec<u64>) {
    let counts = harness.read().await.articles().term_counts(workspace, &terms_of(words)).await.unwrap();
    (counts.passages, counts.with_term)
}

/// An article comes back with every field, as it was made and as it was changed, and is gone once deleted.
pub async fn an_article_is_read_back(harness: &Harness) {
    let (here, there) = (harness.fixture().await.workspace, harness.fixture().await.workspace);
    let mut article = Article {
        title: line(HARD.trim()),
        body: ArticleBody::stored(format!("{HARD}\r\n\r\n{}", "long 日本 ".repeat(5_000))),
        updated_at: later(1),
        ..an_article(&here, "", "")
    };
    insert(harness, &[&article]).await;
    for change in [false, true] {
        if change {
            article = Article {
                slug: slug("another"),
                title: line("Another"),
                body: body("Other text"),
                published: false,
                updated_at: later(2),
                ..article
            };
            update(harness, &article).await;
        }
        let read = harness.read().await;
        let articles = read.articles();
        assert_eq!(articles.find(here.id, article.id).await.unwrap(), Some(article.clone()));
        assert_eq!(articles.find_by_slug(here.id, &article.slug).await.unwrap(), Some(article.clone()));
        assert_eq!(
            articles.list(here.id, None, Limit::DEFAULT).await.unwrap().items,
            std::slice::from_ref(&article)
        );
        assert_eq!(articles.find(there.id, article.id).await.unwrap(), None);
        assert_eq!(articles.find_by_slug(there.id, &article.slug).await.unwrap(), None);
        assert_eq!(articles.list(there.id, None, Limit::DEFAULT).await.unwrap().items, []);
    }
    let work = harness.begin().await;
    assert!(!work.articles().delete(there.id, article.id).await.unwrap());
    assert!(work.articles().delete(here.id, article.id).await.unwrap());
    assert!(!work.articles().delete(here.id, article.id).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(harness.read().await.articles().find(here.id, article.id).await.unwrap(), None);
}

/// An address is taken once in a workspace, and a conflict leaves the unit of work usable.
pub async fn an_address_is_unique_in_its_workspace(harness: &Harness) {
    let (here, there) = (harness.fixture().await.workspace, harness.fixture().await.workspace);
    let called = |article: Article| Article { slug: slug("same"), ..article };
    let first = called(an_article(&here, "First", "alpha"));
    let elsewhere = called(an_article(&there, "Elsewhere", "beta"));
    let mut second = an_article(&here, "Second", "gamma");
    insert(harness, &[&first, &elsewhere, &second]).await;

    let work = harness.begin().await;
    let articles = work.articles();
    let third = called(an_article(&here, "Third", "delta"));
    let refused = articles.insert(&third, &passages_of(&third)).await;
    assert!(matches!(refused, Err(RepositoryError::Conflict)), "{refused:?}");
    let renamed = called(second.clone());
    let refused = articles.update(&renamed, &passages_of(&renamed)).await;
    assert!(matches!(refused, Err(RepositoryError::Conflict)), "{refused:?}");
    second.title = line("Still second");
    articles.update(&second, &passages_of(&second)).await.unwrap();
    assert_eq!(articles.find(here.id, third.id).await.unwrap(), None);
    work.commit().await.unwrap();

    assert_eq!(harness.read().await.articles().find(here.id, second.id).await.unwrap(), Some(second.clone()));
    assert_eq!(with_any(harness, here.id, "alpha gamma delta").await, sorted(&[&first, &second]));
    // Under its own address an article is no conflict with itself.
    update(harness, &first).await;
}

fn sorted(articles: &[&Article]) -> Vec<String> {
    let mut slugs: Vec<String> = articles.iter().map(|article| article.slug.to_string()).collect();
    slugs.sort();
    slugs
}

/// Articles, newest first.
pub async fn articles_are_paged_without_hole_or_double(harness: &Harness) {
    let (here, there) = (harness.fixture().await.workspace, harness.fixture().await.workspace);
    let articles: Vec<Article> = times()
        .map(|created_at| Article {
            created_at,
            ..an_article(&here, "Page", "text")
        })
        .collect();
    insert(harness, &articles.iter().collect::<Vec<_>>()).await;
    insert(harness, &[&an_article(&there, "Page", "text")]).await;
    let cursor_of = |article: &Article| place(article.created_at, article.id.0);
    let read = harness.read().await;
    walk("articles", articles.iter().map(cursor_of).collect(), true, cursor_of, async |after, limit| {
        read.articles().list(here.id, after, limit).await
    })
    .await;
}

/// A passage is found by any of its words and comes as it was written, with its words in their order.
pub async fn a_passage_is_found_by_its_words(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let refunds = an_article(&workspace, "Refunds", "Money comes back.\n\n## When\n\nWithin days, days and days.");
    let shipping = an_article(&workspace, "Shipping", "A parcel takes days.");
    insert(harness, &[&refunds, &shipping]).await;

    let read = harness.read().await;
    let articles = read.articles();
    let found = articles.passages_with(workspace.id, &terms_of("money parcel"), 10).await.unwrap();
    assert_eq!(found.len(), 2);
    let [first, ..] = &passages_of(&refunds)[..] else { panic!("no passage") };
    let money = found.iter().find(|found| found.article_id == refunds.id).unwrap();
    assert_eq!((&money.slug, money.title.as_str(), &money.passage), (&refunds.slug, "Refunds", first));
    assert_eq!(with_any(harness, workspace.id, "days").await, sorted(&[&refunds, &shipping]));
    assert_eq!(
        with_any(harness, workspace.id, "refunding").await,
        sorted(&[&refunds]),
        "by its title, and by its stem"
    );
    assert_eq!(with_any(harness, workspace.id, "helicopter").await, [""; 0]);
    assert_eq!(articles.passages_with(workspace.id, &[], 10).await.unwrap(), []);
    assert_eq!(articles.passages_with(workspace.id, &terms_of("days"), 1).await.unwrap().len(), 1);
    // In the order that was asked for, doubles and strangers included; a word that is said often is one passage.
    assert_eq!(
        counted(harness, workspace.id, "days helicopter refund days money").await,
        (3, vec![2, 0, 1, 2, 1])
    );
    assert_eq!(counted(harness, workspace.id, "").await, (3, vec![]));
}

/// Of more passages than asked for those come that have more of the words.
pub async fn the_likeliest_passages_come_first(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let best = an_article(&workspace, "Best", "alpha beta gamma delta");
    let others: Vec<Article> = (0..30).map(|_| an_article(&workspace, "Other", "alpha and much else besides")).collect();
    insert(harness, &others.iter().chain([&best]).collect::<Vec<_>>()).await;
    let read = harness.read().await;
    let found = read
        .articles()
        .passages_with(workspace.id, &terms_of("alpha beta gamma delta"), 3)
        .await
        .unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.iter().any(|found| found.article_id == best.id));
}

/// Words of any script, words that mean something to a query, long ones and many: each is found and counted as itself.
pub async fn words_of_all_kinds_are_found(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let words = [
        "and",
        "or",
        "not",
        "near",
        "null",
        "terms",
        "workspace",
        "1e5",
        "0x10",
        "42",
        "größe",
        "żółć",
        "日本",
        "ценá",
        "हिन्दी",
        "ß",
        "ﬁ",
        "½",
        "i̇",
    ];
    let long = [
        "x".repeat(64),
        "ж".repeat(64),
        "日".repeat(64),
        workspace.id.0.simple().to_string(),
        workspace.id.0.simple().to_string().to_uppercase(),
    ];
    // As a repository gets them: words are letters and digits, whatever a terms_of of another day leaves.
    let mut terms: Vec<String> = words
        .iter()
        .flat_map(|word| word.split(|c: char| !c.is_alphanumeric()))
        .map(str::to_owned)
        .collect();
    terms.extend(long.iter().map(|word| word.to_lowercase()));
    terms.retain(|term| !term.is_empty());
    terms.sort();
    terms.dedup();
    let article = an_article(&workspace, "Words", "words");
    let passages: Vec<Passage> = (0..)
        .zip(&terms)
        .map(|(place, term)| Passage {
            place,
            text: format!("Passage {place}"),
            terms: vec![term.clone()],
        })
        .collect();
    let silent = Passage {
        place: 1_000,
        text: "?".to_owned(),
        terms: Vec::new(),
    };
    let work = harness.begin().await;
    work.articles()
        .insert(&article, &passages.iter().cloned().chain([silent]).collect::<Vec<_>>())
        .await
        .unwrap();
    work.commit().await.unwrap();

    let read = harness.read().await;
    let articles = read.articles();
    let counts = articles.term_counts(workspace.id, &terms).await.unwrap();
    assert_eq!(counts.with_term, vec![1; terms.len()], "{terms:?}");
    assert_eq!(counts.passages, terms.len() as u64 + 1);
    for passage in &passages {
        let found = articles.passages_with(workspace.id, &passage.terms, 10).await.unwrap();
        assert_eq!(found.iter().map(|found| &found.passage).collect::<Vec<_>>(), [passage], "{:?}", passage.terms);
    }
    assert_eq!(articles.passages_with(workspace.id, &terms, 1_000).await.unwrap().len(), terms.len());
}

/// A long article has all its passages, and they are replaced and removed with it: none is found or counted any more.
pub async fn replaced_passages_are_gone(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let paragraph = |number: usize| format!("number{number} {}", "filling ".repeat(80));
    let long = (0..250).map(paragraph).collect::<Vec<_>>().join("\n\n");
    let mut article = an_article(&workspace, "Old title", &long);
    insert(harness, &[&article]).await;
    assert_eq!(counted(harness, workspace.id, "number0 number249 filling old").await, (250, vec![1, 1, 250, 1]));

    // What is dropped was never there.
    let work = harness.begin().await;
    let dropped = Article {
        body: body("dropped"),
        ..article.clone()
    };
    work.articles().update(&dropped, &passages_of(&dropped)).await.unwrap();
    drop(work);
    assert_eq!(counted(harness, workspace.id, "dropped filling").await, (250, vec![0, 250]));

    article.title = line("New title");
    article.body = body("Short text.");
    update(harness, &article).await;
    assert_eq!(counted(harness, workspace.id, "number0 filling old new short").await, (1, vec![0, 0, 0, 1, 1]));
    assert_eq!(with_any(harness, workspace.id, "filling old").await, [""; 0]);
    assert_eq!(with_any(harness, workspace.id, "short").await, sorted(&[&article]));

    let work = harness.begin().await;
    assert!(work.articles().delete(workspace.id, article.id).await.unwrap());
    work.commit().await.unwrap();
    assert_eq!(counted(harness, workspace.id, "new short").await, (0, vec![0, 0]));
    assert_eq!(with_any(harness, workspace.id, "new short").await, [""; 0]);
    // One that is gone is not written.
    update(harness, &article).await;
    assert_eq!(counted(harness, workspace.id, "new short").await, (0, vec![0, 0]));
    assert_eq!(harness.read().await.articles().find(workspace.id, article.id).await.unwrap(), None);
}

/// What is not published is neither found nor counted, from the moment that it is not.
pub async fn unpublished_articles_are_not_found(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    let mut article = Article {
        published: false,
        ..an_article(&workspace, "Draft", "secret plans")
    };
    insert(harness, &[&article]).await;
    for published in [false, true, false, true] {
        article.published = published;
        update(harness, &article).await;
        let expected = if published { vec![article.slug.to_string()] } else { Vec::new() };
        assert_eq!(with_any(harness, workspace.id, "secret").await, expected);
        let count = u64::from(published);
        assert_eq!(counted(harness, workspace.id, "secret").await, (count, vec![count]));
    }
}

/// A search neither finds nor counts what another workspace has.
pub async fn workspaces_do_not_find_one_anothers_articles(harness: &Harness) {
    let (here, there) = (harness.fixture().await.workspace, harness.fixture().await.workspace);
    let ours = an_article(&here, "Refunds", "Ours take five days.");
    let theirs: Vec<Article> = (0..20).map(|_| an_article(&there, "Refunds", "Theirs take five days.")).collect();
    insert(harness, &theirs.iter().chain([&ours]).collect::<Vec<_>>()).await;
    assert_eq!(with_any(harness, here.id, "refunds theirs").await, sorted(&[&ours]));
    assert_eq!(counted(harness, here.id, "refunds five").await, (1, vec![1, 1]));
    assert_eq!(with_any(harness, there.id, "refunds").await.len(), 20);
    let read = harness.read().await;
    let few = read.articles().passages_with(here.id, &terms_of("refunds days"), 1).await.unwrap();
    assert_eq!(few.len(), 1, "others do not take the places");

    let strange = Article {
        workspace_id: here.id,
        ..theirs[0].clone()
    };
    update(harness, &strange).await;
    assert_eq!(
        harness.read().await.articles().find(there.id, strange.id).await.unwrap(),
        Some(theirs[0].clone())
    );
    assert_eq!(with_any(harness, here.id, "theirs").await, [""; 0]);
}

/// Changed and deleted by many at once, an article leaves nothing behind.
pub async fn changes_at_once_leave_no_passage_behind(harness: &Harness) {
    let workspace = harness.fixture().await.workspace;
    for _ in 0..4 {
        let article = an_article(&workspace, "Title", "text");
        insert(harness, &[&article]).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..8 {
            let store = Arc::clone(&harness.store);
            let article = Article {
                body: body(&format!("text number{number}\n\n# More\n\ntext")),
                ..article.clone()
            };
            tasks.spawn(async move {
                let work = store.begin().await.unwrap();
                if number == 4 {
                    assert!(work.articles().delete(article.workspace_id, article.id).await.unwrap());
                } else {
                    work.articles().update(&article, &passages_of(&article)).await.unwrap();
                }
                work.commit().await.unwrap();
            });
        }
        tasks.join_all().await;
        assert_eq!(counted(harness, workspace.id, "text").await, (0, vec![0]));
    }
}

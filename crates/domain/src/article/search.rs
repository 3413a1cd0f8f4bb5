//! Finding the passage that answers a question: words made alike, and BM25 over passages.

use super::{FoundPassage, Slug, TermCounts};
use crate::id::ArticleId;
use rust_stemmers::{Algorithm, Stemmer};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The most characters of a word that count.
const WORD: usize = 64;

/// Words that say nothing about what a question is about.
static STOP_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "a able about after again all already also always am an and another any anybody anyone anything are as at be because been before being \
     between both but by can cannot could dear did do does doing done during each either else ever every few for from further get give got had \
     has have having he hello help her here hers hey hi him his how i if in into is it its itself just know let like long may maybe me might mine more \
     most much must my myself need neither no nor not now of ok okay on only or other ought our ours ourselves own perhaps please rather really \
     same shall she should so some somebody someone something still such take takes tell than thank thanks that the their theirs them themselves then there \
     these they thing this those through to too until upon us very via want was we were what whatever when where whether which while who whom \
     whose why will with within without would yes yet you your yours yourself yourselves"
        .split(' ')
        .collect()
});

/// The words of a text as they are searched for: lower case, without those that say nothing, brought to their stems, in
/// their order and with repeats. The targets of Markdown links are left out.
#[must_use]
pub fn terms_of(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    let text = without_link_targets(text).to_lowercase().replace('’', "'");
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter_map(|word| word.split('\'').find(|part| !part.is_empty()).filter(|_| !is_negation(word)))
        .filter(|word| !says_nothing(word))
        .map(|word| {
            if word.len() <= WORD && word.is_ascii() {
                stemmer.stem(word).into_owned()
            } else {
                // Not English, or no word at all.
                word.chars().take(WORD).collect()
            }
        })
        .filter(|stem: &String| !says_nothing(stem))
        .collect()
}

fn says_nothing(word: &str) -> bool {
    STOP_WORDS.contains(word)
}

/// "don't", "isn't" and their like: auxiliaries, all of them.
fn is_negation(word: &str) -> bool {
    word.trim_matches('\'').ends_with("n't")
}

fn without_link_targets(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, target)) = rest.split_once("](") {
        kept.push_str(before);
        kept.push(' ');
        // What is never closed is no link.
        rest = target
            .split_once(')')
            .filter(|(target, _)| !target.contains('\n'))
            .map_or(target, |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

/// An article that may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The article.
    pub article_id: ArticleId,
    /// Its address.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// The passage that fits best: Markdown.
    pub text: String,
    /// How much of what the question is about the passage speaks of: 0–100. A word that few articles have weighs more, one
    /// that none has the most.
    pub score: u8,
}

/// How soon further occurrences of a word in a passage count for nothing.
const SATURATION: f64 = 1.2;
/// How much a passage's length counts against it.
const LENGTH: f64 = 0.75;
/// What is left of the score of a single word that is not in the title.
const ONE_WORD: f64 = 0.35;
/// The score of an article whose whole title is in the question, at the least.
const NAMED: f64 = 0.5;
/// How much more its passages count.
const NAMED_RANK: f64 = 1.6;
/// How much an article's other passages count beside its best.
const OTHERS: f64 = 0.2;

/// A word of the question and what it weighs.
struct Asked<'a> {
    term: &'a str,
    weight: f64,
    share: f64,
}

/// A passage and how well it fits.
struct Fit {
    found: FoundPassage,
    rank: f64,
    score: f64,
}

/// Puts passages in order by how well they answer a question with these words (`counts` is in the order of `terms`):
/// one for each article, best first.
#[must_use]
pub fn rank(terms: &[String], counts: &TermCounts, found: Vec<FoundPassage>) -> Vec<Found> {
    let asked = asked(terms, counts);
    let words: usize = found.iter().map(|found| found.passage.terms.len()).sum();
    let usual = (number(words) / number(found.len())).max(1.0);
    let mut articles: HashMap<ArticleId, Vec<Fit>> = HashMap::new();
    for found in found {
        let fit = fit(&asked, usual, found);
        if fit.rank > 0.0 {
            articles.entry(fit.found.article_id).or_default().push(fit);
        }
    }
    let mut ranked: Vec<(f64, Fit)> = articles.into_values().filter_map(best_of).collect();
    // Equal ones in an order of their own, so that a question always has the same answer.
    ranked.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.found.slug.cmp(&b.found.slug)));
    ranked.into_iter().map(|(_, fit)| fit.into()).collect()
}

fn asked<'a>(terms: &'a [String], counts: &TermCounts) -> Vec<Asked<'a>> {
    let mut seen = HashSet::new();
    let counted = terms.iter().zip(counts.with_term.iter().copied().chain(std::iter::repeat(0)));
    counted
        .filter(|(term, _)| seen.insert(term.as_str()))
        .map(|(term, with)| Asked {
            term,
            weight: weight(counts.passages, with),
            share: share(counts.passages, with),
        })
        .collect()
}

/// The less passages have a word, the more it says.
fn weight(passages: u64, with: u64) -> f64 {
    let [all, with] = [passages.max(with), with].map(count);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// What a word counts in the score. Milder than its weight: where there are few articles all their words are common, and
/// a question still holds words that none of them has; such a word counts like a rare one.
fn share(passages: u64, with: u64) -> f64 {
    let [all, with] = [passages.max(with), with.max(1)].map(count);
    1.0 + ((1.0 + all) / (1.0 + with)).ln().max(0.0)
}

fn fit(asked: &[Asked<'_>], usual: f64, found: FoundPassage) -> Fit {
    let mut times: HashMap<&str, f64> = HashMap::new();
    for term in &found.passage.terms {
        *times.entry(term).or_default() += 1.0;
    }
    let length = 1.0 - LENGTH + LENGTH * number(found.passage.terms.len()) / usual;
    let (mut rank, mut had, mut whole, mut matched) = (0.0, 0.0, 0.0, 0);
    for Asked { term, weight, share } in asked {
        whole += share;
        if let Some(times) = times.get(term) {
            had += share;
            matched += 1;
            rank += weight * times * (SATURATION + 1.0) / (times + SATURATION * length);
        }
    }
    let mut score = if whole > 0.0 { had / whole } else { 0.0 };
    let title = terms_of(&found.title);
    let is_asked = |word: &String| asked.iter().any(|asked| asked.term == word);
    if !title.is_empty() && title.iter().all(is_asked) {
        // The question names what the article is about.
        score = f64::max(score, NAMED);
        rank *= NAMED_RANK;
    } else if matched == 1 && !title.iter().any(is_asked) {
        // One word says little.
        score *= ONE_WORD;
    }
    Fit { found, rank, score }
}

fn best_of(mut passages: Vec<Fit>) -> Option<(f64, Fit)> {
    passages.sort_by(|one, other| other.rank.total_cmp(&one.rank).then(one.found.passage.place.cmp(&other.found.passage.place)));
    let mut passages = passages.into_iter();
    let best = passages.next()?;
    let others: f64 = passages.map(|fit| fit.rank).sum();
    Some((best.rank + OTHERS * others, best))
}

impl From<Fit> for Found {
    fn from(fit: Fit) -> Self {
        let FoundPassage {
            article_id,
            slug,
            title,
            passage,
            ..
        } = fit.found;
        let score = (fit.score * 100.0).round().clamp(0.0, 100.0) as u8;
        Self {
            article_id,
            slug,
            title,
            text: passage.text,
            score,
        }
    }
}

fn number(count: usize) -> f64 {
    count as f64
}

fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::article::{Article, ArticleBody, Passage, passages_of};
    use crate::clock::Timestamp;
    use crate::id::WorkspaceId;
    use crate::text::Line;
    use uuid::Uuid;

    fn article(number: u128, title: &str, body: &str) -> Article {
        Article {
            id: ArticleId(Uuid::from_u128(number)),
            workspace_id: WorkspaceId(Uuid::nil()),
            slug: Slug::stored(format!("article-{number}")),
            title: Line::stored(title.to_owned()),
            body: ArticleBody::stored(body.to_owned()),
            published: true,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    /// Asks articles as a repository would that finds everything.
    fn ask(articles: &[Article], question: &str) -> Vec<Found> {
        let terms = terms_of(question);
        let found: Vec<FoundPassage> = articles
            .iter()
            .flat_map(|article| {
                passages_of(article).into_iter().map(|passage| FoundPassage {
                    article_id: article.id,
                    slug: article.slug.clone(),
                    title: article.title.to_string(),
                    passage,
                })
            })
            .collect();
        let with = |term: &String| found.iter().filter(|found| found.passage.terms.contains(term)).count() as u64;
        let counts = TermCounts {
            passages: found.len() as u64,
            with_term: terms.iter().map(with).collect(),
        };
        rank(&terms, &counts, found)
    }

    #[test]
    fn words_are_made_alike_and_those_that_say_nothing_left_out() {
        for (text, terms) in [
            ("How do refunds work?", "refund work"),
            ("REFUNDED, refunding: refund!", "refund refund refund"),
            ("Hi, could you please tell me where my parcel is? Thanks", "parcel"),
            ("I can't, won't and don't pay", "pay"),
            ("That helped, wanting things", ""),
            ("the shop’s hours / the shop's 'hours'", "shop hour shop hour"),
            ("See [the returns](/help/lost-parcels) page", "see return page"),
            ("![a bike](bike.png) [not closed](here\nit is", "bike close"),
            ("Größe 42, 1.5 kg", "größe 42 1 5 kg"),
            ("", ""),
            ("?! ''' --", ""),
        ] {
            assert_eq!(terms_of(text).join(" "), terms, "{text}");
        }
        assert_eq!(terms_of(&"ж".repeat(100)), ["ж".repeat(64)]);
        assert_eq!(terms_of(&"x".repeat(100)), ["x".repeat(64)]);
    }

    #[test]
    fn passages_are_whole_paragraphs_and_the_first_has_the_title_in_its_terms() {
        let long = "word ".repeat(90);
        let body = format!("Short one.\r\n\r\nShort two.\n\n## A heading\n\nWhat follows it.\n\n{long}\n\n{long}");
        let passages = passages_of(&article(1, "Paying later", &body));
        let texts: Vec<&str> = passages.iter().map(|passage| passage.text.as_str()).collect();
        let long = long.trim();
        assert_eq!(
            texts,
            ["Short one.\n\nShort two.", &format!("## A heading\n\nWhat follows it.\n\n{long}"), long]
        );
        assert_eq!(passages.iter().map(|passage| passage.place).collect::<Vec<_>>(), [0, 1, 2]);
        let title = ["pay".to_owned(), "later".to_owned()];
        assert!(passages[0].terms.starts_with(&title) && passages[1..].iter().all(|passage| !passage.terms.starts_with(&title)));
    }

    #[test]
    fn the_best_passage_answers_for_its_article() {
        let articles = [
            article(1, "Returns", "Send it back within 30 days.\n\n## Costs\n\nPostage is free with our label."),
            article(2, "Opening hours", "We open at nine and close at six."),
            article(3, "Postage", "Postage abroad is 20 euros."),
        ];
        let found = ask(&articles, "Is the label for the postage free?");
        assert_eq!(found.iter().map(|found| found.slug.as_str()).collect::<Vec<_>>(), ["article-1", "article-3"]);
        assert_eq!(found[0].text, "## Costs\n\nPostage is free with our label.");
        assert_eq!(found[0].score, 100);
        assert_eq!(found[1].score, 50, "its title is in the question, and half of the words are not in it");
    }

    #[test]
    fn a_word_that_no_article_has_lowers_the_score() {
        let articles = [article(1, "Refunds", "Refunds take five days."), article(2, "Jobs", "We hire in spring.")];
        let score = |question| ask(&articles, question).first().map(|found| found.score);
        assert_eq!(score("refund days"), Some(100));
        assert_eq!(score("refund refund refund days"), Some(100), "saying it again asks for no more");
        assert!(score("five helicopters and balloons").unwrap() < 35, "one word that is in no title");
        assert_eq!(score("spring helicopters, hired balloons"), Some(50), "two of four");
        assert_eq!(score("a helicopter"), None);
        assert_eq!(score("what is it?"), None);
    }

    #[test]
    fn ranking_does_not_depend_on_the_order_of_what_was_found() {
        let articles: Vec<Article> = (1..6).map(|number| article(number, "Same", "All say the same word.")).collect();
        let backwards: Vec<Article> = articles.iter().rev().cloned().collect();
        assert_eq!(ask(&articles, "word"), ask(&backwards, "word"));
        assert_eq!(ask(&articles, "word").len(), 5);
    }

    #[test]
    fn counts_that_do_not_fit_do_no_harm() {
        let terms = ["one".to_owned(), "two".to_owned()];
        let found = vec![FoundPassage {
            article_id: ArticleId(Uuid::nil()),
            slug: Slug::stored("a".to_owned()),
            title: "A".to_owned(),
            passage: Passage {
                place: 0,
                text: "One".to_owned(),
                terms: vec!["one".to_owned()],
            },
        }];
        // Counted after the article went.
        let counts = TermCounts {
            passages: 0,
            with_term: vec![3],
        };
        let ranked = rank(&terms, &counts, found);
        assert_eq!(ranked.len(), 1);
        assert!((1..100).contains(&ranked[0].score));
        assert_eq!(rank(&terms, &counts, Vec::new()), []);
    }
}

use super::search::terms_of;
use crate::clock::Timestamp;
use crate::id::{ArticleId, WorkspaceId};
use crate::text::{ArticleBody, InvalidText, Line};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The last part of an article's address: 1–100 of `a–z`, `0–9` and `-`. Unique in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// Takes an address that keeps the rule.
    ///
    /// # Errors
    /// What [`InvalidText`] says.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        let text = raw.trim();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() {
            return Err(InvalidText::Empty);
        }
        if text.len() > 100 || !text.chars().all(fits) || text.starts_with('-') || text.ends_with('-') {
            return Err(InvalidText::Shape("must be 1 to 100 of a-z, 0-9 and -, such as how-refunds-work"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes one of a title or file name; `None` if nothing in it can stand in an address.
    #[must_use]
    pub fn from_words(words: &str) -> Option<Self> {
        let mut slug = String::with_capacity(words.len());
        for c in words.to_lowercase().chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(100);
        Self::parse(slug.trim_end_matches('-')).ok()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a text that was checked when it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Help text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// The article.
    pub id: ArticleId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where it is found: `/help/{slug}`.
    pub slug: Slug,
    /// What it is called.
    pub title: Line,
    /// What it says.
    pub body: ArticleBody,
    /// Whether visitors and the assistant see it.
    pub published: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A piece of an article, small enough to be an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The how-many-th of its article, from 0.
    pub place: i32,
    /// What it says: Markdown.
    pub text: String,
    /// The words it is found by, in their order and with repeats; see [`terms_of`]. The first passage has those of the title, too: in every
    /// one they would put short late ones in front.
    pub terms: Vec<String>,
}

/// How long a passage grows before the next paragraph begins a new one, in characters.
const PASSAGE: usize = 600;

/// The most characters of a passage: a longer paragraph is cut.
const LONGEST: usize = 2_000;

/// A paragraph in pieces that are not too long, cut between lines, sentences or words where there are any.
fn pieces_of(paragraph: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = paragraph.trim();
    while let Some((end, _)) = rest.char_indices().nth(LONGEST) {
        let head = rest.get(..end).unwrap_or(rest);
        let after = |ends: &[&str]| ends.iter().filter_map(|end| head.rfind(end).map(|at| at + end.len())).max();
        let cut = after(&["\n"]).or_else(|| after(&[". ", "! ", "? "])).or_else(|| after(&[" "])).unwrap_or(end);
        let (piece, more) = rest.split_at_checked(cut).unwrap_or((rest, ""));
        pieces.push(piece.trim());
        rest = more.trim_start();
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Cuts an article into passages: whole paragraphs, short ones joined; a heading stays with what follows it.
#[must_use]
pub fn passages_of(article: &Article) -> Vec<Passage> {
    let title = terms_of(article.title.as_str());
    let mut texts: Vec<String> = Vec::new();
    let mut open = String::new();
    let mut only_heading = false;
    for paragraph in article.body.as_str().replace("\r\n", "\n").split("\n\n").flat_map(pieces_of) {
        let heading = paragraph.starts_with('#');
        let full = open.chars().count() + paragraph.chars().count() > PASSAGE;
        if !open.is_empty() && !only_heading && (heading || full) {
            texts.push(std::mem::take(&mut open));
        }
        if !open.is_empty() {
            open.push_str("\n\n");
        }
        open.push_str(paragraph);
        only_heading = heading && !paragraph.contains('\n');
    }
    if !open.is_empty() {
        texts.push(open);
    }
    let terms = |place: i32, text: &str| title.iter().filter(|_| place == 0).cloned().chain(terms_of(text)).collect();
    (0..)
        .zip(texts)
        .map(|(place, text)| Passage {
            place,
            terms: terms(place, &text),
            text,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn no_piece_is_too_long_and_nothing_is_lost() {
        let words = "word ".repeat(5_000);
        let unbroken = "ż".repeat(4_500);
        let lines = "a line of text\n".repeat(500);
        for paragraph in [words.as_str(), &unbroken, &lines, "short", ""] {
            let pieces = pieces_of(paragraph);
            assert!(pieces.iter().all(|piece| piece.chars().count() <= LONGEST));
            let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(kept(&pieces.concat()), kept(paragraph));
        }
        assert_eq!(
            pieces_of(&format!("{} One. Two{}", "x".repeat(1_980), "y".repeat(100)))[0].chars().count(),
            1_985,
            "after a sentence"
        );
    }
}

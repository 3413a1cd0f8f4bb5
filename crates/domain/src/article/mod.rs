//! Article: help text that visitors can read and the assistant answers from.

mod model;
mod repository;
mod search;
mod service;

pub use crate::text::ArticleBody;
pub use model::{Article, Passage, Slug, passages_of};
pub use repository::{ArticleRepository, FoundPassage, TermCounts};
pub use search::{Found, rank, terms_of};
pub use service::{ArticleError, ArticleService, EditArticle, Imported, NewArticle};

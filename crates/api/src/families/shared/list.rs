//! One page of a list, the same in all families.

use parlor_domain::page::Page;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListResponse<T> {
    /// The things, in the list's order.
    pub results: Vec<T>,
    /// `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

impl<T> ListResponse<T> {
    /// The page of a list.
    #[must_use]
    pub fn new(page: Page<T>) -> Self {
        Self {
            results: page.items,
            next: page.next.map(|cursor| cursor.encode()),
        }
    }

    /// A list without anything in it.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            results: Vec::new(),
            next: None,
        }
    }
}

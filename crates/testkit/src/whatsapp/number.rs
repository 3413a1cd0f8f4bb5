//! The business numbers, their templates, and ids nobody else has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that no other id of this process has.
pub(super) fn next_id() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Lets all ids of this process begin at the present microsecond: who talks to a server that remembers an earlier process must not
/// repeat its ids.
#[expect(clippy::disallowed_methods, reason = "a server of its own, outside of the application")]
pub fn ids_begin_now() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    NEXT.store(u64::try_from(since.as_micros()).unwrap_or(1), Ordering::Relaxed);
}

/// A business phone number and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Its id, under which it is called.
    pub phone_number_id: String,
    /// The account it belongs to.
    pub waba_id: String,
    /// The number itself.
    pub display_phone: String,
    /// The name that customers see.
    pub verified_name: String,
    /// `GREEN`, `YELLOW` or `RED`.
    pub quality_rating: String,
    /// Who has it may use the number.
    pub access_token: String,
}

impl Number {
    /// The id of the number that every stand-in has from the start.
    pub const EXAMPLE_ID: &'static str = "830000000000001";
    /// The token of every number that was not given another one.
    pub const EXAMPLE_TOKEN: &'static str = "EXAMPLE-ACCESS-TOKEN";

    /// One with this id, and the rest as in all examples.
    #[must_use]
    pub fn new(phone_number_id: impl Into<String>) -> Self {
        Self {
            phone_number_id: phone_number_id.into(),
            waba_id: "811000000000001".to_owned(),
            display_phone: "15550001111".to_owned(),
            verified_name: "Example Shop".to_owned(),
            quality_rating: "GREEN".to_owned(),
            access_token: Self::EXAMPLE_TOKEN.to_owned(),
        }
    }

    /// Of another account.
    #[must_use]
    pub fn waba_id(mut self, id: impl Into<String>) -> Self {
        self.waba_id = id.into();
        self
    }

    /// With another number to dial.
    #[must_use]
    pub fn display_phone(mut self, phone: impl Into<String>) -> Self {
        self.display_phone = phone.into();
        self
    }

    /// Under another name.
    #[must_use]
    pub fn verified_name(mut self, name: impl Into<String>) -> Self {
        self.verified_name = name.into();
        self
    }

    /// Under another token.
    #[must_use]
    pub fn access_token(mut self, token: impl Into<String>) -> Self {
        self.access_token = token.into();
        self
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::new(Self::EXAMPLE_ID)
    }
}

/// A template that the platform has approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language, as in `de` or `en_US`.
    pub language: String,
    /// How many places its text has.
    pub places: usize,
}

impl Template {
    /// One with so many places in its text.
    #[must_use]
    pub fn new(name: impl Into<String>, language: impl Into<String>, places: usize) -> Self {
        Self {
            name: name.into(),
            language: language.into(),
            places,
        }
    }
}

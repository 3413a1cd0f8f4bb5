//! What the bodies and lists of this family have in common.

use crate::extract::Fields;
use parlor_domain::page::Page;
use parlor_domain::text::InvalidText;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PageResponse<T> {
    /// The things, in the list's order.
    pub results: Vec<T>,
    /// `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

impl<T> PageResponse<T> {
    /// A page of something else.
    pub fn of<S>(page: Page<S>, show: impl FnMut(S) -> T) -> Self {
        Self { next: page.next.map(|cursor| cursor.encode()), results: page.items.into_iter().map(show).collect() }
    }

    /// A list that is short enough to be one page.
    pub fn whole<S>(items: Vec<S>, show: impl FnMut(S) -> T) -> Self {
        Self { results: items.into_iter().map(show).collect(), next: None }
    }
}

/// Tells a field that is null from one that is missing: with `#[serde(default)]` a missing one is `None`, null is `Some(None)`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Parses a text that may stay (`None`), be taken away (null or empty: `Some(None)`) or be replaced.
pub fn patched<T>(fields: &mut Fields, field: &str, raw: Option<&Option<String>>, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Option<Option<T>> {
    raw.map(|raw| fields.optional(field, raw.as_deref(), parse))
}

/// Parses a text that may stay or be replaced, but is always there.
pub fn replaced<T>(fields: &mut Fields, field: &str, raw: Option<&str>, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Option<T> {
    raw.and_then(|raw| fields.parsed(field, parse(raw)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parlor_domain::text::Name;

    #[derive(Deserialize)]
    struct Patch {
        #[serde(default, deserialize_with = "nullable")]
        name: Option<Option<String>>,
    }

    #[test]
    fn missing_stays_null_and_empty_take_away() {
        let read = |json: &str| {
            let patch: Patch = serde_json::from_str(json).unwrap();
            let mut fields = Fields::new();
            let name = patched(&mut fields, "name", patch.name.as_ref(), Name::parse).map(|name| name.map(Name::into_string));
            (name, fields.finish().is_ok())
        };
        assert_eq!(read("{}"), (None, true));
        assert_eq!(read(r#"{"name":null}"#), (Some(None), true));
        assert_eq!(read(r#"{"name":" "}"#), (Some(None), true));
        assert_eq!(read(r#"{"name":"Nadia"}"#), (Some(Some("Nadia".to_owned())), true));
        assert_eq!(read(r#"{"name":"a\u0000"}"#), (Some(None), false));
    }
}

use super::fields::Fields;
use crate::problem::Problem;
use parlor_domain::page::{Cursor, Limit};
use serde::Deserialize;
use std::str::FromStr;
use utoipa::IntoParams;

/// Where a page of a list begins and how long it is.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next` of the page before.
    #[param(nullable = false)]
    pub cursor: Option<String>,
    /// How many, 1–100; 50 without it.
    #[param(nullable = false, minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
}

impl PageQuery {
    /// Checks both.
    ///
    /// # Errors
    /// A problem that names the field.
    pub fn parse(&self) -> Result<(Option<Cursor>, Limit), Problem> {
        let mut fields = Fields::new();
        let cursor = self.cursor.as_deref().and_then(|text| fields.parsed("cursor", Cursor::decode(text)));
        let limit = limit(&mut fields, self.limit);
        fields.finish()?;
        Ok((cursor, limit))
    }
}

/// Checks the `limit` of a list.
pub fn limit(fields: &mut Fields, wish: Option<u32>) -> Limit {
    match wish {
        None => Limit::DEFAULT,
        Some(wish @ 1..=100) => Limit::clamped(wish),
        Some(_) => {
            fields.wrong("limit", "must be between 1 and 100");
            Limit::DEFAULT
        }
    }
}

/// An id in a path. What is no id names nothing, so it is answered like an unknown one.
pub struct PathId;

impl PathId {
    /// Reads an id.
    ///
    /// # Errors
    /// 404 for what is no id.
    pub fn parse<T: FromStr>(text: &str, what: &str) -> Result<T, Problem> {
        text.parse().map_err(|_| Problem::not_found(what))
    }
}

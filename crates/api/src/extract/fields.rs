use crate::problem::{FieldError, Problem};
use parlor_domain::text::InvalidText;
use std::fmt;

/// Collects what is wrong with the fields of a request, so that a caller learns all of it at once.
#[derive(Debug, Default)]
pub struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// Begins without errors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, field: &str, detail: impl fmt::Display) {
        self.errors.push(FieldError {
            field: field.to_owned(),
            detail: detail.to_string(),
        });
    }

    /// Parses a field that must be there.
    pub fn required<T, E: fmt::Display>(&mut self, field: &str, raw: Option<&str>, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        match raw {
            None => {
                self.wrong(field, "is required");
                None
            }
            Some(raw) => self.parsed(field, parse(raw)),
        }
    }

    /// Parses a field that may be missing; empty counts as missing.
    pub fn optional<T>(&mut self, field: &str, raw: Option<&str>, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Option<T> {
        self.parsed(field, parlor_domain::text::optional(raw, parse)).flatten()
    }

    /// Takes a value, or notes why there is none.
    pub fn parsed<T, E: fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.wrong(field, error)).ok()
    }

    /// Adds what is wrong with a part that was looked at by itself.
    pub fn append(&mut self, part: Self) {
        self.errors.extend(part.errors);
    }

    /// Whether nothing is wrong so far.
    ///
    /// # Errors
    /// The problem that names all wrong fields.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::fields(self.errors)) }
    }

    /// Takes what was parsed if nothing is wrong.
    ///
    /// # Errors
    /// The problem that names all wrong fields.
    pub fn take<T>(self, value: Option<T>) -> Result<T, Problem> {
        match (self.errors.is_empty(), value) {
            (true, Some(value)) => Ok(value),
            _ => Err(Problem::fields(self.errors)),
        }
    }
}

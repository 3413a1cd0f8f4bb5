//! A piece of a request, and what can be wrong with any piece.

use crate::whatsapp::error::GraphError;
use serde_json::{Map, Value};

/// A parameter is missing.
pub(super) const MISSING: u32 = 131_008;
/// A parameter's value is not valid.
pub(super) const INVALID: u32 = 131_009;
/// A parameter is not one, or is too long.
pub(super) const PARAMETER: u32 = 100;

/// An object of the request, with its name for the refusals.
#[derive(Debug, Clone)]
pub(super) struct Part<'a> {
    pub name: String,
    object: &'a Map<String, Value>,
}

impl<'a> Part<'a> {
    pub fn of(name: impl Into<String>, value: &'a Value) -> Result<Self, GraphError> {
        let name = name.into();
        match value.as_object() {
            Some(object) => Ok(Self { name, object }),
            None => Err(GraphError::new(INVALID, format!("Param {name} must be a JSON object"))),
        }
    }

    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// Nothing beside these.
    pub fn only(&self, keys: &[&str]) -> Result<(), GraphError> {
        let stranger = self.object.keys().find(|key| !keys.contains(&key.as_str()));
        match stranger {
            Some(key) => Err(GraphError::new(PARAMETER, format!("Unexpected key \"{key}\" on param \"{}\"", self.name))),
            None => Ok(()),
        }
    }

    pub fn must(&self, key: &str) -> Result<&'a Value, GraphError> {
        let missing = || GraphError::new(MISSING, format!("Param {}['{key}'] is required", self.name));
        self.get(key).ok_or_else(missing)
    }

    pub fn part(&self, key: &str) -> Result<Self, GraphError> {
        Self::of(format!("{}['{key}']", self.name), self.must(key)?)
    }

    /// A list of so many objects.
    pub fn parts(&self, key: &str, least: usize, most: usize) -> Result<Vec<Self>, GraphError> {
        let name = format!("{}['{key}']", self.name);
        let list = self.must(key)?.as_array();
        let list = list.ok_or_else(|| GraphError::new(INVALID, format!("Param {name} must be a list")))?;
        if !(least..=most).contains(&list.len()) {
            return Err(GraphError::new(INVALID, format!("Param {name} must have {least} to {most} elements")));
        }
        let numbered = list.iter().enumerate();
        numbered.map(|(place, value)| Self::of(format!("{name}[{place}]"), value)).collect()
    }

    /// A text of 1 to so many characters; `code` says that it is longer.
    pub fn text(&self, key: &str, most: usize, code: u32) -> Result<&'a str, GraphError> {
        let name = &self.name;
        match self.must(key)?.as_str() {
            None | Some("") => Err(GraphError::new(INVALID, format!("Param {name}['{key}'] must be a non-empty string"))),
            Some(text) if text.chars().count() > most => Err(GraphError::new(code, format!("Param {name}['{key}'] must be at most {most} characters long"))),
            Some(text) => Ok(text),
        }
    }

    /// The same, and it may be missing.
    pub fn text_if_any(&self, key: &str, most: usize, code: u32) -> Result<Option<&'a str>, GraphError> {
        if self.has(key) { self.text(key, most, code).map(Some) } else { Ok(None) }
    }

    /// One of these words.
    pub fn word(&self, key: &str, words: &[&str]) -> Result<&'a str, GraphError> {
        let word = self.must(key)?.as_str().filter(|word| words.contains(word));
        word.ok_or_else(|| GraphError::new(INVALID, format!("Param {}['{key}'] must be one of {words:?}", self.name)))
    }

    /// A yes or no, if any.
    pub fn flag_if_any(&self, key: &str) -> Result<(), GraphError> {
        match self.get(key) {
            None | Some(Value::Bool(_)) => Ok(()),
            Some(_) => Err(GraphError::new(INVALID, format!("Param {}['{key}'] must be a boolean", self.name))),
        }
    }

    /// A number, or a text of one.
    pub fn number(&self, key: &str) -> Result<f64, GraphError> {
        let value = self.must(key)?;
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        number.ok_or_else(|| GraphError::new(INVALID, format!("Param {}['{key}'] must be a number", self.name)))
    }
}

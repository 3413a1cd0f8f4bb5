//! Texts that people typed. Parsed once at the edge; nothing downstream checks again.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is refused. The words are shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing, or white space only.
    #[error("must not be empty")]
    Empty,
    /// Too many characters.
    #[error("must have at most {max} characters, has {actual}")]
    TooLong {
        /// The limit.
        max: usize,
        /// What came.
        actual: usize,
    },
    /// U+0000 passes JSON, but no Postgres text takes it.
    #[error("must not contain the character U+0000")]
    Nul,
    /// It does not look like what it should be.
    #[error("{0}")]
    Shape(&'static str),
}

fn check(raw: &str, max: usize) -> Result<(), InvalidText> {
    if raw.contains('\0') {
        return Err(InvalidText::Nul);
    }
    if raw.chars().all(char::is_whitespace) {
        return Err(InvalidText::Empty);
    }
    let actual = raw.chars().count();
    if actual > max {
        return Err(InvalidText::TooLong { max, actual });
    }
    Ok(())
}

/// Checks a text that may be missing: empty counts as missing.
///
/// # Errors
/// What [`InvalidText`] says.
pub fn optional<T>(raw: Option<&str>, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Result<Option<T>, InvalidText> {
    raw.filter(|text| !text.trim().is_empty()).map(parse).transpose()
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $trim:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The most characters it may have.
            pub const MAX: usize = $max;

            /// Takes a text that keeps the rules.
            ///
            /// # Errors
            /// What [`InvalidText`] says.
            pub fn parse(raw: &str) -> Result<Self, InvalidText> {
                let text = if $trim { raw.trim() } else { raw };
                check(text, $max)?;
                Ok(Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }

            /// Takes a text that was checked when it was stored.
            #[must_use]
            pub fn stored(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(/// The name of a person, a channel, a workspace, a label's text: 1–200 characters.
    Name, 200, true);
text!(/// What a message says: 1–10,000 characters, kept as received.
    MessageText, 10_000, false);
text!(/// What the assistant says: 1–32,000 characters.
    AnswerText, 32_000, false);
text!(/// What an article says: Markdown, 1–100,000 characters.
    ArticleBody, 100_000, false);
text!(/// A longer text that an admin writes, such as what a model is told first: 1–8,000 characters.
    Prompt, 8_000, false);
text!(/// The client's own id of what it sends: 1–64 characters, unique for ever per conversation and author.
    ClientId, 64, false);
text!(/// A line such as a subject, a reason or a title: 1–500 characters.
    Line, 500, true);
text!(/// A label on a conversation: 1–50 characters.
    Label, 50, true);

/// An e-mail address, lower case. Checked only for its shape: a claim, not a proof.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Takes `local@domain`, at most 254 characters (RFC 5321 4.5.3.1.3), and makes it lower case.
    ///
    /// # Errors
    /// What [`InvalidText`] says.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        const SHAPE: InvalidText = InvalidText::Shape("must be an e-mail address such as nadia@example.com");
        let text = raw.trim();
        check(text, 254)?;
        let (local, domain) = text.rsplit_once('@').ok_or(SHAPE)?;
        let wrong = |part: &str| part.is_empty() || part.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ','));
        if wrong(local) || wrong(domain) || local.contains('@') || domain.starts_with('.') || domain.ends_with('.') {
            return Err(SHAPE);
        }
        Ok(Self(text.to_lowercase()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes an address that was checked when it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A phone number as people type it: 3–32 characters, digits with `+ - ( ) . /` and spaces between.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// Takes a phone number and keeps only its digits and a leading `+`.
    ///
    /// # Errors
    /// What [`InvalidText`] says.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        const SHAPE: InvalidText = InvalidText::Shape("must be a phone number such as +1 202 555 0100");
        let text = raw.trim();
        check(text, 32)?;
        let mut kept = String::with_capacity(text.len());
        for (place, c) in text.chars().enumerate() {
            match c {
                '0'..='9' => kept.push(c),
                '+' if place == 0 => kept.push(c),
                ' ' | '-' | '(' | ')' | '.' | '/' => {}
                _ => return Err(SHAPE),
            }
        }
        if kept.trim_start_matches('+').len() < 3 {
            return Err(SHAPE);
        }
        Ok(Self(kept))
    }

    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a number that was checked when it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

/// Facts a client attaches as JSON object: at most 8 KiB, no U+0000 anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(serde_json::Value);

impl Metadata {
    /// The most bytes it may have as JSON.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Takes a JSON object that is small enough.
    ///
    /// # Errors
    /// What [`InvalidText`] says.
    pub fn parse(raw: serde_json::Value) -> Result<Self, InvalidText> {
        fn has_nul(value: &serde_json::Value) -> bool {
            match value {
                serde_json::Value::String(text) => text.contains('\0'),
                serde_json::Value::Array(items) => items.iter().any(has_nul),
                serde_json::Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
                _ => false,
            }
        }
        if !raw.is_object() {
            return Err(InvalidText::Shape("must be a JSON object"));
        }
        if has_nul(&raw) {
            return Err(InvalidText::Nul);
        }
        if raw.to_string().len() > Self::MAX_BYTES {
            return Err(InvalidText::Shape("must have at most 8192 bytes as JSON"));
        }
        Ok(Self(raw))
    }

    /// The JSON.
    #[must_use]
    pub const fn value(&self) -> &serde_json::Value {
        &self.0
    }

    /// Takes JSON that was checked when it was stored.
    #[must_use]
    pub const fn stored(value: serde_json::Value) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_texts_keep_their_white_space_but_are_not_only_that() {
        assert_eq!(MessageText::parse(" hi \n").map(MessageText::into_string), Ok(" hi \n".to_owned()));
        assert_eq!(MessageText::parse(" \n\t\u{a0}"), Err(InvalidText::Empty));
        assert_eq!(MessageText::parse("a\0b"), Err(InvalidText::Nul));
        assert!(MessageText::parse(&"é".repeat(10_000)).is_ok());
        assert_eq!(
            MessageText::parse(&"é".repeat(10_001)),
            Err(InvalidText::TooLong { max: 10_000, actual: 10_001 })
        );
    }

    #[test]
    fn addresses_and_numbers_are_checked_for_their_shape() {
        assert_eq!(
            Email::parse(" Nadia@Example.com ").map(|e| e.as_str().to_owned()),
            Ok("nadia@example.com".to_owned())
        );
        for wrong in ["", "nadia", "@example.com", "nadia@", "a b@example.com", "a@b@c", "<x@example.com>"] {
            assert!(Email::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Phone::parse("+1 (202) 555-0100").map(|p| p.as_str().to_owned()), Ok("+12025550100".to_owned()));
        for wrong in ["", "12", "call me", "1+2345"] {
            assert!(Phone::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn metadata_is_a_small_object_without_nul() {
        assert!(Metadata::parse(serde_json::json!({"plan": "pro"})).is_ok());
        assert!(Metadata::parse(serde_json::json!([1])).is_err());
        assert_eq!(Metadata::parse(serde_json::json!({"a": ["\0"]})), Err(InvalidText::Nul));
        assert!(Metadata::parse(serde_json::json!({"a": "x".repeat(9000)})).is_err());
    }
}

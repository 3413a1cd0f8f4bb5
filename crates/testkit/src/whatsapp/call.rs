//! What the stand-in was asked.

use super::rule::Endpoint;
use super::wire::{bearer, header};
use serde_json::Value;
use std::time::Instant;

/// A file that came with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The id it got; `None` when it was refused.
    pub media_id: Option<String>,
    /// Its type, as the form says.
    pub mime_type: String,
    /// Its name.
    pub file_name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// One call, and how it ended.
#[derive(Debug, Clone)]
pub struct Call {
    /// What was called.
    pub endpoint: Endpoint,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The JSON of the body; null when it is none.
    pub body: Value,
    /// The file, for [`Endpoint::Upload`].
    pub upload: Option<Upload>,
    /// When it came.
    pub at: Instant,
    /// The id that the message got; `None` when it was not accepted.
    pub wamid: Option<String>,
    /// The code it was refused with.
    pub error: Option<u32>,
}

impl Call {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The token it came with.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        bearer(&self.headers)
    }

    /// The number that was called.
    #[must_use]
    pub fn phone_number_id(&self) -> Option<&str> {
        self.path.split('/').nth(2)
    }

    /// Whom the message is for, by phone id or user id.
    #[must_use]
    pub fn to(&self) -> Option<&str> {
        self.words("/to").or_else(|| self.words("/recipient"))
    }

    /// The kind of message.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.words("/type")
    }

    /// What the message says: its text, its caption, or the text above buttons.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let kind = self.kind()?;
        let places = [format!("/{kind}/body"), format!("/{kind}/caption"), format!("/{kind}/body/text")];
        places.iter().find_map(|place| self.words(place))
    }

    /// What the message carries for us.
    #[must_use]
    pub fn opaque(&self) -> Option<&str> {
        self.words("/biz_opaque_callback_data")
    }

    /// A text of the body.
    #[must_use]
    pub fn words(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

//! How the Graph API says no.

use serde_json::{Value, json};

/// A refusal, by its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphError {
    /// The code, on which alone a client may decide.
    pub code: u32,
    /// The subcode, where there is one.
    pub subcode: Option<u32>,
    /// What is wrong, for people.
    pub details: String,
}

impl GraphError {
    /// A refusal with these details.
    #[must_use]
    pub fn new(code: u32, details: impl Into<String>) -> Self {
        Self {
            code,
            subcode: None,
            details: details.into(),
        }
    }

    /// Nothing there that this token may see.
    pub(super) fn unknown_object(id: &str) -> Self {
        let details = format!("Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation");
        Self {
            subcode: Some(33),
            ..Self::new(100, details)
        }
    }

    /// The status that the real API gives it, more or less.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.code {
            0 | 190 => 401,
            3 | 10 | 200..=299 | 368 | 131_031 => 403,
            4 | 80_007 | 130_429 => 429,
            1 | 131_000 => 500,
            2 | 131_016 | 131_057 => 503,
            _ => 400,
        }
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut error = json!({
            "message": format!("(#{}) {}", self.code, title(self.code)),
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "AEXAMPLEtrace0000000001",
        });
        if let (Some(subcode), Some(error)) = (self.subcode, error.as_object_mut()) {
            error.insert("error_subcode".to_owned(), subcode.into());
        }
        json!({"error": error})
    }
}

/// What the platform calls an error.
pub(super) const fn title(code: u32) -> &'static str {
    match code {
        1 => "API Unknown",
        2 => "API Service",
        4 => "API Too Many Calls",
        10 => "Permission Denied",
        100 => "Invalid parameter",
        190 => "Access token has expired",
        200..=299 => "API Permission",
        368 => "Temporarily blocked for policies violations",
        80_007 | 130_429 => "Rate limit hit",
        130_472 => "User's number is part of an experiment",
        130_497 => "Business account is restricted from messaging users in this country",
        131_000 => "Something went wrong",
        131_008 => "Required parameter is missing",
        131_009 => "Parameter value is not valid",
        131_016 => "Service unavailable",
        131_026 => "Message undeliverable",
        131_031 => "Account has been locked",
        131_047 => "Re-engagement message",
        131_048 => "Spam rate limit hit",
        131_049 => "This message was not delivered to maintain healthy ecosystem engagement",
        131_050 => "User has stopped receipt of marketing messages from this business",
        131_051 => "Unsupported message type",
        131_052 => "Media download error",
        131_053 => "Media upload error",
        131_056 => "(Business Account, Consumer Account) pair rate limit hit",
        131_057 => "Account in maintenance mode",
        131_062 => "This message cannot be sent to a business-scoped user ID",
        132_000 => "Number of parameters does not match the expected number of params",
        132_001 => "Template name does not exist in the translation",
        132_005 => "Translated text too long",
        _ => "Error",
    }
}

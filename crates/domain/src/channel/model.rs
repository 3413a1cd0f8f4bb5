use crate::assistant::AssistantSettings;
use crate::clock::Timestamp;
use crate::id::{ChannelId, WorkspaceId};
use crate::text::Name;
use crate::whatsapp::{WhatsappHealth, WhatsappSettings};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of entry point it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A widget or form on a web site.
    Web,
    /// Another program.
    Api,
    /// A WhatsApp number.
    Whatsapp,
}

impl ChannelKind {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Api => "api",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "web" => Some(Self::Web),
            "api" => Some(Self::Api),
            "whatsapp" => Some(Self::Whatsapp),
            _ => None,
        }
    }
}

/// Whether visitors must prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRule {
    /// Anybody may write.
    Optional,
    /// Every new session needs a signed token of the host site.
    Required,
}

impl IdentityRule {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "optional" => Some(Self::Optional),
            "required" => Some(Self::Required),
            _ => None,
        }
    }
}

/// A web origin as browsers send it: scheme, host and, unless it is the scheme's own, port (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

/// The text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an origin such as https://shop.example.com, without a path")]
pub struct InvalidOrigin;

impl Origin {
    /// Takes `http://` or `https://`, a host and perhaps a port; makes it lower case and drops the scheme's own port.
    ///
    /// # Errors
    /// [`InvalidOrigin`] for anything else, also for a path.
    pub fn parse(raw: &str) -> Result<Self, InvalidOrigin> {
        let text = raw.trim().to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let own_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(InvalidOrigin),
        };
        let rest = rest.strip_suffix(own_port).unwrap_or(rest);
        let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
            let (host, after) = inner.split_once(']').ok_or(InvalidOrigin)?;
            if host.is_empty() || !host.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.') {
                return Err(InvalidOrigin);
            }
            (
                "v6",
                after
                    .strip_prefix(':')
                    .or(if after.is_empty() { Some("") } else { None })
                    .ok_or(InvalidOrigin)?,
            )
        } else {
            rest.split_once(':').unwrap_or((rest, ""))
        };
        let host_fits = !host.is_empty() && host.len() <= 253 && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        let port_fits = port.is_empty() && !rest.ends_with(':') || port.parse::<u16>().is_ok_and(|port| port > 0);
        if host_fits && port_fits {
            Ok(Self(format!("{scheme}://{rest}")))
        } else {
            Err(InvalidOrigin)
        }
    }

    /// The origin as browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this machine's own: `http://localhost:*` or `http://127.0.0.1:*`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = |name: &str| self.0.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        host("http://localhost") || host("http://127.0.0.1")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A configured entry point.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The entry point.
    pub id: ChannelId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// What kind.
    pub kind: ChannelKind,
    /// How agents call it.
    pub name: Name,
    /// The sites that may use it from a browser.
    pub origins: Vec<Origin>,
    /// Whether visitors must prove who they are.
    pub identity: IdentityRule,
    /// Its assistant.
    pub assistant: AssistantSettings,
    /// The assistant's key, encrypted.
    pub assistant_key: Option<Vec<u8>>,
    /// The number that it is, on WhatsApp.
    pub whatsapp: Option<WhatsappSettings>,
    /// The number's secrets, encrypted.
    pub whatsapp_secrets: Option<Vec<u8>>,
    /// Why the number cannot be used right now. Written by itself, never with the settings.
    pub whatsapp_health: Option<WhatsappHealth>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
    /// Since when it takes nothing new. What came through it stays readable.
    pub deleted_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (raw, kept) in [
            ("https://Shop.example.com", "https://shop.example.com"),
            ("https://shop.example.com/", "https://shop.example.com"),
            ("https://shop.example.com:443", "https://shop.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(Origin::parse(raw).map(|o| o.0), Ok(kept.to_owned()), "{raw}");
        }
        for wrong in [
            "",
            "null",
            "shop.example.com",
            "ftp://example.com",
            "https://",
            "https://a/b",
            "https://a:0",
            "https://a:x",
            "https://a:",
            "https://a b",
            "https://u@h",
            "http://[::1",
        ] {
            assert_eq!(Origin::parse(wrong), Err(InvalidOrigin), "{wrong}");
        }
        assert!(Origin::parse("http://127.0.0.1:5173").is_ok_and(|o| o.is_local()));
        assert!(!Origin::parse("http://localhost.example.com").is_ok_and(|o| o.is_local()));
    }
}

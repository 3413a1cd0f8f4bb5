//! Ids that name and keys that prove.
//!
//! Ids are UUIDv7: they sort by time and open nothing. [`VisitorKey`], [`RoomKey`] and [`SessionId`] are random v4;
//! the two keys are proofs, so their `Debug` shows nothing.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

/// Where ids, keys and other random values come from. The domain has no randomness of its own.
pub trait Ids: Send + Sync {
    /// A UUIDv7; successive calls of one process rise.
    fn ordered(&self) -> Uuid;
    /// A random UUIDv4 (122 random bits).
    fn random(&self) -> Uuid;
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

id!(/// Names a tenant.
    WorkspaceId);
id!(/// Names an entry point. Public: pages carry it.
    ChannelId);
id!(/// Names a person on the outside, for agents, events and logs. Opens nothing.
    VisitorId);
id!(/// Names one visit. Random, but alone it proves nothing.
    SessionId);
id!(/// Names a conversation, for agents, events and logs. Opens nothing.
    ConversationId);
id!(/// Names a message on both sides.
    MessageId);
id!(/// Names a human on our side.
    AgentId);
id!(/// Names one login of one agent: the chain of its refresh tokens.
    LoginId);
id!(/// Names an invitation or the first-owner link.
    InvitationId);
id!(/// Names an API key (not its secret).
    ApiKeyId);
id!(/// Names a line of the audit log.
    AuditId);
id!(/// Names a help article.
    ArticleId);
id!(/// Names a piece of follow-up work.
    JobId);
id!(/// Names a file that came with a message, or will.
    AttachmentId);
id!(/// Under which a file's bytes are kept. Random, and shown to nobody.
    FileKey);

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a random value as key.
            #[must_use]
            pub const fn new(value: Uuid) -> Self {
                Self(value)
            }

            /// The plain value: for its owner's answers and for the row that keeps it.
            #[must_use]
            pub const fn expose(&self) -> Uuid {
                self.0
            }

            /// SHA-256 of the key. A random key needs no slow hash, and is looked up on every request.
            #[must_use]
            pub fn hash(&self) -> KeyHash {
                KeyHash::of(self.0.as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

key!(/// Proves a visitor, one for each browser. The browser calls it `visitor_id` or `token`.
    VisitorKey);
key!(/// Proves the customer's side of one conversation. The customer's side calls it the room id.
    RoomKey);

/// SHA-256 of something that proves: what is stored instead of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// Hashes the bytes of a random secret.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

use crate::clock::Timestamp;
use crate::id::{AgentId, ApiKeyId, InvitationId, KeyHash, LoginId, WorkspaceId};
use crate::security::PasswordHash;
use crate::text::{Email, Line, Name};
use serde::{Deserialize, Serialize};

/// What an agent may do; a later one may do all that an earlier one may, except that a seller is apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Own marketplace conversations only.
    Seller,
    /// Conversations and visitors of the workspace.
    Agent,
    /// And its people, channels and settings.
    Admin,
    /// And owners, API keys and the workspace itself.
    Owner,
}

impl Role {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "seller" => Some(Self::Seller),
            "agent" => Some(Self::Agent),
            "admin" => Some(Self::Admin),
            "owner" => Some(Self::Owner),
            _ => None,
        }
    }
}

/// What an agent chose for its own inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// Desktop notices.
    #[serde(default = "on")]
    pub notices: bool,
    /// A sound with each new message.
    #[serde(default = "on")]
    pub sound: bool,
}

const fn on() -> bool {
    true
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { notices: true, sound: true }
    }
}

/// A human on our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Who.
    pub id: AgentId,
    /// Where. An agent belongs to one workspace.
    pub workspace_id: WorkspaceId,
    /// Unique in the workspace, and on the server among all but unclaimed ones.
    pub email: Email,
    /// Another name to log in with. Unique on the server.
    pub username: Option<Name>,
    /// What visitors and colleagues see.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// The host site's id of this person (`sub` of its tokens). Unique on the server.
    pub external_id: Option<Line>,
    /// `None` until the invitation was taken up.
    pub password: Option<PasswordHash>,
    /// Raised by whatever ends all tokens: password change, deactivation. (A role is looked up anew, so another one ends none.)
    pub auth_version: i64,
    /// What it chose for its inbox.
    pub settings: AgentSettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether it is a seller whom a customer named by address, and whom nobody has been yet. Until then the address is not its own.
    pub unclaimed: bool,
    /// Since when it may do nothing.
    pub deactivated_at: Option<Timestamp>,
}

impl Agent {
    /// Whether it may do anything.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }
}

/// One login: a chain of refresh tokens, of which only the newest is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The chain; access tokens name it as `sid`.
    pub id: LoginId,
    /// Who.
    pub agent_id: AgentId,
    /// The agent's `auth_version` when it began.
    pub auth_version: i64,
    /// Number of the newest refresh token.
    pub generation: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// When its newest refresh token runs out.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

/// A link that sets a password once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// For whom; `None` is the first-owner link, which makes the owner.
    pub agent_id: Option<AgentId>,
    /// Hash of the token in the link.
    pub token: KeyHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// What a machine may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiScope {
    /// The reads of role agent.
    Read,
    /// The reads and writes of role agent.
    Write,
    /// Role admin.
    Admin,
}

impl ApiScope {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// The key of a machine. Its secret is shown once and kept as hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Which.
    pub id: ApiKeyId,
    /// Where.
    pub workspace_id: WorkspaceId,
    /// What the machine is called; it writes under this name.
    pub name: Name,
    /// What it may do.
    pub scope: ApiScope,
    /// Hash of the secret.
    pub secret: KeyHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it opens nothing.
    pub revoked_at: Option<Timestamp>,
}

use crate::clock::Timestamp;
use crate::id::{ChannelId, VisitorId, WorkspaceId};
use crate::text::{Email, Line, Metadata, Name, Phone};
use serde::{Deserialize, Serialize};

/// Something that points to a person, and whether it was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity<T> {
    /// The address, number or id.
    pub value: T,
    /// True only after a signed token of the host site; what a visitor typed is a claim.
    pub verified: bool,
}

impl<T> Identity<T> {
    /// What a visitor typed.
    pub const fn claimed(value: T) -> Self {
        Self { value, verified: false }
    }

    /// What a signed token said.
    pub const fn verified(value: T) -> Self {
        Self { value, verified: true }
    }
}

/// What the server saw of the visitor's last request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VisitorContext {
    /// The address the request came from.
    #[serde(default)]
    pub ip: Option<String>,
    /// The `User-Agent`, cut to 400 characters.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The page the visitor is on.
    #[serde(default)]
    pub page_url: Option<String>,
    /// Its title.
    #[serde(default)]
    pub page_title: Option<String>,
}

/// A person on the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// How others name the person. Opens nothing.
    pub id: VisitorId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// Where the person came in.
    pub channel_id: ChannelId,
    /// What the person calls itself.
    pub name: Option<Name>,
    /// Where to write to.
    pub email: Option<Identity<Email>>,
    /// Where to call.
    pub phone: Option<Identity<Phone>>,
    /// The host site's id: claimed as `user_id`, verified as `sub`. A verified one is unique in the workspace.
    pub external_id: Option<Identity<Line>>,
    /// BCP 47, such as `de-AT`.
    pub locale: Option<Name>,
    /// What the page attached.
    pub metadata: Option<Metadata>,
    /// What the server saw.
    pub context: VisitorContext,
    /// When the person first came.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
    /// When the person was last here.
    pub last_seen_at: Timestamp,
    /// Since when this visitor is part of another one; its keys are gone.
    pub retired_at: Option<Timestamp>,
}

impl Visitor {
    /// Whether a signed token told who this is.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.external_id.as_ref().is_some_and(|id| id.verified)
    }

    /// The host site's id, if it was proven.
    #[must_use]
    pub fn verified_subject(&self) -> Option<&str> {
        self.external_id.as_ref().filter(|id| id.verified).map(|id| id.value.as_str())
    }

    /// Takes an address that the visitor typed. A proven one is not replaced by a claim.
    pub fn claim_email(&mut self, email: Email) {
        if !self.email.as_ref().is_some_and(|known| known.verified) {
            self.email = Some(Identity::claimed(email));
        }
    }

    /// Takes a number that the visitor typed. A proven one is not replaced by a claim.
    pub fn claim_phone(&mut self, phone: Phone) {
        if !self.phone.as_ref().is_some_and(|known| known.verified) {
            self.phone = Some(Identity::claimed(phone));
        }
    }

    /// Takes an id of the host site that the page named without proof.
    pub fn claim_external_id(&mut self, id: Line) {
        if !self.is_verified() {
            self.external_id = Some(Identity::claimed(id));
        }
    }
}

//! Our numbers, and with which secrets they are served.

use super::settings::{DEFAULT_GRAPH_URL, DEFAULT_GRAPH_VERSION, Secret, WhatsappSecrets, WhatsappSettings};
use crate::assistant::AssistantSettings;
use crate::channel::{Channel, ChannelError, ChannelKind, ChannelService, IdentityRule, NewChannel};
use crate::id::{ChannelId, WorkspaceId};
use crate::security::SecurityError;
use crate::store::RepositoryError;
use crate::text::Name;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::{Arc, OnceLock};

/// What the operator set in the environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WhatsappDefaults {
    /// Where the platform is, for all numbers.
    pub graph_base_url: Option<String>,
    /// The operator's own number.
    pub phone_number_id: Option<String>,
    /// The account that it belongs to.
    pub waba_id: Option<String>,
    /// The secrets of that number, where its channel has none of its own.
    pub secrets: WhatsappSecrets,
}

/// A number of ours, ready to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Its channel.
    pub channel_id: ChannelId,
    /// Whose.
    pub workspace_id: WorkspaceId,
    /// What the platform calls it.
    pub phone_number_id: String,
    /// Where the platform is, without a last slash.
    pub base_url: String,
    /// Whether that is the operator's word.
    pub by_operator: bool,
    /// The version of its interface.
    pub version: String,
    /// What opens it. Without one the number only logs.
    pub access_token: Option<Secret>,
}

/// Finds numbers.
pub struct Numbers {
    channels: Arc<ChannelService>,
    defaults: WhatsappDefaults,
    /// The operator's workspace, once it is known.
    operators: OnceLock<WorkspaceId>,
}

impl Numbers {
    /// Makes the finder.
    #[must_use]
    pub const fn new(channels: Arc<ChannelService>, defaults: WhatsappDefaults) -> Self {
        Self {
            channels,
            defaults,
            operators: OnceLock::new(),
        }
    }

    /// Makes the channel of the operator's number in the operator's workspace, unless there is one. Answers whether it was made. Before
    /// this nobody is served with the operator's secrets.
    ///
    /// # Errors
    /// What [`ChannelError`] says.
    pub async fn ensure_the_operators(&self, workspace: WorkspaceId) -> Result<bool, ChannelError> {
        let _ = self.operators.set(workspace);
        let Some(phone_number_id) = self.defaults.phone_number_id.clone() else {
            return Ok(false);
        };
        if let Some(channel) = self.channel(&phone_number_id).await? {
            if channel.workspace_id != workspace {
                tracing::warn!(
                    channel = %channel.id,
                    "another workspace has the WhatsApp number of the environment, and is not served with its secrets; delete that channel there"
                );
            }
            return Ok(false);
        }
        let settings = WhatsappSettings {
            phone_number_id,
            waba_id: self.defaults.waba_id.clone(),
            display_phone: None,
            graph_base_url: None,
            graph_version: None,
            templates: Vec::new(),
        };
        let new = NewChannel {
            kind: ChannelKind::Whatsapp,
            name: Name::stored("WhatsApp".to_owned()),
            origins: Vec::new(),
            identity: IdentityRule::Optional,
            assistant: AssistantSettings {
                enabled: false,
                ..AssistantSettings::default()
            },
            assistant_key: None,
            whatsapp: Some((settings, WhatsappSecrets::default())),
        };
        match self.channels.create(workspace, new).await {
            Ok(_) => Ok(true),
            // Another node that starts now made it.
            Err(ChannelError::NumberTaken) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All channels that are numbers, oldest first.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn all(&self) -> Result<Vec<Channel>, RepositoryError> {
        let channels = self.channels.all().await?;
        Ok(channels.iter().filter(|channel| channel.kind == ChannelKind::Whatsapp).cloned().collect())
    }

    /// The channel of a number.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn channel(&self, phone_number_id: &str) -> Result<Option<Channel>, RepositoryError> {
        let all = self.all().await?;
        let is_it = |channel: &Channel| channel.whatsapp.as_ref().is_some_and(|settings| settings.phone_number_id == phone_number_id);
        Ok(all.into_iter().find(is_it))
    }

    /// What the operator set in the environment.
    #[must_use]
    pub const fn defaults(&self) -> &WhatsappDefaults {
        &self.defaults
    }

    /// A channel's own secrets; the operator's for the operator's number, where it has none. With them any number of the account could
    /// be used, so no other channel gets them; and the token is never sent to an address that somebody else set.
    ///
    /// # Errors
    /// The stored secrets cannot be opened.
    pub fn secrets_of(&self, channel: &Channel) -> Result<WhatsappSecrets, SecurityError> {
        let own = self.channels.number_secrets(channel)?;
        let settings = channel.whatsapp.as_ref();
        let is_the_number = settings.is_some_and(|settings| self.defaults.phone_number_id.as_ref() == Some(&settings.phone_number_id));
        // Whoever else names that number must not get what opens it.
        if !is_the_number || self.operators.get() != Some(&channel.workspace_id) {
            return Ok(own);
        }
        let defaults = &self.defaults.secrets;
        let own_address = settings.is_some_and(|settings| settings.graph_base_url.is_some());
        Ok(WhatsappSecrets {
            access_token: own.access_token.or_else(|| defaults.access_token.clone().filter(|_| !own_address)),
            app_secret: own.app_secret.or_else(|| defaults.app_secret.clone()),
            verify_token: own.verify_token.or_else(|| defaults.verify_token.clone()),
        })
    }

    /// The number of a channel, ready to be used; `None` if it is no number.
    ///
    /// # Errors
    /// The stored secrets cannot be opened.
    pub fn number(&self, channel: &Channel) -> Result<Option<Number>, SecurityError> {
        let Some(settings) = &channel.whatsapp else { return Ok(None) };
        let own_address = settings.graph_base_url.clone();
        let by_operator = own_address.is_none() || own_address == self.defaults.graph_base_url;
        let base_url = own_address
            .or_else(|| self.defaults.graph_base_url.clone())
            .unwrap_or_else(|| DEFAULT_GRAPH_URL.to_owned());
        Ok(Some(Number {
            channel_id: channel.id,
            workspace_id: channel.workspace_id,
            phone_number_id: settings.phone_number_id.clone(),
            base_url: base_url.trim_end_matches('/').to_owned(),
            by_operator,
            version: settings.graph_version.clone().unwrap_or_else(|| DEFAULT_GRAPH_VERSION.to_owned()),
            access_token: self.secrets_of(channel)?.access_token,
        }))
    }

    /// Whether a subscription's token is one of ours.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn is_verify_token(&self, token: &str) -> Result<bool, RepositoryError> {
        let mut known = Vec::new();
        for channel in self.all().await? {
            known.extend(self.readable(&channel).verify_token);
        }
        // Before there is any channel, the operator's token lets the platform subscribe.
        known.extend(self.defaults.secrets.verify_token.clone());
        let mut is_one = false;
        for one in known {
            is_one |= same(one.expose().as_bytes(), token.as_bytes());
        }
        Ok(is_one)
    }

    /// The channels whose secret signed these bytes; none if nobody's did.
    ///
    /// # Errors
    /// Storage failed.
    pub async fn signed_by(&self, body: &[u8], signature: &[u8; 32]) -> Result<Vec<Channel>, RepositoryError> {
        let mut right = Vec::new();
        let mut tried: Vec<(Secret, bool)> = Vec::new();
        for channel in self.all().await? {
            let Some(secret) = self.readable(&channel).app_secret else { continue };
            let known = tried.iter().find(|(known, _)| *known == secret).map(|(_, signed)| *signed);
            let signed = known.unwrap_or_else(|| is_signed(&secret, body, signature));
            if known.is_none() {
                tried.push((secret, signed));
            }
            if signed {
                right.push(channel);
            }
        }
        Ok(right)
    }

    /// One channel whose secrets cannot be opened must not silence the others.
    fn readable(&self, channel: &Channel) -> WhatsappSecrets {
        self.secrets_of(channel).unwrap_or_else(|error| {
            tracing::error!(%error, channel = %channel.id, "the secrets of a channel cannot be opened; write them again");
            WhatsappSecrets::default()
        })
    }
}

/// HMAC-SHA256 over the bytes as they came, compared in constant time.
fn is_signed(secret: &Secret, body: &[u8], signature: &[u8; 32]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

/// Compares the hashes, so that the time says nothing about where texts differ, nor how long they are.
fn same(one: &[u8], other: &[u8]) -> bool {
    use crate::id::KeyHash;
    let (one, other) = (KeyHash::of(one), KeyHash::of(other));
    one.0.iter().zip(other.0.iter()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

//! Which web sites may call: the public URL's own origin, the configured ones, and those of all channels.

use parlor_domain::channel::{ChannelService, Origin};
use parlor_domain::store::RepositoryError;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// What the operator configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfiguredOrigins {
    /// These, perhaps none.
    Listed(Vec<Origin>),
    /// `*`.
    Any,
}

/// The sites that may call, as of the last refresh.
pub struct AllowedOrigins {
    own: Origin,
    configured: ConfiguredOrigins,
    /// From channels; read by every request with an `Origin`, so kept here.
    channels: RwLock<Arc<HashSet<String>>>,
}

impl AllowedOrigins {
    /// Knows the public URL's origin and what the operator configured.
    #[must_use]
    pub fn new(own: Origin, configured: ConfiguredOrigins) -> Self {
        Self {
            own,
            configured,
            channels: RwLock::default(),
        }
    }

    /// Reads the channels' origins anew; called at start, on a timer and when channels change.
    ///
    /// # Errors
    /// Storage failed; what was known stays.
    pub async fn refresh(&self, channels: &ChannelService) -> Result<(), RepositoryError> {
        let origins = channels
            .all()
            .await?
            .iter()
            .flat_map(|channel| channel.origins.iter().map(|origin| origin.as_str().to_owned()))
            .collect();
        *self.channels.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(origins);
        Ok(())
    }

    /// Whether `*` is configured.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.configured == ConfiguredOrigins::Any
    }

    /// Whether, since nobody named any site, all of this machine's own may call.
    #[must_use]
    pub fn allows_local(&self) -> bool {
        let configured = matches!(&self.configured, ConfiguredOrigins::Listed(list) if list.is_empty());
        configured && self.channels.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether a site may call.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        if self.is_any() || origin == self.own.as_str() {
            return true;
        }
        if let ConfiguredOrigins::Listed(list) = &self.configured
            && list.iter().any(|known| known.as_str() == origin)
        {
            return true;
        }
        if self.channels.read().unwrap_or_else(PoisonError::into_inner).contains(origin) {
            return true;
        }
        self.allows_local() && Origin::parse(origin).is_ok_and(|origin| origin.is_local())
    }

    /// Whether it is the server's own site.
    #[must_use]
    pub fn is_own(&self, origin: &str) -> bool {
        origin == self.own.as_str()
    }

    /// Whether a site may use a channel: the channel's own origins, if it names any, and what is allowed everywhere.
    #[must_use]
    pub fn fits_channel(&self, origin: &str, channel_origins: &[Origin]) -> bool {
        let everywhere = self.is_any()
            || self.is_own(origin)
            || matches!(&self.configured, ConfiguredOrigins::Listed(list) if list.iter().any(|known| known.as_str() == origin));
        everywhere || channel_origins.is_empty() || channel_origins.iter().any(|known| known.as_str() == origin)
    }
}

//! Agent: a human on our side, and how one proves to be it.

mod auth;
mod directory;
mod model;
mod repository;
mod sellers;
mod service;

pub use auth::{ACCESS_LIFETIME, AuthError, AuthService, LoginTokens, REFRESH_LIFETIME, SetupError};
pub use directory::{API_KEY_PREFIX, AgentDirectory, AuthenticationError, Bearer, Caller};
pub use model::{Agent, AgentSettings, ApiKey, ApiScope, Invitation, Login, Role};
pub use repository::{AgentRepository, ApiKeyRepository, InvitationRepository, LoginRepository};
pub(crate) use sellers::ADDRESS_HOLDS_FOR;
pub use sellers::{SellerError, SellerService};
pub use service::{AgentError, AgentService, EditAgent, NewAgent};

//! What all handlers share.

use crate::families::shared::FileLinks;
use crate::limits::Limiters;
use crate::network::Network;
use crate::origins::AllowedOrigins;
use crate::socket_io::Engine;
use crate::ws::Hub;
use parlor_domain::agent::{AgentDirectory, AgentService, AuthService, SellerService};
use parlor_domain::article::ArticleService;
use parlor_domain::assistant::AssistantService;
use parlor_domain::attachment::{AttachmentService, RemoteFiles};
use parlor_domain::channel::ChannelService;
use parlor_domain::clock::Clock;
use parlor_domain::conversation::{ConversationReader, ConversationService};
use parlor_domain::event::EventBus;
use parlor_domain::id::Ids;
use parlor_domain::realtime::TicketService;
use parlor_domain::session::SessionService;
use parlor_domain::store::Store;
use parlor_domain::visitor::{GeoLocator, VisitorService};
use parlor_domain::whatsapp::WhatsappService;
use parlor_domain::workspace::WorkspaceService;
use std::sync::Arc;

/// What the operator configured that handlers look at.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Where browsers reach the server, without a last slash.
    pub public_url: String,
    /// Whether it is reached by https.
    pub secure: bool,
    /// Whether sockets take `?token=`.
    pub query_tokens: bool,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// What opens `/metrics` on the main port; `None`: it is not there.
    pub metrics_token: Option<String>,
}

/// Gives the metrics as Prometheus text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Services and settings, one for the whole process.
pub struct AppState {
    /// For the readiness check.
    pub store: Arc<dyn Store>,
    /// For the readiness check and for signals.
    pub bus: Arc<dyn EventBus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Tenants.
    pub workspaces: Arc<WorkspaceService>,
    /// Entry points.
    pub channels: Arc<ChannelService>,
    /// People on the outside.
    pub visitors: Arc<VisitorService>,
    /// Visits.
    pub sessions: Arc<SessionService>,
    /// What people do with conversations.
    pub conversations: Arc<ConversationService>,
    /// The assistant of all channels.
    pub assistant: Arc<AssistantService>,
    /// Files of conversations.
    pub attachments: Arc<AttachmentService>,
    /// Links to them.
    pub links: Arc<FileLinks>,
    /// Files on servers that callers name.
    pub remote_files: Arc<dyn RemoteFiles>,
    /// Customers on WhatsApp.
    pub whatsapp: Arc<WhatsappService>,
    /// Help articles.
    pub articles: Arc<ArticleService>,
    /// Reading conversations.
    pub reader: Arc<ConversationReader>,
    /// People on our side.
    pub agents: Arc<AgentService>,
    /// Sellers of a marketplace.
    pub sellers: Arc<SellerService>,
    /// Logging in.
    pub auth: Arc<AuthService>,
    /// Who a token belongs to.
    pub directory: Arc<AgentDirectory>,
    /// Socket tickets.
    pub tickets: Arc<TicketService>,
    /// The sockets of this node.
    pub hub: Arc<Hub>,
    /// The Socket.IO sessions of this node.
    pub engine: Arc<Engine>,
    /// How much a caller may do.
    pub limits: Limiters,
    /// Which sites may call.
    pub origins: AllowedOrigins,
    /// What the operator configured.
    pub settings: ApiSettings,
    /// Where addresses are.
    pub geo: Arc<dyn GeoLocator>,
    /// The metrics, if they are collected.
    pub metrics: Option<RenderMetrics>,
}

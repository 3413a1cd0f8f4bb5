//! The one file that names every adapter.

use crate::config::{AllowedOrigins as ConfiguredSites, ConfigError, HostJwtSettings, HostKeys, Settings};
use actix_web::web;
use parlor_api::families::shared::FileLinks;
use parlor_api::limits::Limiters;
use parlor_api::origins::{AllowedOrigins, ConfiguredOrigins};
use parlor_api::socket_io::Engine;
use parlor_api::state::{ApiSettings, AppState, RenderMetrics};
use parlor_api::ws::{Hub, HubDependencies};
use parlor_domain::agent::{AgentDirectory, AgentService, AuthService, SellerService};
use parlor_domain::article::ArticleService;
use parlor_domain::assistant::{AssistantDependencies, AssistantService, LiveAnswers};
use parlor_domain::attachment::{AttachmentService, RemoteFiles};
use parlor_domain::channel::ChannelService;
use parlor_domain::clock::Clock;
use parlor_domain::conversation::{ConversationReader, ConversationService, ConversationStore, ConversationWriter, WriterSettings};
use parlor_domain::event::EventBus;
use parlor_domain::id::Ids;
use parlor_domain::realtime::TicketService;
use parlor_domain::security::{HostTokens, PasswordHasher, SecretBox, Tokens};
use parlor_domain::session::SessionService;
use parlor_domain::store::Store;
use parlor_domain::visitor::{GeoLocator, NoPlaces, VisitorService};
use parlor_domain::whatsapp::{Numbers, WhatsappService};
use parlor_domain::workspace::WorkspaceService;
use parlor_infra::assistant::OpenAiModel;
use parlor_infra::channel::whatsapp::CloudApi;
use parlor_infra::event_bus::LocalEventBus;
use parlor_infra::file::{DiskFiles, MagicBytes};
use parlor_infra::geo::MaxMindPlaces;
use parlor_infra::outgoing::{GuardedClient, GuardedRemoteFiles};
use parlor_infra::persistence::SeaOrmStore;
use parlor_infra::security::{AesSecretBox, Argon2PasswordHasher, HmacLinkSigner, HostJwt, JwtTokens, KeySet, ServerSecret};
use parlor_infra::system::{SystemClock, SystemIds, SystemTimer};
use std::sync::Arc;

/// The application, put together. Nothing runs yet.
pub struct Wired {
    /// What handlers share.
    pub state: web::Data<AppState>,
    /// Its lanes want to be run.
    pub writer: Arc<ConversationWriter>,
    /// The database, for its care.
    pub store: Arc<SeaOrmStore>,
    /// The host site's key set, if it has one; wants to be kept fresh.
    pub host_keys: Option<Arc<KeySet>>,
}

/// What the outside world is. Tests put in their own.
pub struct World {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Between nodes.
    pub bus: Arc<dyn EventBus>,
}

impl World {
    /// The real one, for a single node.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            bus: Arc::new(LocalEventBus::new()),
        }
    }
}

/// Puts the application together.
///
/// # Errors
/// A helper cannot be made from the settings.
pub fn wire(settings: &Settings, store: Arc<SeaOrmStore>, secret: &ServerSecret, world: World, metrics: Option<RenderMetrics>) -> anyhow::Result<Wired> {
    let World { clock, ids, bus } = world;
    let lanes = if store.is_sqlite() { 1 } else { settings.writer_lanes };
    let database: Arc<dyn Store> = store.clone();
    let conversation_store: Arc<dyn ConversationStore> = store.clone();
    let hasher: Arc<dyn PasswordHasher> = Arc::new(Argon2PasswordHasher::new()?);
    let tokens: Arc<dyn Tokens> = Arc::new(JwtTokens::new(secret)?);
    let secrets: Arc<dyn SecretBox> = Arc::new(AesSecretBox::new(secret)?);

    let writer = ConversationWriter::new(
        conversation_store.clone(),
        bus.clone(),
        clock.clone(),
        ids.clone(),
        WriterSettings {
            lanes,
            ..WriterSettings::default()
        },
    );
    let channels = ChannelService::new(
        database.clone(),
        bus.clone(),
        clock.clone(),
        ids.clone(),
        secrets.clone(),
        settings.default_channel,
    );
    let articles = Arc::new(ArticleService::new(database.clone(), clock.clone(), ids.clone()));
    let outgoing = Arc::new(GuardedClient::new(&settings.outgoing_allow)?);
    let attachments = Arc::new(AttachmentService::new(
        database.clone(),
        Arc::new(files(settings)?),
        Arc::new(MagicBytes),
        clock.clone(),
        ids.clone(),
    ));
    let links = FileLinks::new(Arc::new(HmacLinkSigner::new(secret)?), clock.clone(), settings.public_url.clone());
    let links = Arc::new(links);
    let whatsapp = Arc::new(WhatsappService::new(
        database.clone(),
        writer.clone(),
        channels.clone(),
        Numbers::new(channels.clone(), settings.whatsapp.clone()),
        attachments.clone(),
        Arc::new(CloudApi::new(outgoing.clone())),
        clock.clone(),
        ids.clone(),
    ));
    let remote_files: Arc<dyn RemoteFiles> = Arc::new(GuardedRemoteFiles::new(outgoing.clone()));
    let (host, host_keys) = match &settings.host_jwt {
        Some(host) => host_tokens(host, &outgoing)?,
        None => (None, None),
    };
    let assistant = Arc::new(AssistantService::new(AssistantDependencies {
        store: database.clone(),
        writer: writer.clone(),
        channels: channels.clone(),
        articles: articles.clone(),
        model: Arc::new(OpenAiModel::new(outgoing, clock.clone())),
        live: LiveAnswers::new(clock.clone(), &*bus),
        bus: bus.clone(),
        clock: clock.clone(),
        timer: Arc::new(SystemTimer),
        operator: settings.assistant.clone(),
    }));
    let directory = AgentDirectory::new(database.clone(), &*bus, clock.clone(), tokens.clone(), host);
    let visitors = VisitorService::new(database.clone(), bus.clone(), clock.clone(), ids.clone(), secrets.clone(), writer.clone());
    let conversations = ConversationService::new(
        database.clone(),
        writer.clone(),
        visitors.clone(),
        bus.clone(),
        clock.clone(),
        ids.clone(),
        secrets.clone(),
    );
    let conversations = Arc::new(conversations);
    let reader = Arc::new(ConversationReader::new(database.clone()));
    let hub = Hub::new(HubDependencies {
        bus: bus.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        reader: reader.clone(),
        links: links.clone(),
        conversations: conversation_store,
        directory: directory.clone(),
        visitors: visitors.clone(),
        limits: settings.limits,
        alone: true,
    });
    let configured = match &settings.allowed_origins {
        ConfiguredSites::Any => ConfiguredOrigins::Any,
        ConfiguredSites::Listed(list) => ConfiguredOrigins::Listed(list.clone()),
    };

    let state = AppState {
        workspaces: Arc::new(WorkspaceService::new(database.clone(), clock.clone(), ids.clone())),
        channels,
        assistant,
        attachments,
        links,
        remote_files,
        whatsapp,
        articles,
        visitors,
        sessions: Arc::new(SessionService::new(database.clone(), clock.clone(), ids.clone(), secrets)),
        conversations,
        reader,
        agents: Arc::new(AgentService::new(
            database.clone(),
            bus.clone(),
            clock.clone(),
            ids.clone(),
            hasher.clone(),
            writer.clone(),
        )),
        sellers: Arc::new(SellerService::new(database.clone(), bus.clone(), clock.clone(), ids.clone(), writer.clone())),
        auth: Arc::new(AuthService::new(database.clone(), bus.clone(), clock.clone(), ids.clone(), hasher, tokens)),
        directory,
        tickets: Arc::new(TicketService::new(database.clone(), clock.clone(), ids.clone())),
        hub,
        engine: Arc::new(Engine::default()),
        limits: Limiters::new(settings.limits),
        origins: AllowedOrigins::new(settings.public_origin.clone(), configured),
        settings: ApiSettings {
            public_url: settings.public_url.clone(),
            secure: settings.public_url.starts_with("https://"),
            query_tokens: settings.query_tokens,
            trusted_proxies: settings.trusted_proxies.clone(),
            metrics_token: settings.metrics_token.as_ref().map(|token| token.expose().to_owned()),
        },
        geo: places(settings)?,
        metrics,
        store: database,
        bus,
        clock,
        ids,
    };
    Ok(Wired {
        state: web::Data::new(state),
        writer,
        store,
        host_keys,
    })
}

type HostTokensAndKeys = (Option<Arc<dyn HostTokens>>, Option<Arc<KeySet>>);

/// A wrong file would lock out everybody of the host site, so it stops the start; an address that does not answer may do so later.
fn host_tokens(host: &HostJwtSettings, outgoing: &Arc<GuardedClient>) -> Result<HostTokensAndKeys, ConfigError> {
    let (audience, issuer) = (host.audience.as_deref(), host.issuer.as_deref());
    match &host.keys {
        HostKeys::Shared(secret) => {
            let tokens = HostJwt::with_secret(secret.expose(), audience, issuer, &host.role_claim);
            Ok((Some(Arc::new(tokens)), None))
        }
        HostKeys::Published(place) => {
            let keys = KeySet::open(place.clone(), outgoing.clone()).map_err(|error| ConfigError {
                variable: "PARLOR_HOST_JWT_JWKS",
                advice: format!("names {place}, which {error}; give the address or the file of your site's key set"),
            })?;
            let keys = Arc::new(keys);
            let tokens = HostJwt::with_key_set(keys.clone(), audience, issuer, &host.role_claim);
            Ok((Some(Arc::new(tokens)), Some(keys)))
        }
    }
}

/// A folder that cannot be written would show only with the first file, so it stops the start.
fn files(settings: &Settings) -> Result<DiskFiles, ConfigError> {
    let folder = settings.data_dir.join("files");
    DiskFiles::open(&folder).map_err(|error| ConfigError {
        variable: "PARLOR_DATA_DIR",
        advice: format!("must be a folder in which this server may write: {}: {error}", folder.display()),
    })
}

/// A wrong file would show only as missing places, months later, so it stops the start.
fn places(settings: &Settings) -> Result<Arc<dyn GeoLocator>, ConfigError> {
    let Some(path) = &settings.geo_database else { return Ok(Arc::new(NoPlaces)) };
    let places = MaxMindPlaces::open(path).map_err(|error| ConfigError {
        variable: "PARLOR_GEO_DATABASE",
        advice: format!(
            "names {}, which {error}; give a file such as GeoLite2-City.mmdb, or leave the variable out",
            path.display()
        ),
    })?;
    Ok(Arc::new(places))
}

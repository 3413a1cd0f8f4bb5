//! The configuration: what may be written ([`Config`]) and what it means ([`Settings`]).
//!
//! Everything is read as text, so that a value that cannot be used is answered with the name of its variable and what to write,
//! and an empty variable counts as none: compose files and env files leave such behind.

mod describe;
mod value;

pub use describe::{Variable, env_example, everywhere, variables};

use clap::Args;
use parlor_api::limits_config::Limits;
use parlor_api::network::Network;
use parlor_domain::assistant::{ModelKey, OperatorModel};
use parlor_domain::channel::Origin;
use parlor_domain::id::ChannelId;
use parlor_domain::whatsapp::{Secret, WhatsappDefaults, WhatsappSecrets, WhatsappSettings};
use parlor_infra::security::{KeySetPlace, ServerSecret};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use value::{given, lanes, limit, minute_rate, on_off, or_default, parsed, rate, separated};

/// What may be written, as flag or variable.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub struct Config {
    /// Address and port for API, sockets, pages and documents
    #[arg(long, env = "PARLOR_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Where browsers reach this server, for links and snippets; its origin is always allowed. Without it: http:// and the listen address
    #[arg(long, env = "PARLOR_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Folder of the database file, the server's secret, uploads and the lock
    #[arg(long, env = "PARLOR_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    pub data_dir: String,
    /// postgres://user:password@host/database. Without it: SQLite in the data folder
    #[arg(long, env = "PARLOR_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<SecretText>,
    /// Lanes that write conversations; SQLite has one
    #[arg(long, env = "PARLOR_WRITER_LANES", default_value = "2", value_name = "NUMBER")]
    pub writer_lanes: String,
    /// Secret of at least 32 bytes from which the signing and encryption keys come; make one with: openssl rand -hex 32. Without it:
    /// made in the data folder on SQLite; on Postgres it is demanded, since all nodes share it
    #[arg(long, env = "PARLOR_SECRET_KEY", value_name = "SECRET", hide_env_values = true)]
    pub secret_key: Option<SecretText>,
    /// Origins of sites whose pages may call this server besides those of the channels, separated by commas, or *
    #[arg(long, env = "PARLOR_ALLOWED_ORIGINS", value_name = "ORIGINS")]
    pub allowed_origins: Option<String>,
    /// Addresses and networks of proxies whose forwarding headers are believed, separated by commas
    #[arg(long, env = "PARLOR_TRUSTED_PROXIES", value_name = "ADDRESSES")]
    pub trusted_proxies: Option<String>,
    /// Id of the channel of strangers whose request names none. Without it: the first web channel
    #[arg(long, env = "PARLOR_DEFAULT_CHANNEL", value_name = "ID")]
    pub default_channel: Option<String>,
    /// Secret of at least 32 bytes with which the host site signs tokens for its users (HS256)
    #[arg(long, env = "PARLOR_HOST_JWT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub host_jwt_secret: Option<SecretText>,
    /// Key set (JWKS) of a host site that signs with RS256 or ES256, in place of a secret: an http(s) address or a file
    #[arg(long, env = "PARLOR_HOST_JWT_JWKS", value_name = "URL|FILE")]
    pub host_jwt_jwks: Option<String>,
    /// Audience that tokens of the host site must name. Without it: not checked
    #[arg(long, env = "PARLOR_HOST_JWT_AUDIENCE", value_name = "NAME")]
    pub host_jwt_audience: Option<String>,
    /// Issuer that tokens of the host site must name. Without it: not checked
    #[arg(long, env = "PARLOR_HOST_JWT_ISSUER", value_name = "NAME")]
    pub host_jwt_issuer: Option<String>,
    /// Claim of the host site's tokens that makes a seller
    #[arg(long, env = "PARLOR_HOST_JWT_ROLE_CLAIM", default_value = "role", value_name = "NAME")]
    pub host_jwt_role_claim: String,
    /// Model server of all channels that name none: an OpenAI-compatible address that mostly ends in /v1. Without it help articles answer
    #[arg(long, env = "PARLOR_ASSISTANT_BASE_URL", value_name = "URL")]
    pub assistant_base_url: Option<String>,
    /// Name of the model
    #[arg(long, env = "PARLOR_ASSISTANT_MODEL", value_name = "NAME")]
    pub assistant_model: Option<String>,
    /// Key of the model server. Without it no Authorization header is sent
    #[arg(long, env = "PARLOR_ASSISTANT_API_KEY", value_name = "SECRET", hide_env_values = true)]
    pub assistant_api_key: Option<SecretText>,
    /// A WhatsApp number of this server: the phone number id, in digits, that the platform's console shows
    #[arg(long, env = "PARLOR_WHATSAPP_PHONE_NUMBER_ID", value_name = "ID")]
    pub whatsapp_phone_number_id: Option<String>,
    /// Id of the WhatsApp Business account that it belongs to
    #[arg(long, env = "PARLOR_WHATSAPP_WABA_ID", value_name = "ID")]
    pub whatsapp_waba_id: Option<String>,
    /// Access token of that number. Without it messages are only logged, and none is sent
    #[arg(long, env = "PARLOR_WHATSAPP_ACCESS_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub whatsapp_access_token: Option<SecretText>,
    /// App secret with which the platform signs what it delivers for that number. Without it nothing is taken
    #[arg(long, env = "PARLOR_WHATSAPP_APP_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub whatsapp_app_secret: Option<SecretText>,
    /// What the platform says when it subscribes: the same text as in its console
    #[arg(long, env = "PARLOR_WHATSAPP_VERIFY_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub whatsapp_verify_token: Option<SecretText>,
    /// Where the platform is, for all numbers that name no other. Without it: https://graph.facebook.com
    #[arg(long, env = "PARLOR_WHATSAPP_GRAPH_BASE_URL", value_name = "URL")]
    pub whatsapp_graph_base_url: Option<String>,
    /// Hosts (host or host:port) that channels may name although they are in a private network, separated by commas
    #[arg(long, env = "PARLOR_OUTGOING_ALLOW", value_name = "HOSTS")]
    pub outgoing_allow: Option<String>,
    /// File that tells where addresses are, in the layout of GeoLite2-City. Without it visitors have no place
    #[arg(long, env = "PARLOR_GEO_DATABASE", value_name = "FILE")]
    pub geo_database: Option<String>,
    /// Address and port of an own listener for /metrics
    #[arg(long, env = "PARLOR_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<String>,
    /// Bearer token for /metrics. With neither listener nor token there is no /metrics
    #[arg(long, env = "PARLOR_METRICS_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub metrics_token: Option<SecretText>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as info,parlor_api=debug
    #[arg(long, env = "PARLOR_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// How it is logged: text or json
    #[arg(long, env = "PARLOR_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: String,
    /// Whether sockets take a staff token in the address (?token=): on or off
    #[arg(long, env = "PARLOR_QUERY_TOKENS", default_value = "on", value_name = "ON|OFF")]
    pub query_tokens: String,
    /// How much a caller may do.
    #[command(flatten)]
    pub limit: LimitConfig,
}

/// What may be written about limits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits, counted by each node; 0 switches one off")]
pub struct LimitConfig {
    /// Whether there are limits at all: on or off
    #[arg(long, env = "PARLOR_LIMITS", default_value = "on", value_name = "ON|OFF")]
    pub limits: String,
    /// New visitors for an address and minute
    #[arg(long, env = "PARLOR_LIMIT_VISITORS", default_value = "30", value_name = "NUMBER")]
    pub limit_visitors: String,
    /// New conversations for an address and minute
    #[arg(long, env = "PARLOR_LIMIT_CONVERSATIONS", default_value = "60", value_name = "NUMBER")]
    pub limit_conversations: String,
    /// Requests for an address and minute
    #[arg(long, env = "PARLOR_LIMIT_REQUESTS", default_value = "600", value_name = "NUMBER")]
    pub limit_requests: String,
    /// Tried logins for an account and minute
    #[arg(long, env = "PARLOR_LIMIT_LOGINS_ACCOUNT", default_value = "5", value_name = "NUMBER")]
    pub limit_logins_account: String,
    /// Tried logins for an address and minute
    #[arg(long, env = "PARLOR_LIMIT_LOGINS_ADDRESS", default_value = "20", value_name = "NUMBER")]
    pub limit_logins_address: String,
    /// Questions of a visitor to the assistant: a minute, and after the slash at once
    #[arg(long, env = "PARLOR_LIMIT_QUESTIONS", default_value = "30/5", value_name = "RATE/BURST")]
    pub limit_questions: String,
    /// Messages of a visitor, for a connection: a second, and after the slash at once
    #[arg(long, env = "PARLOR_LIMIT_VISITOR_MESSAGES", default_value = "1/10", value_name = "RATE/BURST")]
    pub limit_visitor_messages: String,
    /// Messages of an agent, for a connection: a second, and after the slash at once
    #[arg(long, env = "PARLOR_LIMIT_AGENT_MESSAGES", default_value = "5/30", value_name = "RATE/BURST")]
    pub limit_agent_messages: String,
    /// Frames of any kind, for a connection: a second, and after the slash at once
    #[arg(long, env = "PARLOR_LIMIT_COMMANDS", default_value = "10/40", value_name = "RATE/BURST")]
    pub limit_commands: String,
    /// Bytes a second, for a connection
    #[arg(long, env = "PARLOR_LIMIT_BYTES", default_value = "65536", value_name = "NUMBER")]
    pub limit_bytes: String,
    /// Open sockets of a visitor
    #[arg(long, env = "PARLOR_LIMIT_VISITOR_SOCKETS", default_value = "10", value_name = "NUMBER")]
    pub limit_visitor_sockets: String,
    /// Open sockets of an agent
    #[arg(long, env = "PARLOR_LIMIT_AGENT_SOCKETS", default_value = "20", value_name = "NUMBER")]
    pub limit_agent_sockets: String,
    /// New sockets for an address and minute
    #[arg(long, env = "PARLOR_LIMIT_CONNECTIONS", default_value = "50", value_name = "NUMBER")]
    pub limit_connections: String,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// The plain text, for whoever checks or uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// A value that cannot be used: which, and what to write instead. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {advice}")]
pub struct ConfigError {
    /// The variable.
    pub variable: &'static str,
    /// What to write.
    pub advice: String,
}

/// Where everything is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file in the data folder.
    Sqlite(PathBuf),
    /// A server, by its URL, which holds a password.
    Postgres(SecretText),
}

/// Which sites may call from a browser, besides those of the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every one.
    Any,
    /// These, perhaps none.
    Listed(Vec<Origin>),
}

/// How tokens of the host site are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostJwtSettings {
    /// What they are signed with.
    pub keys: HostKeys,
    /// The audience they must name.
    pub audience: Option<String>,
    /// The issuer they must name.
    pub issuer: Option<String>,
    /// The claim with the role.
    pub role_claim: String,
}

/// What the host site signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeys {
    /// A secret that it shares with this server.
    Shared(SecretText),
    /// Keys of its own, whose public halves are here.
    Published(KeySetPlace),
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where browsers reach it, without a slash at the end.
    pub public_url: String,
    /// The origin of [`Self::public_url`].
    pub public_origin: Origin,
    /// The folder of all files.
    pub data_dir: PathBuf,
    /// Where everything is stored.
    pub database: Database,
    /// How many lanes write conversations.
    pub writer_lanes: usize,
    /// The server's secret; `None` on SQLite means the one in [`Self::secret_file`].
    pub secret_key: Option<ServerSecret>,
    /// Which sites may call.
    pub allowed_origins: AllowedOrigins,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Where strangers belong.
    pub default_channel: Option<ChannelId>,
    /// How tokens of the host site are checked; `None`: they are not taken.
    pub host_jwt: Option<HostJwtSettings>,
    /// The model server of all channels that name none.
    pub assistant: OperatorModel,
    /// The number of the environment, and where the platform is.
    pub whatsapp: WhatsappDefaults,
    /// Hosts that may be called although they are private.
    pub outgoing_allow: Vec<String>,
    /// The file with the places of addresses.
    pub geo_database: Option<PathBuf>,
    /// Own listener for `/metrics`.
    pub metrics_listen: Option<SocketAddr>,
    /// Token for `/metrics`.
    pub metrics_token: Option<SecretText>,
    /// The filter of the log.
    pub log: String,
    /// How the log is written.
    pub log_format: LogFormat,
    /// Whether sockets take `?token=`.
    pub query_tokens: bool,
    /// How much a caller may do.
    pub limits: Limits,
}

impl Settings {
    /// The file of the secret that the server makes itself.
    #[must_use]
    pub fn secret_file(&self) -> PathBuf {
        self.data_dir.join("secret")
    }
}

impl TryFrom<Config> for Settings {
    type Error = ConfigError;

    fn try_from(config: Config) -> Result<Self, ConfigError> {
        let listen: SocketAddr = parsed(
            "PARLOR_LISTEN",
            &or_default("PARLOR_LISTEN", &config.listen),
            "must be an address and port such as 0.0.0.0:8080",
        )?;
        let (public_url, public_origin) = match given(config.public_url.as_deref()) {
            Some(url) => value::public_url(url)?,
            None => value::public_url(&own_url(listen))?,
        };
        let data_dir = PathBuf::from(or_default("PARLOR_DATA_DIR", &config.data_dir));
        let database = match given(config.database_url.as_ref().map(SecretText::expose)) {
            Some(url) => value::postgres(url)?,
            None => Database::Sqlite(data_dir.join("parlor.db")),
        };
        let secret_key = given(config.secret_key.as_ref().map(SecretText::expose))
            .map(value::server_secret)
            .transpose()?;
        let lanes = lanes(&or_default("PARLOR_WRITER_LANES", &config.writer_lanes))?;
        let writer_lanes = match &database {
            Database::Sqlite(_) => 1,
            Database::Postgres(_) if secret_key.is_none() => {
                return Err(ConfigError {
                    variable: "PARLOR_SECRET_KEY",
                    advice: format!("must be given with Postgres, the same on all nodes; {}", value::HOW_TO_MAKE_ONE),
                });
            }
            Database::Postgres(_) => lanes,
        };
        Ok(Self {
            listen,
            public_url,
            public_origin,
            data_dir,
            database,
            writer_lanes,
            secret_key,
            allowed_origins: value::allowed_origins(given(config.allowed_origins.as_deref()))?,
            trusted_proxies: separated("PARLOR_TRUSTED_PROXIES", given(config.trusted_proxies.as_deref()), |text| {
                text.parse::<Network>()
            })?,
            default_channel: given(config.default_channel.as_deref())
                .map(|id| parsed("PARLOR_DEFAULT_CHANNEL", id, "must be the id of a channel, a UUID"))
                .transpose()?,
            host_jwt: host_jwt(&config)?,
            assistant: assistant(&config)?,
            whatsapp: whatsapp(&config)?,
            outgoing_allow: separated("PARLOR_OUTGOING_ALLOW", given(config.outgoing_allow.as_deref()), value::host)?,
            geo_database: given(config.geo_database.as_deref()).map(PathBuf::from),
            metrics_listen: given(config.metrics_listen.as_deref())
                .map(|text| parsed("PARLOR_METRICS_LISTEN", text, "must be an address and port such as 127.0.0.1:9090"))
                .transpose()?,
            metrics_token: given(config.metrics_token.as_ref().map(SecretText::expose)).map(|token| SecretText(token.to_owned())),
            log: value::log_filter(or_default("PARLOR_LOG", &config.log))?,
            log_format: match or_default("PARLOR_LOG_FORMAT", &config.log_format).as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => {
                    return Err(ConfigError {
                        variable: "PARLOR_LOG_FORMAT",
                        advice: "must be text or json".into(),
                    });
                }
            },
            query_tokens: on_off("PARLOR_QUERY_TOKENS", &config.query_tokens)?,
            limits: limits(&config.limit)?,
        })
    }
}

/// What to call this server when nobody says. No browser can open the address that stands for all addresses.
fn own_url(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}

fn host_jwt(config: &Config) -> Result<Option<HostJwtSettings>, ConfigError> {
    let (audience, issuer) = (given(config.host_jwt_audience.as_deref()), given(config.host_jwt_issuer.as_deref()));
    let secret = given(config.host_jwt_secret.as_ref().map(SecretText::expose));
    let keys = match (secret, given(config.host_jwt_jwks.as_deref())) {
        (Some(secret), None) => value::host_secret(secret)?,
        (None, Some(place)) => value::host_key_set(place)?,
        (Some(_), Some(_)) => {
            return Err(ConfigError {
                variable: "PARLOR_HOST_JWT_JWKS",
                advice: "cannot stand beside PARLOR_HOST_JWT_SECRET: leave out the secret if your site signs with RS256 or ES256, \
                         the key set if it signs with HS256"
                    .into(),
            });
        }
        (None, None) => {
            let useless = [("PARLOR_HOST_JWT_AUDIENCE", audience), ("PARLOR_HOST_JWT_ISSUER", issuer)]
                .into_iter()
                .find(|(_, value)| value.is_some());
            return match useless {
                Some((variable, _)) => Err(ConfigError {
                    variable,
                    advice: "needs PARLOR_HOST_JWT_SECRET or PARLOR_HOST_JWT_JWKS beside it".into(),
                }),
                None => Ok(None),
            };
        }
    };
    if issuer == Some("parlor") {
        return Err(ConfigError {
            variable: "PARLOR_HOST_JWT_ISSUER",
            advice: "must not be parlor: so this server signs its own tokens, and never takes one as the host's".into(),
        });
    }
    Ok(Some(HostJwtSettings {
        keys,
        audience: audience.map(str::to_owned),
        issuer: issuer.map(str::to_owned),
        role_claim: or_default("PARLOR_HOST_JWT_ROLE_CLAIM", &config.host_jwt_role_claim),
    }))
}

fn assistant(config: &Config) -> Result<OperatorModel, ConfigError> {
    let base_url = given(config.assistant_base_url.as_deref()).map(value::model_server).transpose()?;
    let model = given(config.assistant_model.as_deref());
    let api_key = config.assistant_api_key.as_ref().and_then(|key| ModelKey::new(key.expose()));
    let missing = |variable, other| ConfigError {
        variable,
        advice: format!("needs {other} beside it"),
    };
    match (&base_url, model) {
        (Some(_), None) => return Err(missing("PARLOR_ASSISTANT_BASE_URL", "PARLOR_ASSISTANT_MODEL")),
        (None, Some(_)) => return Err(missing("PARLOR_ASSISTANT_MODEL", "PARLOR_ASSISTANT_BASE_URL")),
        (None, None) if api_key.is_some() => return Err(missing("PARLOR_ASSISTANT_API_KEY", "PARLOR_ASSISTANT_BASE_URL")),
        _ => {}
    }
    Ok(OperatorModel {
        base_url,
        model: model.map(str::to_owned),
        api_key,
    })
}

fn whatsapp(config: &Config) -> Result<WhatsappDefaults, ConfigError> {
    let graph_base_url = given(config.whatsapp_graph_base_url.as_deref()).map(value::graph).transpose()?;
    let secret = |variable, text: &Option<SecretText>| {
        let text = given(text.as_ref().map(SecretText::expose));
        let read = text.map(Secret::parse).transpose();
        read.map_err(|error| ConfigError {
            variable,
            advice: error.to_string(),
        })
    };
    let secrets = WhatsappSecrets {
        access_token: secret("PARLOR_WHATSAPP_ACCESS_TOKEN", &config.whatsapp_access_token)?,
        app_secret: secret("PARLOR_WHATSAPP_APP_SECRET", &config.whatsapp_app_secret)?,
        verify_token: secret("PARLOR_WHATSAPP_VERIFY_TOKEN", &config.whatsapp_verify_token)?,
    };
    let waba_id = given(config.whatsapp_waba_id.as_deref()).map(str::to_owned);
    let Some(phone_number_id) = given(config.whatsapp_phone_number_id.as_deref()).map(str::to_owned) else {
        let useless = [
            ("PARLOR_WHATSAPP_ACCESS_TOKEN", secrets.access_token.is_some()),
            ("PARLOR_WHATSAPP_APP_SECRET", secrets.app_secret.is_some()),
            ("PARLOR_WHATSAPP_VERIFY_TOKEN", secrets.verify_token.is_some()),
            ("PARLOR_WHATSAPP_WABA_ID", waba_id.is_some()),
        ];
        return match useless.into_iter().find(|(_, given)| *given) {
            Some((variable, _)) => Err(ConfigError {
                variable,
                advice: "needs PARLOR_WHATSAPP_PHONE_NUMBER_ID beside it".into(),
            }),
            None => Ok(WhatsappDefaults {
                graph_base_url,
                ..WhatsappDefaults::default()
            }),
        };
    };
    let settings = WhatsappSettings {
        phone_number_id,
        waba_id,
        display_phone: None,
        graph_base_url: None,
        graph_version: None,
        templates: Vec::new(),
    };
    settings.check().map_err(|(field, error)| ConfigError {
        variable: if field == "waba_id" {
            "PARLOR_WHATSAPP_WABA_ID"
        } else {
            "PARLOR_WHATSAPP_PHONE_NUMBER_ID"
        },
        advice: error.to_string(),
    })?;
    Ok(WhatsappDefaults {
        graph_base_url,
        phone_number_id: Some(settings.phone_number_id),
        waba_id: settings.waba_id,
        secrets,
    })
}

/// All limits are read even when none is in force: a wrong value should not wait for the day somebody switches them on.
fn limits(config: &LimitConfig) -> Result<Limits, ConfigError> {
    let limits = Limits {
        visitors_per_minute: limit("PARLOR_LIMIT_VISITORS", &config.limit_visitors)?,
        conversations_per_minute: limit("PARLOR_LIMIT_CONVERSATIONS", &config.limit_conversations)?,
        requests_per_minute: limit("PARLOR_LIMIT_REQUESTS", &config.limit_requests)?,
        logins_account_per_minute: limit("PARLOR_LIMIT_LOGINS_ACCOUNT", &config.limit_logins_account)?,
        logins_address_per_minute: limit("PARLOR_LIMIT_LOGINS_ADDRESS", &config.limit_logins_address)?,
        questions: minute_rate("PARLOR_LIMIT_QUESTIONS", &config.limit_questions)?,
        visitor_messages: rate("PARLOR_LIMIT_VISITOR_MESSAGES", &config.limit_visitor_messages)?,
        agent_messages: rate("PARLOR_LIMIT_AGENT_MESSAGES", &config.limit_agent_messages)?,
        commands: rate("PARLOR_LIMIT_COMMANDS", &config.limit_commands)?,
        bytes_per_second: limit("PARLOR_LIMIT_BYTES", &config.limit_bytes)?,
        visitor_sockets: limit("PARLOR_LIMIT_VISITOR_SOCKETS", &config.limit_visitor_sockets)?,
        agent_sockets: limit("PARLOR_LIMIT_AGENT_SOCKETS", &config.limit_agent_sockets)?,
        connections_per_minute: limit("PARLOR_LIMIT_CONNECTIONS", &config.limit_connections)?,
    };
    Ok(if on_off("PARLOR_LIMITS", &config.limits)? { limits } else { Limits::OFF })
}

#[cfg(test)]
mod tests;

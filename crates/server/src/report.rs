//! What the start says is on, so that an operator sees at once what runs and what is open.

use crate::config::{AllowedOrigins, Database, HostKeys, Settings};
use parlor_api::state::AppState;
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::Numbers;
use std::fmt::Write;
use std::net::SocketAddr;

/// The report.
#[must_use]
pub fn start_report(settings: &Settings, state: &AppState, address: SocketAddr, channels: &[String], numbers: &[String], owner_link: Option<&str>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    let url = &settings.public_url;
    line("address", &format!("http://{address}   (public: {url})"));
    line(
        "database",
        &match &settings.database {
            Database::Sqlite(path) => format!("SQLite, {}", path.display()),
            Database::Postgres(_) => format!("Postgres, {} lanes", settings.writer_lanes),
        },
    );
    line("bus", "local: this is the only node");
    line("channels", &channels.join(", "));
    let socket_url = url.replacen("http", "ws", 1);
    line(
        "sockets",
        &format!(
            "{socket_url}/ws   /ws/admin/chat/   /ws/chat/{{room_id}}/{}",
            if settings.query_tokens { "" } else { "   (?token= is off)" }
        ),
    );
    line("docs", &format!("{url}/api/docs/   sockets: {url}/api/docs/asyncapi"));
    let origins = match &settings.allowed_origins {
        AllowedOrigins::Any => "* (any site may call)".to_owned(),
        AllowedOrigins::Listed(_) if state.origins.allows_local() => {
            format!("{}, and http://localhost:*, http://127.0.0.1:* while no other is named", settings.public_origin)
        }
        AllowedOrigins::Listed(list) => {
            let own = std::iter::once(settings.public_origin.to_string());
            own.chain(list.iter().map(ToString::to_string))
                .chain(std::iter::once("those of the channels".to_owned()))
                .collect::<Vec<_>>()
                .join(", ")
        }
    };
    line("origins", &origins);
    line(
        "assistant",
        &match (&settings.assistant.base_url, &settings.assistant.model) {
            (Some(url), Some(model)) => format!("{model} at {url}, else help articles"),
            _ => "help articles, and whatever model a channel names".to_owned(),
        },
    );
    if !numbers.is_empty() {
        line("WhatsApp", &format!("webhook {url}/api/channels/whatsapp/webhook"));
    }
    for number in numbers {
        line("", number);
    }
    line(
        "host JWT",
        &match settings.host_jwt.as_ref().map(|host| &host.keys) {
            Some(HostKeys::Shared(_)) => "HS256".to_owned(),
            Some(HostKeys::Published(place)) => format!("RS256, ES256 by the key set of {place}"),
            None => "off".to_owned(),
        },
    );
    line(
        "metrics",
        &match (settings.metrics_listen, &settings.metrics_token) {
            (Some(address), _) => format!("http://{address}/metrics"),
            (None, Some(_)) => format!("{url}/metrics with its token"),
            (None, None) => "off".to_owned(),
        },
    );
    let off = limits_off(settings);
    if !off.is_empty() {
        line("limits off", &off.join(", "));
    }
    match owner_link {
        Some(link) => format!(
            "Parlor {} is ready.\n{text}\n  Make the first owner (once, within 7 days):\n  {link}\n",
            env!("CARGO_PKG_VERSION")
        ),
        None => format!("Parlor {} is ready.\n{text}", env!("CARGO_PKG_VERSION")),
    }
}

/// A line for each WhatsApp number: which, live or log-only, and what its set-up lacks.
///
/// # Errors
/// Storage failed.
pub async fn whatsapp_lines(numbers: &Numbers) -> Result<Vec<String>, RepositoryError> {
    let mut lines = Vec::new();
    for channel in numbers.all().await? {
        let Some(settings) = &channel.whatsapp else { continue };
        let id = &settings.phone_number_id;
        let phone = settings.display_phone.as_ref().map(|phone| format!(" ({phone})")).unwrap_or_default();
        let Ok(secrets) = numbers.secrets_of(&channel) else {
            lines.push(format!("{id}{phone}: its secrets cannot be opened; write them again"));
            continue;
        };
        let mode = match (&secrets.access_token, &channel.whatsapp_health) {
            (None, _) => "log-only: nothing is sent (no access token)".to_owned(),
            (Some(_), Some(health)) => format!("live, but refused by the platform ({}: {})", health.code, health.message),
            (Some(_), None) => "live".to_owned(),
        };
        let lacks = [
            (secrets.app_secret.is_none(), "no app secret: deliveries are refused"),
            (secrets.verify_token.is_none(), "no verify token: the platform cannot subscribe"),
        ];
        let lacks: String = lacks.iter().filter(|(lacks, _)| *lacks).map(|(_, words)| format!("; {words}")).collect();
        lines.push(format!("{id}{phone}: {mode}{lacks}"));
    }
    Ok(lines)
}

fn limits_off(settings: &Settings) -> Vec<&'static str> {
    let limits = &settings.limits;
    let all = [
        ("visitors", limits.visitors_per_minute),
        ("conversations", limits.conversations_per_minute),
        ("requests", limits.requests_per_minute),
        ("logins by account", limits.logins_account_per_minute),
        ("logins by address", limits.logins_address_per_minute),
        ("visitor messages", limits.visitor_messages.per_second),
        ("agent messages", limits.agent_messages.per_second),
        ("questions", limits.questions.per_minute),
        ("commands", limits.commands.per_second),
        ("bytes", limits.bytes_per_second),
        ("visitor sockets", limits.visitor_sockets),
        ("agent sockets", limits.agent_sockets),
        ("connections", limits.connections_per_minute),
    ];
    all.into_iter().filter(|(_, limit)| *limit == 0).map(|(name, _)| name).collect()
}

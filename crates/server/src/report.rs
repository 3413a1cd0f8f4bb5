//! What the start says is on, so that an operator sees at once what runs and what is open.

use crate::config::{AllowedOrigins, Database, Settings};
use parlor_api::state::AppState;
use std::fmt::Write;
use std::net::SocketAddr;

/// The report.
#[must_use]
pub fn start_report(settings: &Settings, state: &AppState, address: SocketAddr, channels: &[String], owner_link: Option<&str>) -> String {
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
    line(
        "host JWT",
        match &settings.host_jwt {
            Some(_) => "HS256",
            None => "off",
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

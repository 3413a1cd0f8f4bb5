//! Reading single values.

use super::{AllowedOrigins, ConfigError, Database, HostKeys, SecretText, variables};
use parlor_api::limits_config::{MinuteRate, Rate};
use parlor_domain::channel::Origin;
use parlor_infra::outgoing::GuardedClient;
use parlor_infra::security::{KeySetPlace, ServerSecret, must_be_strong};
use std::fmt::Display;
use std::str::FromStr;
use tracing_subscriber::EnvFilter;

pub(super) const HOW_TO_MAKE_ONE: &str = "make one with: openssl rand -hex 32";

const MOST_LANES: usize = 64;

fn refuse(variable: &'static str, advice: impl Display) -> ConfigError {
    ConfigError {
        variable,
        advice: advice.to_string(),
    }
}

/// A text without the space around it, if anything is left.
pub(super) fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// A text without the space around it; of an empty one, the variable's default.
pub(super) fn or_default(variable: &'static str, text: &str) -> String {
    given(Some(text)).map_or_else(
        || {
            variables()
                .into_iter()
                .find(|known| known.name == variable)
                .and_then(|known| known.default)
                .unwrap_or_default()
        },
        str::to_owned,
    )
}

pub(super) fn parsed<T: FromStr>(variable: &'static str, text: &str, advice: &str) -> Result<T, ConfigError> {
    text.parse().map_err(|_| refuse(variable, advice))
}

pub(super) fn separated<T, E: Display>(variable: &'static str, text: Option<&str>, parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, ConfigError> {
    text.unwrap_or_default()
        .split(',')
        .filter_map(|item| given(Some(item)))
        .map(|item| parse(item).map_err(|error| refuse(variable, format!("has `{item}`: each {error}"))))
        .collect()
}

pub(super) fn on_off(variable: &'static str, text: &str) -> Result<bool, ConfigError> {
    match or_default(variable, text).to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(refuse(variable, "must be on or off")),
    }
}

pub(super) fn limit(variable: &'static str, text: &str) -> Result<u32, ConfigError> {
    parsed(variable, &or_default(variable, text), "must be a whole number, 0 for no limit")
}

/// `RATE/BURST`; a rate alone may come all at once, but what the default lets through at once stays possible.
pub(super) fn rate(variable: &'static str, text: &str) -> Result<Rate, ConfigError> {
    let advice = "must be a rate and a burst not below it, such as 5/30, or a rate alone; 0 for no limit";
    let (per_second, burst) = rate_and_burst(&or_default(variable, text)).ok_or_else(|| refuse(variable, advice))?;
    let usual_burst = rate_and_burst(&or_default(variable, "")).and_then(|(_, burst)| burst).unwrap_or_default();
    match (per_second, burst.unwrap_or(usual_burst.max(per_second))) {
        (0, _) => Ok(Rate::OFF),
        (_, burst) if burst < per_second => Err(refuse(variable, advice)),
        (_, burst) => Ok(Rate { per_second, burst }),
    }
}

/// `RATE/BURST` for a minute, of which not all may come at once; a rate alone has the default's burst.
pub(super) fn minute_rate(variable: &'static str, text: &str) -> Result<MinuteRate, ConfigError> {
    let advice = "must be a rate and a burst above 0, such as 30/5, or a rate alone; 0 for no limit";
    let (per_minute, burst) = rate_and_burst(&or_default(variable, text)).ok_or_else(|| refuse(variable, advice))?;
    let usual_burst = rate_and_burst(&or_default(variable, "")).and_then(|(_, burst)| burst).unwrap_or(1);
    match (per_minute, burst.unwrap_or(usual_burst)) {
        (0, _) => Ok(MinuteRate::OFF),
        (_, 0) => Err(refuse(variable, advice)),
        (_, burst) => Ok(MinuteRate { per_minute, burst }),
    }
}

fn rate_and_burst(text: &str) -> Option<(u32, Option<u32>)> {
    let (rate, burst) = text.split_once('/').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
    Some((rate.trim().parse().ok()?, burst.map(|burst| burst.trim().parse()).transpose().ok()?))
}

pub(super) fn lanes(text: &str) -> Result<usize, ConfigError> {
    let variable = "PARLOR_WRITER_LANES";
    let advice = format!("must be a number from 1 to {MOST_LANES}");
    let lanes = parsed(variable, text, &advice)?;
    if (1..=MOST_LANES).contains(&lanes) {
        Ok(lanes)
    } else {
        Err(refuse(variable, advice))
    }
}

/// The URL without a slash at its end, and its origin.
pub(super) fn public_url(text: &str) -> Result<(String, Origin), ConfigError> {
    let wrong = || {
        refuse(
            "PARLOR_PUBLIC_URL",
            "must be a URL such as https://chat.example.com, without user, query or fragment",
        )
    };
    let url = text.trim_end_matches('/');
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let host = rest.split('/').next().unwrap_or(rest);
    if url.contains(['?', '#', '\\']) || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    let origin = Origin::parse(&format!("{scheme}://{host}")).map_err(|_| wrong())?;
    Ok((url.to_owned(), origin))
}

/// The URL is checked by its scheme only and never repeated: it holds a password.
pub(super) fn postgres(url: &str) -> Result<Database, ConfigError> {
    if ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        Ok(Database::Postgres(SecretText(url.to_owned())))
    } else {
        Err(refuse(
            "PARLOR_DATABASE_URL",
            "must begin with postgres://; leave it out for SQLite in the data folder",
        ))
    }
}

pub(super) fn server_secret(text: &str) -> Result<ServerSecret, ConfigError> {
    ServerSecret::parse(text).map_err(|weak| refuse("PARLOR_SECRET_KEY", format!("{weak}; {HOW_TO_MAKE_ONE}")))
}

/// Who guesses it speaks as any agent that the host knows; RFC 7518 (3.2) demands as many bytes as the hash has.
pub(super) fn host_secret(text: &str) -> Result<HostKeys, ConfigError> {
    must_be_strong(text.as_bytes()).map_err(|weak| refuse("PARLOR_HOST_JWT_SECRET", format!("{weak}; {HOW_TO_MAKE_ONE}")))?;
    Ok(HostKeys::Shared(SecretText(text.to_owned())))
}

pub(super) fn host_key_set(text: &str) -> Result<HostKeys, ConfigError> {
    let place: KeySetPlace = text.parse().map_err(|invalid| refuse("PARLOR_HOST_JWT_JWKS", invalid))?;
    Ok(HostKeys::Published(place))
}

pub(super) fn allowed_origins(text: Option<&str>) -> Result<AllowedOrigins, ConfigError> {
    if text == Some("*") {
        return Ok(AllowedOrigins::Any);
    }
    separated("PARLOR_ALLOWED_ORIGINS", text, Origin::parse).map(AllowedOrigins::Listed)
}

pub(super) fn log_filter(text: String) -> Result<String, ConfigError> {
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(refuse(
            "PARLOR_LOG",
            "must be error, warn, info, debug, trace, or a filter such as info,parlor_api=debug",
        )),
    }
}

/// The address of a model server.
pub(super) fn model_server(text: &str) -> Result<String, ConfigError> {
    const SHAPE: &str = "must be an address such as http://127.0.0.1:11434/v1, without user, query or fragment";
    base_url("PARLOR_ASSISTANT_BASE_URL", text, SHAPE)
}

/// The address of the WhatsApp platform.
pub(super) fn graph(text: &str) -> Result<String, ConfigError> {
    const SHAPE: &str = "must be an address such as https://graph.facebook.com, without user, query or fragment";
    base_url("PARLOR_WHATSAPP_GRAPH_BASE_URL", text, SHAPE)
}

fn base_url(variable: &'static str, text: &str, shape: &'static str) -> Result<String, ConfigError> {
    let uri: actix_web::http::Uri = parsed(variable, text, shape)?;
    let http = matches!(uri.scheme_str(), Some("http" | "https"));
    let with_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !http || with_user || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
        return Err(refuse(variable, shape));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// A host with or without a port.
pub(super) fn host(text: &str) -> Result<String, &'static str> {
    let host = text.to_ascii_lowercase();
    match GuardedClient::new(std::slice::from_ref(&host)) {
        Ok(_) => Ok(host),
        Err(_) => Err("must be a host such as models.example.com or 10.0.0.5:8000"),
    }
}

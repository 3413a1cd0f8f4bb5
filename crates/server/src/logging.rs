//! The log: for people as text, for machines as JSON, always to standard error, so that commands keep standard output for their answer.

use crate::config::LogFormat;
use anyhow::Context;
use std::io::IsTerminal;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins logging. A second call changes nothing.
///
/// # Errors
/// The filter cannot be read.
pub fn begin(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("PARLOR_LOG must be a level such as info, or a filter such as info,parlor_api=debug")?;
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(|metadata| is_discreet(metadata.target(), *metadata.level())));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let _ = match format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false))
            .try_init(),
    };
    Ok(())
}

/// Whether a line can be trusted to hold no secret, whatever the operator asks for. Of the libraries, those of the database tell
/// values, and below `info` those of HTTP tell paths and headers; our own errors say what matters of it.
fn is_discreet(target: &str, level: Level) -> bool {
    let ours = target.starts_with("parlor");
    let database = ["sqlx", "sea_orm"].iter().any(|name| target.starts_with(name));
    // Answers that are broken off on purpose, so that a reader sees it, are errors only there.
    let connection = target.starts_with("actix_http::h1");
    ours || (!database && !connection && level <= Level::INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_details_are_logged() {
        assert!(is_discreet("parlor_api::access", Level::TRACE));
        assert!(is_discreet("actix_server::builder", Level::INFO));
        assert!(!is_discreet("actix_web::types::query", Level::DEBUG));
        assert!(!is_discreet("sqlx::query", Level::ERROR));
        assert!(!is_discreet("actix_http::h1::dispatcher", Level::ERROR));
    }
}

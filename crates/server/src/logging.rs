//! The log: for people as text, for machines as JSON, always to standard error, so that commands keep standard output for their answer.

use crate::config::LogFormat;
use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// Begins logging. A second call changes nothing.
///
/// # Errors
/// The filter cannot be read.
pub fn begin(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    // What the database layer logs may hold values; it is said by our own errors.
    let filter = EnvFilter::try_new(format!("{filter},sqlx=off,sea_orm=off")).context("PARLOR_LOG must be a level such as info, or a filter such as info,parlor_api=debug")?;
    let logger = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Text => logger.with_target(false).try_init(),
        LogFormat::Json => logger.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    Ok(())
}

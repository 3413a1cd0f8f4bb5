//! The `parlor` binary as a library, so that tests start the very application that operators run.

pub mod commands;
pub mod config;
pub mod jobs;
pub mod lock;
pub mod logging;
pub mod report;
pub mod serve;
pub mod storage;
pub mod wiring;
pub mod worker;

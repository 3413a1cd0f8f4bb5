//! Everything that speaks HTTP or WebSocket. Knows the domain, never an adapter.

pub mod app;
pub mod extract;
pub mod families;
pub mod limits;
pub mod limits_config;
pub mod network;
pub mod openapi;
pub mod origins;
pub mod problem;
pub mod request_id;
pub mod routes;
pub mod socket_io;
pub mod state;
pub mod ws;

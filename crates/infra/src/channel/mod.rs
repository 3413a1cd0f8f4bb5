//! Channels beside the browser, as adapters.

pub mod whatsapp;

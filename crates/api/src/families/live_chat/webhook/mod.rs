//! The platform's door: it subscribes here, and delivers what customers write and what became of our messages.

mod delivery;
mod handshake;
mod payload;

pub use delivery::*;
pub use handshake::*;

use crate::routes::Routes;
use actix_web::http::Method;

/// Where the webhook is. One path for all numbers: the number is found in the body.
const PATHS: [&str; 2] = ["/api/channels/whatsapp/webhook", "/webhook"];

/// The paths of the webhook.
pub fn routes(config: &mut impl Routes) {
    config
        .add(subscribe_whatsapp_webhook)
        .add(subscribe_whatsapp_webhook_by_short_path)
        .add(receive_whatsapp_delivery)
        .add(receive_whatsapp_delivery_by_short_path);
}

/// Whether a request is a delivery. They are not counted by address: the platform has few addresses for all customers of all
/// its businesses.
#[must_use]
pub fn is_delivery(method: &Method, path: &str) -> bool {
    method == Method::POST && PATHS.contains(&path)
}

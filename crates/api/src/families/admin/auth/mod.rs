//! `/api/admin/auth`: logging in and out, and one's own profile.

mod cookie;
mod login;
mod me;
mod setup;

pub use me::{AgentResponse, RoleWord};
pub use setup::SetupRequest;

use utoipa_actix_web::service_config::ServiceConfig;

/// The paths.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(login::log_in)
        .service(login::refresh_login)
        .service(login::log_out)
        .service(me::get_me)
        .service(me::edit_me)
        .service(me::change_password)
        .service(setup::set_up);
}

//! `/api/admin`: agents log in, work on conversations and manage their workspace.

mod auth;
mod conversations;
mod form;
mod manage;
mod setup_page;

pub use setup_page::pages;

use utoipa_actix_web::service_config::ServiceConfig;

/// The paths of this family.
pub fn routes(config: &mut ServiceConfig) {
    config.configure(auth::routes).configure(conversations::routes).configure(manage::routes);
}

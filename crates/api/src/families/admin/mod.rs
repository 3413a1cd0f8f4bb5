//! `/api/admin`: agents log in, work on conversations and manage their workspace.

mod auth;
mod conversations;
mod form;
mod manage;
mod setup_page;

pub(super) use form::object;
pub use setup_page::pages;

use crate::routes::Routes;

/// The paths of this family.
pub fn routes(config: &mut impl Routes) {
    auth::routes(config);
    conversations::routes(config);
    manage::routes(config);
}

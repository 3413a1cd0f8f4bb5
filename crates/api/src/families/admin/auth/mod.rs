//! `/api/admin/auth`: logging in and out, and one's own profile.

mod cookie;
mod login;
mod me;
mod setup;

pub use me::{AgentResponse, RoleWord};
pub use setup::SetupRequest;

use crate::routes::Routes;

/// The paths.
pub fn routes(config: &mut impl Routes) {
    config
        .add(login::log_in)
        .add(login::refresh_login)
        .add(login::log_out)
        .add(me::get_me)
        .add(me::edit_me)
        .add(me::change_password)
        .add(setup::set_up);
}

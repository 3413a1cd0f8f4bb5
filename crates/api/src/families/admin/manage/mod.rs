//! Managing the workspace: people, entry points, keys.

mod agents;
mod api_keys;
mod channels;
mod visitors;
mod workspace;

pub use channels::ChannelKindWord;

use utoipa_actix_web::service_config::ServiceConfig;

/// The paths.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(agents::list_agents)
        .service(agents::create_agent)
        .service(agents::get_agent)
        .service(agents::edit_agent)
        .service(agents::deactivate_agent)
        .service(agents::invite_agent)
        .service(channels::list_channels)
        .service(channels::create_channel)
        .service(channels::get_channel)
        .service(channels::edit_channel)
        .service(channels::delete_channel)
        .service(visitors::list_workspace_visitors)
        .service(visitors::get_workspace_visitor)
        .service(visitors::edit_workspace_visitor)
        .service(workspace::get_workspace)
        .service(workspace::edit_workspace)
        .service(api_keys::list_api_keys)
        .service(api_keys::create_api_key)
        .service(api_keys::revoke_api_key);
}

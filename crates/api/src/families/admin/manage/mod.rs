//! Managing the workspace: people, entry points, help articles, keys, and follow-up work that failed.

mod agents;
mod api_keys;
mod articles;
mod assistant;
mod channels;
mod jobs;
mod visitors;
mod whatsapp;
mod workspace;

pub use channels::ChannelKindWord;

use crate::routes::Routes;

/// The paths.
pub fn routes(config: &mut impl Routes) {
    config
        .add(agents::list_agents)
        .add(agents::create_agent)
        .add(agents::get_agent)
        .add(agents::edit_agent)
        .add(agents::deactivate_agent)
        .add(agents::invite_agent)
        .add(channels::list_channels)
        .add(channels::create_channel)
        .add(channels::get_channel)
        .add(channels::edit_channel)
        .add(channels::delete_channel)
        .add(channels::check_channel)
        .add(articles::list_articles)
        .add(articles::create_article)
        .add(articles::get_article)
        .add(articles::edit_article)
        .add(articles::delete_article)
        .add(assistant::try_assistant)
        .add(visitors::list_workspace_visitors)
        .add(visitors::get_workspace_visitor)
        .add(visitors::edit_workspace_visitor)
        .add(workspace::get_workspace)
        .add(workspace::edit_workspace)
        .add(jobs::list_jobs)
        .add(jobs::replay_job)
        .add(api_keys::list_api_keys)
        .add(api_keys::create_api_key)
        .add(api_keys::revoke_api_key);
}

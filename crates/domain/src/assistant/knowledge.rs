//! What the help articles know.

use super::{AssistantService, AssistantSettings, Source};
use crate::article::Found;
use crate::channel::Channel;
use crate::id::WorkspaceId;

/// How many articles a model is told of.
const ARTICLES: usize = 3;

impl AssistantService {
    /// The articles that fit a question best. If they cannot be searched, there are none.
    pub(super) async fn search(&self, workspace: WorkspaceId, question: &str) -> Vec<Found> {
        self.with.articles.search(workspace, question, ARTICLES).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "help articles could not be searched");
            Vec::new()
        })
    }

    /// Where the found articles can be read. Those of the workspace where strangers belong have the plain address.
    pub(super) async fn sources(&self, channel: &Channel, found: &[Found]) -> Vec<Source> {
        let default = self.with.channels.resolve(None, None).await;
        let plain = default.is_ok_and(|default| default.workspace_id == channel.workspace_id);
        let url = |found: &Found| {
            if plain {
                format!("/help/{}", found.slug)
            } else {
                format!("/help/{}?channel={}", found.slug, channel.id)
            }
        };
        let source = |found: &Found| Source {
            id: found.article_id.to_string(),
            url: url(found),
            title: found.title.clone(),
        };
        found.iter().map(source).collect()
    }
}

/// What a model is told of: it judges by itself what fits.
pub(super) fn told_to_models(settings: &AssistantSettings, known: &[Found]) -> Vec<Found> {
    known.iter().filter(|found| found.score >= settings.score_limit / 2).cloned().collect()
}

/// The articles that are good enough to be an answer themselves, and not much worse than the best: visitors are shown them.
/// A model may be told of more, since it judges by itself.
pub(super) fn fitting(settings: &AssistantSettings, told: &[Found]) -> Vec<Found> {
    let best = told.iter().map(|found| found.score).max().unwrap_or(0);
    let fits = |found: &&Found| found.score >= settings.score_limit && u16::from(found.score) * 4 >= u16::from(best) * 3;
    told.iter().filter(fits).cloned().collect()
}

//! What platforms call messages, and what they told too early.

use super::View;
use async_trait::async_trait;
use parlor_domain::clock::Timestamp;
use parlor_domain::conversation::{ExternalId, Naming};
use parlor_domain::id::ConversationId;
use parlor_domain::message::{Message, SenderKind};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::{DeliveryRepository, EarlyNotice, Notice};
use std::collections::HashSet;
use uuid::Uuid;

#[async_trait]
impl DeliveryRepository for View {
    async fn find(&self, external_id: &ExternalId) -> Result<Option<Naming>, RepositoryError> {
        Ok(self.look(|state| state.names.get(external_id).cloned()))
    }

    async fn newest_inbound(&self, conversation: ConversationId, up_to_seq: i64) -> Result<Option<String>, RepositoryError> {
        let is_meant = |message: &&Message| {
            message.sender.kind == SenderKind::Visitor
                && !message.private
                && message.deleted_at.is_none()
                && message.seq <= up_to_seq
                && message.external_id().is_some()
        };
        Ok(self.look(|state| {
            let newest = state.messages_of(conversation).iter().filter(is_meant).max_by_key(|message| message.seq)?;
            newest.external_id().map(str::to_owned)
        }))
    }

    async fn keep_early(&self, notice: &EarlyNotice) -> Result<(), RepositoryError> {
        self.change(|state| {
            let says_the_same = |known: &EarlyNotice| known.external_id == notice.external_id && known.notice == notice.notice;
            if !state.early.iter().any(says_the_same) {
                state.early.push(notice.clone());
            }
        })
        .await;
        Ok(())
    }

    async fn list_early(&self, external_id: &ExternalId) -> Result<Vec<EarlyNotice>, RepositoryError> {
        let mut told: Vec<EarlyNotice> = self.look(|state| state.early.iter().filter(|notice| notice.external_id == *external_id).cloned().collect());
        told.sort_by_key(|notice| (notice.received_at, notice.id));
        Ok(told)
    }

    async fn delete_early(&self, id: Uuid) -> Result<(), RepositoryError> {
        self.change(|state| state.early.retain(|notice| notice.id != id)).await;
        Ok(())
    }

    async fn known_early(&self, limit: usize) -> Result<Vec<ExternalId>, RepositoryError> {
        Ok(self.look(|state| {
            let known: HashSet<&ExternalId> = state
                .early
                .iter()
                .map(|notice| &notice.external_id)
                .filter(|id| state.names.contains_key(id))
                .collect();
            known.into_iter().take(limit).cloned().collect()
        }))
    }

    async fn forget_early(&self, statuses_before: Timestamp, changes_before: Timestamp) -> Result<u64, RepositoryError> {
        let is_kept = |early: &EarlyNotice| match early.notice {
            Notice::Status(_) => early.received_at >= statuses_before,
            Notice::Change(_) => early.received_at >= changes_before,
        };
        Ok(self
            .change(|state| {
                let count = state.early.len();
                state.early.retain(is_kept);
                (count - state.early.len()) as u64
            })
            .await)
    }
}

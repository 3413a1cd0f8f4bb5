//! What is known of files.

use super::View;
use super::state::insert_new;
use async_trait::async_trait;
use parlor_domain::attachment::{Attachment, AttachmentRepository};
use parlor_domain::clock::Timestamp;
use parlor_domain::id::{AttachmentId, ConversationId, WorkspaceId};
use parlor_domain::store::RepositoryError;

#[async_trait]
impl AttachmentRepository for View {
    async fn find_any(&self, id: AttachmentId) -> Result<Option<Attachment>, RepositoryError> {
        Ok(self.look(|state| state.attachments.get(&id).cloned()))
    }

    async fn find_many(&self, workspace: WorkspaceId, conversation: ConversationId, ids: &[AttachmentId]) -> Result<Vec<Attachment>, RepositoryError> {
        let is_meant = |file: &&Attachment| (file.workspace_id, file.conversation_id) == (workspace, conversation) && ids.contains(&file.file.id);
        Ok(self.look(|state| state.attachments.values().filter(is_meant).cloned().collect()))
    }

    async fn insert(&self, attachment: &Attachment) -> Result<(), RepositoryError> {
        self.change(|state| insert_new(&mut state.attachments, attachment.file.id, attachment.clone()))
            .await
    }

    async fn removable(&self, unused_before: Timestamp, limit: usize) -> Result<Vec<Attachment>, RepositoryError> {
        let is_over = |file: &&Attachment| file.deleted_at.is_some() || file.message_id.is_none() && file.created_at < unused_before;
        Ok(self.look(|state| state.attachments.values().filter(is_over).take(limit).cloned().collect()))
    }

    async fn delete(&self, id: AttachmentId) -> Result<(), RepositoryError> {
        self.change(|state| state.attachments.remove(&id)).await;
        Ok(())
    }
}

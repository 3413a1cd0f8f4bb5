use crate::persistence::error::unreadable;
use crate::persistence::timestamp::StoredTime;
use parlor_domain::attachment::{AttachedFile, Attachment, FileName};
use parlor_domain::id::{AttachmentId, ConversationId, FileKey, MessageId, WorkspaceId};
use parlor_domain::message::AuthorId;
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attachment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub conversation_id: Uuid,
    pub message_id: Option<Uuid>,
    pub uploaded_by: Uuid,
    pub file_key: Uuid,
    pub name: String,
    pub mime: String,
    pub size: i64,
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub created_at: StoredTime,
    pub deleted_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Attachment> for Model {
    fn from(attachment: &Attachment) -> Self {
        Self {
            id: attachment.file.id.0,
            workspace_id: attachment.workspace_id.0,
            conversation_id: attachment.conversation_id.0,
            message_id: attachment.message_id.map(|id| id.0),
            uploaded_by: attachment.uploaded_by.0,
            file_key: attachment.key.0,
            name: attachment.file.name.as_str().to_owned(),
            mime: attachment.file.mime.clone(),
            size: attachment.file.size,
            width: attachment.file.width.map(i64::from),
            height: attachment.file.height.map(i64::from),
            created_at: attachment.created_at.into(),
            deleted_at: attachment.deleted_at.map(Into::into),
        }
    }
}

impl TryFrom<Model> for Attachment {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        let pixels = |stored: Option<i64>| stored.map(u32::try_from).transpose().map_err(|_| unreadable("attachment.width or height"));
        Ok(Self {
            file: AttachedFile {
                id: AttachmentId(row.id),
                name: FileName::stored(row.name),
                mime: row.mime,
                size: row.size,
                width: pixels(row.width)?,
                height: pixels(row.height)?,
            },
            workspace_id: WorkspaceId(row.workspace_id),
            conversation_id: ConversationId(row.conversation_id),
            message_id: row.message_id.map(MessageId),
            uploaded_by: AuthorId(row.uploaded_by),
            key: FileKey(row.file_key),
            created_at: row.created_at.into(),
            deleted_at: row.deleted_at.map(Into::into),
        })
    }
}

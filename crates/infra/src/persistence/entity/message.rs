use crate::persistence::error::{from_json, hash, to_json, unreadable};
use crate::persistence::timestamp::StoredTime;
use parlor_domain::id::{ConversationId, MessageId, WorkspaceId};
use parlor_domain::message::{Message, MessageKind, MessageStatus, Sender, SenderKind};
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub conversation_id: Uuid,
    pub seq: i64,
    pub rev: Option<i64>,
    pub staff_rev: i64,
    pub made_rev: Option<i64>,
    pub made_staff_rev: i64,
    pub sender_kind: String,
    pub sender_id: Option<Uuid>,
    pub sender_name: Option<String>,
    pub reported: bool,
    /// Under whom client ids are unique: the sender, or one of the fixed authors.
    pub author_id: Uuid,
    pub kind: String,
    pub text: String,
    pub payload: Option<Json>,
    /// Empty as they mostly are, they are NULL.
    pub attachments: Option<Json>,
    pub reply_to: Option<Uuid>,
    /// Empty as it mostly is, it is NULL.
    pub reactions: Option<Json>,
    pub metadata: Option<Json>,
    pub client_id: Option<String>,
    pub content: Vec<u8>,
    pub status: String,
    pub delivery: Option<Json>,
    pub private: bool,
    pub inbound_count: i64,
    pub outbound_count: i64,
    pub sent_at: Option<StoredTime>,
    pub created_at: StoredTime,
    pub edited_at: Option<StoredTime>,
    pub deleted_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Message> for Model {
    type Error = RepositoryError;

    fn try_from(message: &Message) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: message.id.0,
            workspace_id: message.workspace_id.0,
            conversation_id: message.conversation_id.0,
            seq: message.seq,
            rev: message.rev,
            staff_rev: message.staff_rev,
            made_rev: message.made_rev,
            made_staff_rev: message.made_staff_rev,
            sender_kind: message.sender.kind.as_str().to_owned(),
            sender_id: message.sender.id,
            sender_name: message.sender.name.clone(),
            reported: message.sender.reported,
            author_id: message.sender.author().0,
            kind: message.kind.as_str().to_owned(),
            text: message.text.clone(),
            payload: message.payload.clone(),
            attachments: if message.attachments.is_empty() {
                None
            } else {
                Some(to_json(&message.attachments)?)
            },
            reply_to: message.reply_to.map(|id| id.0),
            reactions: if message.reactions.is_empty() {
                None
            } else {
                Some(to_json(&message.reactions)?)
            },
            metadata: message.metadata.clone(),
            client_id: message.client_id.clone(),
            content: message.content.0.to_vec(),
            status: message.status.as_str().to_owned(),
            delivery: message.delivery.as_ref().map(to_json).transpose()?,
            private: message.private,
            inbound_count: message.inbound_count,
            outbound_count: message.outbound_count,
            sent_at: message.sent_at.map(Into::into),
            created_at: message.created_at.into(),
            edited_at: message.edited_at.map(Into::into),
            deleted_at: message.deleted_at.map(Into::into),
        })
    }
}

impl TryFrom<Model> for Message {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: MessageId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            conversation_id: ConversationId(row.conversation_id),
            seq: row.seq,
            rev: row.rev,
            staff_rev: row.staff_rev,
            made_rev: row.made_rev,
            made_staff_rev: row.made_staff_rev,
            sender: Sender {
                kind: SenderKind::from_word(&row.sender_kind).ok_or_else(|| unreadable("message.sender_kind"))?,
                id: row.sender_id,
                name: row.sender_name,
                reported: row.reported,
            },
            kind: MessageKind::from_word(&row.kind).ok_or_else(|| unreadable("message.kind"))?,
            text: row.text,
            payload: row.payload,
            attachments: row
                .attachments
                .map(|files| from_json("message.attachments", files))
                .transpose()?
                .unwrap_or_default(),
            reply_to: row.reply_to.map(MessageId),
            reactions: row
                .reactions
                .map(|reactions| from_json("message.reactions", reactions))
                .transpose()?
                .unwrap_or_default(),
            metadata: row.metadata,
            client_id: row.client_id,
            content: hash("message.content", &row.content)?,
            status: MessageStatus::from_word(&row.status).ok_or_else(|| unreadable("message.status"))?,
            delivery: row.delivery.map(|delivery| from_json("message.delivery", delivery)).transpose()?,
            private: row.private,
            inbound_count: row.inbound_count,
            outbound_count: row.outbound_count,
            sent_at: row.sent_at.map(Into::into),
            created_at: row.created_at.into(),
            edited_at: row.edited_at.map(Into::into),
            deleted_at: row.deleted_at.map(Into::into),
        })
    }
}

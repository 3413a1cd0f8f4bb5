use crate::persistence::error::unreadable;
use parlor_domain::conversation::{ExternalId, Naming};
use parlor_domain::id::{ChannelId, ConversationId, MessageId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub external_id: String,
    pub workspace_id: Uuid,
    pub conversation_id: Uuid,
    pub message_id: Uuid,
    pub part: i32,
}

impl ActiveModelBehavior for ActiveModel {}

/// A part's place as it is stored.
pub fn part_of(naming: &Naming) -> i32 {
    i32::try_from(naming.part).unwrap_or(i32::MAX)
}

impl From<&Naming> for Model {
    fn from(naming: &Naming) -> Self {
        Self {
            channel_id: naming.external_id.channel_id.0,
            external_id: naming.external_id.id.clone(),
            workspace_id: naming.workspace_id.0,
            conversation_id: naming.conversation_id.0,
            message_id: naming.message_id.0,
            part: part_of(naming),
        }
    }
}

impl TryFrom<Model> for Naming {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            external_id: ExternalId {
                channel_id: ChannelId(row.channel_id),
                id: row.external_id,
            },
            workspace_id: WorkspaceId(row.workspace_id),
            conversation_id: ConversationId(row.conversation_id),
            message_id: MessageId(row.message_id),
            part: usize::try_from(row.part).map_err(|_| unreadable("delivery.part"))?,
        })
    }
}

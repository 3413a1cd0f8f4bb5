use crate::persistence::timestamp::StoredTime;
use parlor_domain::id::{ChannelId, ConversationId, VisitorId, WorkspaceId};
use parlor_domain::whatsapp::{Contact, Customer};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub visitor_id: Uuid,
    pub workspace_id: Uuid,
    pub channel_id: Uuid,
    pub conversation_id: Uuid,
    pub phone_id: Option<String>,
    pub user_id: Option<String>,
    pub username: Option<String>,
    pub name: Option<String>,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Contact> for Model {
    fn from(contact: &Contact) -> Self {
        let customer = contact.customer.clone();
        Self {
            visitor_id: contact.visitor_id.0,
            workspace_id: contact.workspace_id.0,
            channel_id: contact.channel_id.0,
            conversation_id: contact.conversation_id.0,
            phone_id: customer.phone_id,
            user_id: customer.user_id,
            username: customer.username,
            name: customer.name,
            created_at: contact.created_at.into(),
            updated_at: contact.updated_at.into(),
        }
    }
}

impl From<Model> for Contact {
    fn from(row: Model) -> Self {
        Self {
            visitor_id: VisitorId(row.visitor_id),
            workspace_id: WorkspaceId(row.workspace_id),
            channel_id: ChannelId(row.channel_id),
            conversation_id: ConversationId(row.conversation_id),
            customer: Customer {
                phone_id: row.phone_id,
                user_id: row.user_id,
                username: row.username,
                name: row.name,
            },
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}

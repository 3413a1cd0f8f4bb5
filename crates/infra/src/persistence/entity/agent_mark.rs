use crate::persistence::timestamp::StoredTime;
use parlor_domain::conversation::{AgentMark, ReadMark};
use parlor_domain::id::{AgentId, ConversationId};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_mark")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: Uuid,
    pub seq: i64,
    pub count: i64,
    pub at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&AgentMark> for Model {
    fn from(mark: &AgentMark) -> Self {
        Self {
            conversation_id: mark.conversation_id.0,
            agent_id: mark.agent_id.0,
            seq: mark.mark.seq,
            count: mark.mark.count,
            at: mark.at.into(),
        }
    }
}

impl From<Model> for AgentMark {
    fn from(row: Model) -> Self {
        Self {
            conversation_id: ConversationId(row.conversation_id),
            agent_id: AgentId(row.agent_id),
            mark: ReadMark {
                seq: row.seq,
                count: row.count,
            },
            at: row.at.into(),
        }
    }
}

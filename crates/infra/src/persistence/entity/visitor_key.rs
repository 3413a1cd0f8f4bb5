use crate::persistence::timestamp::StoredTime;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "visitor_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub visitor_id: Uuid,
    pub created_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

use crate::persistence::error::{from_json, hash, to_json};
use crate::persistence::timestamp::StoredTime;
use parlor_domain::realtime::Ticket;
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ticket")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub holder: Json,
    pub origin: Option<String>,
    pub expires_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Ticket> for Model {
    type Error = RepositoryError;

    fn try_from(ticket: &Ticket) -> Result<Self, RepositoryError> {
        Ok(Self {
            hash: ticket.hash.0.to_vec(),
            holder: to_json(&ticket.holder)?,
            origin: ticket.origin.clone(),
            expires_at: ticket.expires_at.into(),
        })
    }
}

impl TryFrom<Model> for Ticket {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            hash: hash("ticket.hash", &row.hash)?,
            holder: from_json("ticket.holder", row.holder)?,
            origin: row.origin,
            expires_at: row.expires_at.into(),
        })
    }
}

use crate::persistence::error::unreadable;
use crate::persistence::timestamp::StoredTime;
use parlor_domain::conversation::ExternalId;
use parlor_domain::id::{ChannelId, KeyHash};
use parlor_domain::store::RepositoryError;
use parlor_domain::whatsapp::{EarlyNotice, Notice};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "early_notice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub channel_id: Uuid,
    pub external_id: String,
    /// JSON.
    pub notice: String,
    /// Statuses are forgotten sooner than the rest.
    pub is_status: bool,
    /// SHA-256 of the notice: the same is kept once.
    pub hash: Vec<u8>,
    pub received_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&EarlyNotice> for Model {
    type Error = RepositoryError;

    fn try_from(early: &EarlyNotice) -> Result<Self, RepositoryError> {
        let notice = serde_json::to_string(&early.notice).map_err(|error| RepositoryError::Failed(error.to_string()))?;
        Ok(Self {
            id: early.id,
            channel_id: early.external_id.channel_id.0,
            external_id: early.external_id.id.clone(),
            hash: KeyHash::of(notice.as_bytes()).0.to_vec(),
            notice,
            is_status: matches!(early.notice, Notice::Status(_)),
            received_at: early.received_at.into(),
        })
    }
}

impl TryFrom<Model> for EarlyNotice {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: row.id,
            external_id: ExternalId {
                channel_id: ChannelId(row.channel_id),
                id: row.external_id,
            },
            notice: serde_json::from_str(&row.notice).map_err(|_| unreadable("early_notice.notice"))?,
            received_at: row.received_at.into(),
        })
    }
}

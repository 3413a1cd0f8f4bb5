use crate::persistence::error::{from_json, to_json, unreadable};
use crate::persistence::timestamp::StoredTime;
use parlor_domain::channel::{Channel, ChannelKind, IdentityRule};
use parlor_domain::id::{ChannelId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use parlor_domain::text::Name;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "channel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub kind: String,
    pub name: String,
    pub origins: Json,
    pub identity: String,
    pub assistant: Json,
    pub assistant_key: Option<Vec<u8>>,
    pub whatsapp: Option<Json>,
    /// Out of the settings, so that it is unique.
    pub whatsapp_number_id: Option<String>,
    pub whatsapp_secrets: Option<Vec<u8>>,
    pub whatsapp_health: Option<Json>,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
    pub deleted_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Channel> for Model {
    type Error = RepositoryError;

    fn try_from(channel: &Channel) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: channel.id.0,
            workspace_id: channel.workspace_id.0,
            kind: channel.kind.as_str().to_owned(),
            name: channel.name.as_str().to_owned(),
            origins: to_json(&channel.origins)?,
            identity: channel.identity.as_str().to_owned(),
            assistant: to_json(&channel.assistant)?,
            assistant_key: channel.assistant_key.clone(),
            whatsapp: channel.whatsapp.as_ref().map(to_json).transpose()?,
            whatsapp_number_id: channel.whatsapp.as_ref().map(|settings| settings.phone_number_id.clone()),
            whatsapp_secrets: channel.whatsapp_secrets.clone(),
            whatsapp_health: channel.whatsapp_health.as_ref().map(to_json).transpose()?,
            created_at: channel.created_at.into(),
            updated_at: channel.updated_at.into(),
            deleted_at: channel.deleted_at.map(Into::into),
        })
    }
}

impl TryFrom<Model> for Channel {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: ChannelId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            kind: ChannelKind::from_word(&row.kind).ok_or_else(|| unreadable("channel.kind"))?,
            name: Name::stored(row.name),
            origins: from_json("channel.origins", row.origins)?,
            identity: IdentityRule::from_word(&row.identity).ok_or_else(|| unreadable("channel.identity"))?,
            assistant: from_json("channel.assistant", row.assistant)?,
            assistant_key: row.assistant_key,
            whatsapp: row.whatsapp.map(|settings| from_json("channel.whatsapp", settings)).transpose()?,
            whatsapp_secrets: row.whatsapp_secrets,
            whatsapp_health: row.whatsapp_health.map(|health| from_json("channel.whatsapp_health", health)).transpose()?,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            deleted_at: row.deleted_at.map(Into::into),
        })
    }
}

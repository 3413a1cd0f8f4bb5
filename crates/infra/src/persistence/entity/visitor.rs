use crate::persistence::error::{from_json, to_json};
use crate::persistence::timestamp::StoredTime;
use parlor_domain::id::{ChannelId, VisitorId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use parlor_domain::text::{Email, Line, Metadata, Name, Phone};
use parlor_domain::visitor::{Identity, Visitor};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "visitor")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub channel_id: Uuid,
    pub name: Option<String>,
    /// The name in lower case, for searching: lower() of SQLite knows only ASCII.
    pub name_key: Option<String>,
    pub email: Option<String>,
    pub email_verified: bool,
    pub phone: Option<String>,
    pub phone_verified: bool,
    pub external_id: Option<String>,
    pub external_verified: bool,
    pub locale: Option<String>,
    pub metadata: Option<Json>,
    pub context: Json,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
    pub last_seen_at: StoredTime,
    pub retired_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Visitor> for Model {
    type Error = RepositoryError;

    fn try_from(visitor: &Visitor) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: visitor.id.0,
            workspace_id: visitor.workspace_id.0,
            channel_id: visitor.channel_id.0,
            name: visitor.name.as_ref().map(|name| name.as_str().to_owned()),
            name_key: visitor.name.as_ref().map(|name| name.as_str().to_lowercase()),
            email: visitor.email.as_ref().map(|email| email.value.as_str().to_owned()),
            email_verified: visitor.email.as_ref().is_some_and(|email| email.verified),
            phone: visitor.phone.as_ref().map(|phone| phone.value.as_str().to_owned()),
            phone_verified: visitor.phone.as_ref().is_some_and(|phone| phone.verified),
            external_id: visitor.external_id.as_ref().map(|id| id.value.as_str().to_owned()),
            external_verified: visitor.is_verified(),
            locale: visitor.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            metadata: visitor.metadata.as_ref().map(|metadata| metadata.value().clone()),
            context: to_json(&visitor.context)?,
            created_at: visitor.created_at.into(),
            updated_at: visitor.updated_at.into(),
            last_seen_at: visitor.last_seen_at.into(),
            retired_at: visitor.retired_at.map(Into::into),
        })
    }
}

impl TryFrom<Model> for Visitor {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: VisitorId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            channel_id: ChannelId(row.channel_id),
            name: row.name.map(Name::stored),
            email: row.email.map(|value| Identity {
                value: Email::stored(value),
                verified: row.email_verified,
            }),
            phone: row.phone.map(|value| Identity {
                value: Phone::stored(value),
                verified: row.phone_verified,
            }),
            external_id: row.external_id.map(|value| Identity {
                value: Line::stored(value),
                verified: row.external_verified,
            }),
            locale: row.locale.map(Name::stored),
            metadata: row.metadata.map(Metadata::stored),
            context: from_json("visitor.context", row.context)?,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            last_seen_at: row.last_seen_at.into(),
            retired_at: row.retired_at.map(Into::into),
        })
    }
}

use crate::persistence::error::{hash, unreadable};
use crate::persistence::timestamp::StoredTime;
use parlor_domain::agent::{ApiKey, ApiScope};
use parlor_domain::id::{ApiKeyId, WorkspaceId};
use parlor_domain::store::RepositoryError;
use parlor_domain::text::Name;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub name: String,
    pub scope: String,
    pub secret: Vec<u8>,
    pub created_at: StoredTime,
    pub revoked_at: Option<StoredTime>,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&ApiKey> for Model {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            workspace_id: key.workspace_id.0,
            name: key.name.as_str().to_owned(),
            scope: key.scope.as_str().to_owned(),
            secret: key.secret.0.to_vec(),
            created_at: key.created_at.into(),
            revoked_at: key.revoked_at.map(Into::into),
        }
    }
}

impl TryFrom<Model> for ApiKey {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: ApiKeyId(row.id),
            workspace_id: WorkspaceId(row.workspace_id),
            name: Name::stored(row.name),
            scope: ApiScope::from_word(&row.scope).ok_or_else(|| unreadable("api_key.scope"))?,
            secret: hash("api_key.secret", &row.secret)?,
            created_at: row.created_at.into(),
            revoked_at: row.revoked_at.map(Into::into),
        })
    }
}

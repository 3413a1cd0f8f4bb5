use crate::persistence::error::hash;
use crate::persistence::timestamp::StoredTime;
use parlor_domain::creation::{Creation, CreationKey};
use parlor_domain::store::RepositoryError;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "creation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub content: Vec<u8>,
    pub sealed: Vec<u8>,
    pub created_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Creation> for Model {
    fn from(creation: &Creation) -> Self {
        Self {
            id: creation.key.id.0.to_vec(),
            content: creation.key.content.0.to_vec(),
            sealed: creation.sealed.clone(),
            created_at: creation.created_at.into(),
        }
    }
}

impl TryFrom<Model> for Creation {
    type Error = RepositoryError;

    fn try_from(row: Model) -> Result<Self, RepositoryError> {
        Ok(Self {
            key: CreationKey {
                id: hash("creation.id", &row.id)?,
                content: hash("creation.content", &row.content)?,
            },
            sealed: row.sealed,
            created_at: row.created_at.into(),
        })
    }
}

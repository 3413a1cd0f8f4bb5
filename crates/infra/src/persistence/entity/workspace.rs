use crate::persistence::timestamp::StoredTime;
use parlor_domain::id::WorkspaceId;
use parlor_domain::text::Name;
use parlor_domain::workspace::Workspace;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "workspace")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub created_at: StoredTime,
    pub updated_at: StoredTime,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Workspace> for Model {
    fn from(workspace: &Workspace) -> Self {
        Self {
            id: workspace.id.0,
            name: workspace.name.as_str().to_owned(),
            created_at: workspace.created_at.into(),
            updated_at: workspace.updated_at.into(),
        }
    }
}

impl From<Model> for Workspace {
    fn from(row: Model) -> Self {
        Self {
            id: WorkspaceId(row.id),
            name: Name::stored(row.name),
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}

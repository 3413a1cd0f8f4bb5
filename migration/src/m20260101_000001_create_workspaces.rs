use crate::execute_all;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let workspace = Table::create()
            .table("workspace")
            .col(uuid("id").primary_key())
            .col(text("name"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .take();
        manager.create_table(workspace).await?;
        execute_all(manager, &["CREATE UNIQUE INDEX workspace_name ON workspace (name)"]).await
    }
}

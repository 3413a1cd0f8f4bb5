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
        let channel = Table::create()
            .table("channel")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(text("kind"))
            .col(text("name"))
            .col(json_binary("origins"))
            .col(text("identity"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer_null("deleted_at"))
            .foreign_key(ForeignKey::create().from("channel", "workspace_id").to("workspace", "id"))
            .take();
        manager.create_table(channel).await?;
        execute_all(manager, &["CREATE INDEX channel_workspace ON channel (workspace_id, created_at, id)"]).await
    }
}

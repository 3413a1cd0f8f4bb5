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
        let audit_entry = Table::create()
            .table("audit_entry")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid_null("actor_id"))
            .col(text("action"))
            .col(uuid("target_id"))
            .col(json_binary("detail"))
            .col(big_integer("at"))
            .take();
        manager.create_table(audit_entry).await?;
        execute_all(manager, &["CREATE INDEX audit_entry_target ON audit_entry (workspace_id, target_id, at, id)"]).await
    }
}

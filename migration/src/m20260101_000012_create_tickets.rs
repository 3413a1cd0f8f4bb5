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
        let ticket = Table::create()
            .table("ticket")
            .col(blob("hash").primary_key())
            .col(json_binary("holder"))
            .col(text_null("origin"))
            .col(big_integer("expires_at"))
            .take();
        manager.create_table(ticket).await?;
        execute_all(manager, &["CREATE INDEX ticket_expires ON ticket (expires_at)"]).await
    }
}

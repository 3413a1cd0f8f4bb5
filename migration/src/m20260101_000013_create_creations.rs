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
        let creation = Table::create()
            .table("creation")
            .col(blob("id").primary_key())
            .col(blob("content"))
            .col(blob("sealed"))
            .col(big_integer("created_at"))
            .take();
        manager.create_table(creation).await?;
        execute_all(manager, &["CREATE INDEX creation_created ON creation (created_at)"]).await
    }
}

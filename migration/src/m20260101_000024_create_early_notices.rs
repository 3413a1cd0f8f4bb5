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
        // The notice is JSON as text: JSONB of Postgres refuses U+0000, and what a platform tells is kept as it came.
        let early_notice = Table::create()
            .table("early_notice")
            .col(uuid("id").primary_key())
            .col(uuid("channel_id"))
            .col(text("external_id"))
            .col(text("notice"))
            .col(boolean("is_status"))
            .col(blob("hash"))
            .col(big_integer("received_at"))
            .take();
        manager.create_table(early_notice).await?;
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX early_notice_once ON early_notice (channel_id, external_id, hash)",
                "CREATE INDEX early_notice_received ON early_notice (received_at)",
            ],
        )
        .await
    }
}

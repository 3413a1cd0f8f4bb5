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
        let visitor = Table::create()
            .table("visitor")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid("channel_id"))
            .col(text_null("name"))
            .col(text_null("name_key"))
            .col(text_null("email"))
            .col(boolean("email_verified"))
            .col(text_null("phone"))
            .col(boolean("phone_verified"))
            .col(text_null("external_id"))
            .col(boolean("external_verified"))
            .col(text_null("locale"))
            .col(json_binary_null("metadata"))
            .col(json_binary("context"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer("last_seen_at"))
            .col(big_integer_null("retired_at"))
            .take();
        manager.create_table(visitor).await?;
        let visitor_key = Table::create()
            .table("visitor_key")
            .col(blob("hash").primary_key())
            .col(uuid("visitor_id"))
            .col(big_integer("created_at"))
            .foreign_key(ForeignKey::create().from("visitor_key", "visitor_id").to("visitor", "id"))
            .take();
        manager.create_table(visitor_key).await?;
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX visitor_subject ON visitor (workspace_id, external_id) WHERE external_verified AND retired_at IS NULL",
                "CREATE INDEX visitor_list ON visitor (workspace_id, created_at, id) WHERE retired_at IS NULL",
                "CREATE INDEX visitor_phone ON visitor (workspace_id, phone) WHERE phone IS NOT NULL",
                "CREATE INDEX visitor_key_visitor ON visitor_key (visitor_id)",
            ],
        )
        .await
    }
}

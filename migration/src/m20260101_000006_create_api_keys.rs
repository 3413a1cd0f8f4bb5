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
        let api_key = Table::create()
            .table("api_key")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(text("name"))
            .col(text("scope"))
            .col(blob("secret"))
            .col(big_integer("created_at"))
            .col(big_integer_null("revoked_at"))
            .foreign_key(ForeignKey::create().from("api_key", "workspace_id").to("workspace", "id"))
            .take();
        manager.create_table(api_key).await?;
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX api_key_secret ON api_key (secret)",
                "CREATE INDEX api_key_workspace ON api_key (workspace_id, created_at, id)",
            ],
        )
        .await
    }
}

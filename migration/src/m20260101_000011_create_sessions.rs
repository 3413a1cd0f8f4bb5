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
        let session = Table::create()
            .table("session")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid("visitor_id"))
            .col(uuid("conversation_id"))
            .col(json_binary_null("metadata"))
            .col(big_integer("created_at"))
            .col(big_integer("last_active_at"))
            .col(big_integer_null("ended_at"))
            .take();
        manager.create_table(session).await?;
        execute_all(
            manager,
            &[
                "CREATE INDEX session_visitor ON session (visitor_id, created_at, id)",
                "CREATE INDEX session_conversation ON session (conversation_id, created_at, id)",
            ],
        )
        .await
    }
}

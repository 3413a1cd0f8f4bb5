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
        let invitation = Table::create()
            .table("invitation")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid_null("agent_id"))
            .col(blob("token"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .take();
        manager.create_table(invitation).await?;
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX invitation_token ON invitation (token)",
                "CREATE INDEX invitation_agent ON invitation (workspace_id, agent_id)",
            ],
        )
        .await
    }
}

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
        let login = Table::create()
            .table("login")
            .col(uuid("id").primary_key())
            .col(uuid("agent_id"))
            .col(big_integer("auth_version"))
            .col(big_integer("generation"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .col(big_integer_null("ended_at"))
            .foreign_key(ForeignKey::create().from("login", "agent_id").to("agent", "id"))
            .take();
        manager.create_table(login).await?;
        execute_all(
            manager,
            &[
                "CREATE INDEX login_agent ON login (agent_id)",
                "CREATE INDEX login_expires ON login (expires_at)",
            ],
        )
        .await
    }
}

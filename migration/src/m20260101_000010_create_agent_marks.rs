use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let agent_mark = Table::create()
            .table("agent_mark")
            .col(uuid("conversation_id"))
            .col(uuid("agent_id"))
            .col(big_integer("seq"))
            .col(big_integer("count"))
            .col(big_integer("at"))
            .primary_key(Index::create().col("conversation_id").col("agent_id"))
            .take();
        manager.create_table(agent_mark).await
    }
}

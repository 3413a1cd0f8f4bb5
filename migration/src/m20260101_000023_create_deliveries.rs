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
        // The primary key is what makes a message that a platform tells twice one message.
        let delivery = Table::create()
            .table("delivery")
            .col(uuid("channel_id"))
            .col(text("external_id"))
            .col(uuid("workspace_id"))
            .col(uuid("conversation_id"))
            .col(uuid("message_id"))
            .col(integer("part"))
            .primary_key(Index::create().col("channel_id").col("external_id"))
            .take();
        manager.create_table(delivery).await?;
        let state = json_binary_null("delivery");
        manager.alter_table(Table::alter().table("message").add_column(state).take()).await?;
        execute_all(manager, &["CREATE INDEX delivery_conversation ON delivery (conversation_id)"]).await
    }
}

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
        let attachment = Table::create()
            .table("attachment")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid("conversation_id"))
            .col(uuid_null("message_id"))
            .col(uuid("uploaded_by"))
            .col(uuid("file_key"))
            .col(text("name"))
            .col(text("mime"))
            .col(big_integer("size"))
            .col(big_integer_null("width"))
            .col(big_integer_null("height"))
            .col(big_integer("created_at"))
            .col(big_integer_null("deleted_at"))
            .take();
        manager.create_table(attachment).await?;
        // A message carries its files in its own row, so that a history is read from one table. Without any it is NULL.
        let files = json_binary_null("attachments");
        manager.alter_table(Table::alter().table("message").add_column(files).take()).await?;
        execute_all(
            manager,
            &[
                "CREATE INDEX attachment_conversation ON attachment (conversation_id, message_id)",
                "CREATE INDEX attachment_deleted ON attachment (deleted_at) WHERE deleted_at IS NOT NULL",
                "CREATE INDEX attachment_unused ON attachment (created_at) WHERE message_id IS NULL AND deleted_at IS NULL",
            ],
        )
        .await
    }
}

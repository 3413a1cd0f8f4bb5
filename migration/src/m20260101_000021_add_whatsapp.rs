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
        // One column in a statement: SQLite takes no more.
        for (table, column) in [
            ("channel", json_binary_null("whatsapp")),
            ("channel", text_null("whatsapp_number_id")),
            ("channel", blob_null("whatsapp_secrets")),
            ("channel", json_binary_null("whatsapp_health")),
            ("conversation", big_integer_null("number")),
            ("conversation", text_null("whatsapp_number_id")),
            ("conversation", text_null("customer_phone")),
            ("conversation", big_integer_null("window_expires_at")),
            ("workspace", big_integer("conversation_numbers").default(0).take()),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        // The lists have a row for each customer on WhatsApp, so other conversations pay nothing for them.
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX channel_whatsapp_number ON channel (whatsapp_number_id) \
                 WHERE whatsapp_number_id IS NOT NULL AND deleted_at IS NULL",
                "CREATE UNIQUE INDEX conversation_number ON conversation (workspace_id, number) WHERE number IS NOT NULL",
                "CREATE INDEX conversation_whatsapp ON conversation (workspace_id, last_message_at, id) \
                 WHERE whatsapp_number_id IS NOT NULL AND last_seq > 0 AND deleted_at IS NULL",
                "CREATE INDEX conversation_whatsapp_number ON conversation (workspace_id, whatsapp_number_id, last_message_at, id) \
                 WHERE whatsapp_number_id IS NOT NULL AND last_seq > 0 AND deleted_at IS NULL",
            ],
        )
        .await
    }
}

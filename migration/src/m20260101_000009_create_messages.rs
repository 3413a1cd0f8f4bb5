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
        let message = Table::create()
            .table("message")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid("conversation_id"))
            .col(big_integer("seq"))
            .col(big_integer_null("rev"))
            .col(big_integer("staff_rev"))
            .col(big_integer_null("made_rev"))
            .col(big_integer("made_staff_rev"))
            .col(text("sender_kind"))
            .col(uuid_null("sender_id"))
            .col(text_null("sender_name"))
            .col(boolean("reported"))
            .col(uuid("author_id"))
            .col(text("kind"))
            .col(text("text"))
            .col(json_binary_null("payload"))
            .col(uuid_null("reply_to"))
            .col(json_binary_null("reactions"))
            .col(json_binary_null("metadata"))
            .col(text_null("client_id"))
            .col(blob("content"))
            .col(text("status"))
            .col(boolean("private"))
            .col(big_integer("inbound_count"))
            .col(big_integer("outbound_count"))
            .col(big_integer_null("sent_at"))
            .col(big_integer("created_at"))
            .col(big_integer_null("edited_at"))
            .col(big_integer_null("deleted_at"))
            .take();
        manager.create_table(message).await?;
        // A plain send pays for the primary key and the first two only. There is no foreign key to the conversation:
        // its check costs more than the insert, and deletion goes through one place.
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX message_place ON message (conversation_id, seq) WHERE NOT private",
                "CREATE UNIQUE INDEX message_client_id ON message (conversation_id, author_id, client_id) WHERE client_id IS NOT NULL",
                "CREATE INDEX message_note ON message (conversation_id, seq, id) WHERE private",
                "CREATE INDEX message_changed ON message (conversation_id, rev) WHERE rev <> made_rev",
                "CREATE INDEX message_staff_changed ON message (conversation_id, staff_rev) WHERE private OR rev <> made_rev",
            ],
        )
        .await
    }
}

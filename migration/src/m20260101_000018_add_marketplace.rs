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
        // The price is text: no number type of both databases keeps every JSON number as it was written.
        for column in [
            text_null("subject_price"),
            uuid_null("seller_id"),
            text_null("seller_email"),
            text_null("flag_by"),
        ] {
            manager.alter_table(Table::alter().table("conversation").add_column(column).take()).await?;
        }
        // The customer's list walks conversation_visitor. Empty and deleted ones are in, for they too may move to another seller.
        execute_all(
            manager,
            &["CREATE INDEX conversation_seller ON conversation (workspace_id, seller_id, last_message_at, id) WHERE seller_id IS NOT NULL"],
        )
        .await
    }
}

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
        let contact = Table::create()
            .table("contact")
            .col(uuid("visitor_id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid("channel_id"))
            .col(uuid("conversation_id"))
            .col(text_null("phone_id"))
            .col(text_null("user_id"))
            .col(text_null("username"))
            .col(text_null("name"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .take();
        manager.create_table(contact).await?;
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX contact_phone_id ON contact (channel_id, phone_id) WHERE phone_id IS NOT NULL",
                "CREATE UNIQUE INDEX contact_user_id ON contact (channel_id, user_id) WHERE user_id IS NOT NULL",
            ],
        )
        .await
    }
}

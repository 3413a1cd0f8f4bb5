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
        let conversation = Table::create()
            .table("conversation")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid("channel_id"))
            .col(uuid("visitor_id"))
            .col(uuid("room_key"))
            .col(text("kind"))
            .col(text("status"))
            .col(big_integer_null("snoozed_until"))
            .col(text("handler"))
            .col(uuid_null("assignee_id"))
            .col(big_integer("handler_version"))
            .col(text_null("subject_kind"))
            .col(text_null("subject_external_id"))
            .col(text_null("subject_title"))
            .col(text_null("flag_reason"))
            .col(big_integer_null("flag_at"))
            .col(json_binary("labels"))
            .col(text_null("customer_name"))
            .col(text_null("customer_key"))
            .col(text_null("customer_email"))
            .col(json_binary_null("metadata"))
            .col(big_integer("version"))
            .col(big_integer("last_seq"))
            .col(big_integer("rev"))
            .col(big_integer("staff_rev"))
            .col(big_integer("changed_rev"))
            .col(big_integer("changed_staff_rev"))
            .col(big_integer("inbound_count"))
            .col(big_integer("outbound_count"))
            .col(big_integer("last_message_at"))
            .col(text_null("last_message"))
            .col(big_integer("team_mark_seq"))
            .col(big_integer("team_mark_count"))
            .col(big_integer("visitor_mark_seq"))
            .col(big_integer("visitor_mark_count"))
            .col(big_integer("visitor_delivered"))
            .col(big_integer("team_delivered"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer_null("deleted_at"))
            .take();
        manager.create_table(conversation).await?;
        // One index for each list that agents page through. Queries repeat the predicates literally, or the index is not used.
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX conversation_room_key ON conversation (room_key)",
                "CREATE INDEX conversation_list ON conversation (workspace_id, last_message_at, id) WHERE last_seq > 0 AND deleted_at IS NULL",
                "CREATE INDEX conversation_active ON conversation (workspace_id, last_message_at, id) \
                 WHERE last_seq > 0 AND deleted_at IS NULL AND status <> 'resolved'",
                "CREATE INDEX conversation_assignee ON conversation (workspace_id, assignee_id, last_message_at, id) \
                 WHERE assignee_id IS NOT NULL AND deleted_at IS NULL",
                "CREATE INDEX conversation_visitor ON conversation (visitor_id, last_message_at, id)",
                "CREATE INDEX conversation_snoozed ON conversation (snoozed_until) WHERE snoozed_until IS NOT NULL",
                "CREATE INDEX conversation_empty ON conversation (created_at) WHERE last_seq = 0",
                "CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL",
            ],
        )
        .await
    }
}

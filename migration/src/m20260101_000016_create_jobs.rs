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
        let job = Table::create()
            .table("job")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(uuid("conversation_id"))
            .col(text("kind"))
            .col(integer("attempts"))
            .col(big_integer("run_at"))
            .col(uuid_null("claimed_by"))
            .col(big_integer_null("claimed_until"))
            .col(text_null("last_error"))
            .col(big_integer_null("dead_at"))
            .col(big_integer("created_at"))
            .take();
        manager.create_table(job).await?;
        execute_all(
            manager,
            &[
                "CREATE INDEX job_due ON job (run_at, id) WHERE dead_at IS NULL",
                "CREATE INDEX job_order ON job (conversation_id, kind, id)",
                "CREATE INDEX job_dead ON job (workspace_id, dead_at, id) WHERE dead_at IS NOT NULL",
            ],
        )
        .await
    }
}

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
            ("channel", json_binary("assistant").default("{}").take()),
            ("channel", blob_null("assistant_key")),
            ("conversation", text_null("client_ref")),
            ("conversation", uuid_null("answer_id")),
            ("conversation", big_integer("answers").default(0).take()),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        execute_all(
            manager,
            &["CREATE UNIQUE INDEX conversation_client_ref ON conversation (workspace_id, kind, client_ref) WHERE client_ref IS NOT NULL"],
        )
        .await
    }
}

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
        let agent = Table::create()
            .table("agent")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(text("email"))
            .col(text_null("username"))
            .col(text_null("username_key"))
            .col(text("name"))
            .col(text("role"))
            .col(text_null("external_id"))
            .col(text_null("password"))
            .col(big_integer("auth_version"))
            .col(json_binary("settings"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer_null("deactivated_at"))
            .foreign_key(ForeignKey::create().from("agent", "workspace_id").to("workspace", "id"))
            .take();
        manager.create_table(agent).await?;
        // lower() of SQLite knows only ASCII, which is enough for addresses that come in lower case already. User names do not,
        // so their lower-case form stands beside them.
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX agent_email ON agent (lower(email))",
                "CREATE UNIQUE INDEX agent_username ON agent (username_key)",
                "CREATE UNIQUE INDEX agent_external_id ON agent (external_id)",
                "CREATE INDEX agent_workspace ON agent (workspace_id, created_at, id)",
            ],
        )
        .await
    }
}

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
        let unclaimed = boolean("unclaimed").default(false).take();
        manager.alter_table(Table::alter().table("agent").add_column(unclaimed).take()).await?;
        // Anybody may name an address, so one that nobody has claimed keeps no other workspace from having it.
        execute_all(
            manager,
            &[
                "DROP INDEX agent_email",
                "CREATE UNIQUE INDEX agent_email ON agent (lower(email)) WHERE NOT unclaimed",
                "CREATE UNIQUE INDEX agent_workspace_email ON agent (workspace_id, lower(email))",
            ],
        )
        .await
    }
}

use crate::execute_all;
use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let article = Table::create()
            .table("article")
            .col(uuid("id").primary_key())
            .col(uuid("workspace_id"))
            .col(text("slug"))
            .col(text("title"))
            .col(text("body"))
            .col(boolean("published"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .foreign_key(ForeignKey::create().from("article", "workspace_id").to("workspace", "id"))
            .take();
        manager.create_table(article).await?;
        let passage = Table::create()
            .table("article_passage")
            .col(big_pk_auto("id"))
            .col(uuid("workspace_id"))
            .col(uuid("article_id"))
            .col(integer("place"))
            .col(text("text"))
            .col(text("terms"))
            .foreign_key(ForeignKey::create().from("article_passage", "article_id").to("article", "id"))
            .take();
        manager.create_table(passage).await?;
        execute_all(
            manager,
            &[
                "CREATE UNIQUE INDEX article_slug ON article (workspace_id, slug)",
                "CREATE INDEX article_list ON article (workspace_id, created_at, id)",
                "CREATE UNIQUE INDEX article_passage_place ON article_passage (article_id, place)",
                "CREATE INDEX article_passage_workspace ON article_passage (workspace_id)",
            ],
        )
        .await?;
        // Full text search is the one thing that the two have no common words for. Both follow the table by themselves.
        let index: &[&str] = match manager.get_database_backend() {
            // The terms are words already, divided by spaces: `ascii` leaves them as they are.
            DbBackend::Sqlite => &[
                "CREATE VIRTUAL TABLE article_index USING fts5 (workspace, terms, content = '', contentless_delete = 1, tokenize = 'ascii')",
                "CREATE TRIGGER article_passage_made AFTER INSERT ON article_passage BEGIN \
                 INSERT INTO article_index (rowid, workspace, terms) VALUES (new.id, hex(new.workspace_id), new.terms); END",
                "CREATE TRIGGER article_passage_gone AFTER DELETE ON article_passage BEGIN \
                 DELETE FROM article_index WHERE rowid = old.id; END",
            ],
            _ => &[
                "ALTER TABLE article_passage ADD COLUMN lexemes tsvector NOT NULL \
                 GENERATED ALWAYS AS (array_to_tsvector(string_to_array(terms, ' '))) STORED",
                // Searched more often than written: no list of what waits to be sorted in.
                "CREATE INDEX article_passage_lexemes ON article_passage USING gin (lexemes) WITH (fastupdate = off)",
            ],
        };
        execute_all(manager, index).await
    }
}

//! The whole batch as one statement over arrays: one round trip, one text for every size of batch, no lock held between
//! round trips. It is bound by sqlx itself, on SeaORM's pool: arrays with NULLs are not to be had otherwise, and this is
//! the one statement that everything waits for.

use super::{furthest_marks, names};
use crate::persistence::entity::delivery::part_of;
use crate::persistence::error::sqlx_failure;
use parlor_domain::attachment::AttachedFile;
use parlor_domain::conversation::CommitItem;
use parlor_domain::message::{Message, Reaction};
use parlor_domain::store::RepositoryError;
use sea_orm::prelude::Uuid;
use sea_orm::sqlx;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, Type};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a lane's connection is told first. It serves one statement, in which every row is found by an index: that needs
/// no new plan each time, and none that was made for tables that were still small.
const MANNERS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET statement_timeout = '10s'";

/// How long a batch may take. A connection that the network dropped without a word would be waited for for ever, and all
/// conversations of the lane with it.
const PATIENCE: Duration = Duration::from_secs(12);

/// Connections that stay with the writer's lanes: given back to the pool after each batch, they would be pinged each time.
pub struct PostgresLanes {
    pool: PgPool,
    resting: Mutex<Vec<PoolConnection<Postgres>>>,
    most: usize,
}

impl PostgresLanes {
    /// Takes connections from the pool as lanes need them and keeps at most so many.
    pub fn new(pool: PgPool, most: u32) -> Self {
        Self {
            pool,
            resting: Mutex::new(Vec::new()),
            most: most as usize,
        }
    }

    /// Closes all connections that rest.
    pub fn release(&self) {
        let resting = std::mem::take(&mut *self.resting.lock().unwrap_or_else(PoisonError::into_inner));
        for mut connection in resting {
            connection.close_on_drop();
        }
    }

    /// Writes the items whose version still holds, and answers their ids.
    pub async fn write(&self, items: &[&CommitItem]) -> Result<HashSet<Uuid>, RepositoryError> {
        let (sql, arguments) = statement(items).map_err(|error| RepositoryError::Failed(error.to_string()))?;
        let mut connection = self.take().await?;
        let written = sqlx::query_scalar_with::<_, Uuid, _>(AssertSqlSafe(sql), arguments).fetch_all(&mut *connection);
        let Ok(stored) = tokio::time::timeout(PATIENCE, written).await else {
            connection.close_on_drop();
            self.release();
            return Err(RepositoryError::Unavailable("the database does not answer".to_owned()));
        };
        match stored {
            Ok(ids) => {
                self.rest(connection);
                Ok(ids.into_iter().collect())
            }
            Err(error @ sqlx::Error::Database(_)) => {
                let failure = sqlx_failure(&error);
                if matches!(failure, RepositoryError::Unavailable(_)) {
                    // The server goes down, or is not the writer any more: the next batch looks for it anew.
                    connection.close_on_drop();
                } else {
                    self.rest(connection);
                }
                Err(failure)
            }
            Err(error) => {
                // If this connection broke, the others have most likely broken with it.
                connection.close_on_drop();
                self.release();
                Err(sqlx_failure(&error))
            }
        }
    }

    async fn take(&self) -> Result<PoolConnection<Postgres>, RepositoryError> {
        let rested = self.resting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = rested {
            return Ok(connection);
        }
        let mut connection = self.pool.acquire().await.map_err(|error| sqlx_failure(&error))?;
        sqlx::raw_sql(MANNERS).execute(&mut *connection).await.map_err(|error| sqlx_failure(&error))?;
        Ok(connection)
    }

    fn rest(&self, mut connection: PoolConnection<Postgres>) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if resting.len() < self.most && !self.pool.is_closed() {
            resting.push(connection);
        } else {
            // Its manners are not for other statements.
            connection.close_on_drop();
        }
    }
}

/// Some rows as arrays, one for each column; bound and named in the same breath, so that the two cannot differ.
struct Columns<'a, R> {
    rows: Vec<&'a R>,
    arguments: &'a mut PgArguments,
    names: Vec<&'static str>,
    arrays: Vec<String>,
}

impl<'a, R> Columns<'a, R> {
    fn new(arguments: &'a mut PgArguments, rows: Vec<&'a R>) -> Self {
        Self {
            rows,
            arguments,
            names: Vec::new(),
            arrays: Vec::new(),
        }
    }

    fn add<T>(&mut self, name: &'static str, kind: &'static str, value: impl Fn(&'a R) -> T) -> Result<(), sqlx::error::BoxDynError>
    where
        Vec<T>: Encode<'a, Postgres> + Type<Postgres>,
    {
        self.arguments.add(self.rows.iter().map(|row| value(row)).collect::<Vec<T>>())?;
        self.names.push(name);
        self.arrays.push(format!("${}::{kind}[]", self.arguments.len()));
        Ok(())
    }

    /// The rows as a table in `FROM`.
    fn table(&self, alias: &str) -> String {
        format!("unnest({}) AS {alias} ({})", self.arrays.join(", "), self.names.join(", "))
    }

    /// The columns' names, but those that only say which row is meant.
    fn values(&self, without: &[&str]) -> Vec<&'static str> {
        self.names.iter().filter(|name| !without.contains(name)).copied().collect()
    }
}

fn assignments(names: &[&str], alias: &str) -> String {
    names.iter().map(|name| format!("{name} = {alias}.{name}")).collect::<Vec<_>>().join(", ")
}

fn qualified(names: &[&str], alias: &str) -> String {
    names.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>().join(", ")
}

/// The text and its arrays. Parts that have nothing to write are left out; few of the texts that can be made so come up.
///
/// Rows are locked in the order of their ids before any is changed, so that batches of two nodes cannot wait for one
/// another in a circle: counting the locked rows takes all locks first, and costs less than a join with them, which is
/// planned for few rows and takes their square. After a wait Postgres looks at `version` again, in the row as it is then.
fn statement(items: &[&CommitItem]) -> Result<(String, PgArguments), sqlx::error::BoxDynError> {
    let mut arguments = PgArguments::default();
    let mut parts = vec![conversations(&mut arguments, items)?];
    let inserted: Vec<&Message> = items.iter().flat_map(|item| &item.inserted).map(AsRef::as_ref).collect();
    if !inserted.is_empty() {
        parts.push(new_messages(&mut arguments, inserted)?);
    }
    let updated: Vec<&Message> = items.iter().flat_map(|item| &item.updated).map(AsRef::as_ref).collect();
    if !updated.is_empty() {
        parts.push(changed_messages(&mut arguments, updated)?);
    }
    if items.iter().any(|item| !item.named.is_empty()) {
        parts.push(new_names(&mut arguments, items)?);
    }
    if items.iter().any(|item| !item.attached.is_empty()) {
        parts.push(carried_files(&mut arguments, items)?);
    }
    if items.iter().any(|item| !item.detached.is_empty()) {
        parts.push(dropped_files(&mut arguments, items)?);
    }
    if items.iter().any(|item| !item.agent_marks.is_empty()) {
        parts.push(agent_marks(&mut arguments, items)?);
    }
    if items.iter().any(|item| !item.audit.is_empty()) {
        parts.push(audit(&mut arguments, items)?);
    }
    if items.iter().any(|item| !item.jobs.is_empty()) {
        parts.push(new_jobs(&mut arguments, items)?);
    }
    if items.iter().any(|item| !item.finished_jobs.is_empty()) {
        parts.push(finished_jobs(&mut arguments, items)?);
    }
    Ok((format!("WITH {} SELECT id FROM stored", parts.join(", ")), arguments))
}

fn conversations(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let mut row = Columns::new(arguments, items.to_vec());
    row.add("id", "uuid", |item| item.conversation.id.0)?;
    row.add("base", "int8", |item| item.base_version)?;
    row.add("status", "text", |item| item.conversation.status.as_str())?;
    row.add("snoozed_until", "int8", |item| item.conversation.snoozed_until.map(|at| at.millis()))?;
    row.add("handler", "text", |item| item.conversation.handler.for_agent().as_str())?;
    row.add("assignee_id", "uuid", |item| item.conversation.handler.assignee().map(|id| id.0))?;
    row.add("handler_version", "int8", |item| item.conversation.handler_version)?;
    row.add("answer_id", "uuid", |item| item.conversation.answer_id.map(|id| id.0))?;
    row.add("answers", "int8", |item| item.conversation.answers)?;
    row.add("subject_kind", "text", |item| {
        item.conversation.subject.as_ref().map(|subject| subject.kind.as_str())
    })?;
    row.add("subject_external_id", "text", |item| {
        item.conversation.subject.as_ref().and_then(|subject| subject.external_id.as_deref())
    })?;
    row.add("subject_title", "text", |item| {
        item.conversation.subject.as_ref().map(|subject| subject.title.as_str())
    })?;
    row.add("subject_price", "text", |item| {
        let price = item.conversation.subject.as_ref().and_then(|subject| subject.price.as_ref());
        price.map(ToString::to_string)
    })?;
    row.add("flag_reason", "text", |item| {
        item.conversation.flag.as_ref().and_then(|flag| flag.reason.as_deref())
    })?;
    row.add("flag_by", "text", |item| {
        item.conversation.flag.as_ref().and_then(|flag| flag.by).map(|side| side.as_str())
    })?;
    row.add("flag_at", "int8", |item| item.conversation.flag.as_ref().map(|flag| flag.at.millis()))?;
    row.add("labels", "jsonb", |item| Json(&item.conversation.labels))?;
    row.add("customer_name", "text", |item| item.conversation.customer_name.as_deref())?;
    row.add("customer_key", "text", |item| {
        item.conversation.customer_name.as_ref().map(|name| name.to_lowercase())
    })?;
    row.add("customer_email", "text", |item| item.conversation.customer_email.as_deref())?;
    row.add("seller_email", "text", |item| {
        item.conversation.seller.as_ref().map(|seller| seller.email.as_str())
    })?;
    row.add("customer_phone", "text", |item| {
        item.conversation.whatsapp.as_ref().and_then(|thread| thread.customer_phone.as_deref())
    })?;
    row.add("window_expires_at", "int8", |item| {
        let thread = item.conversation.whatsapp.as_ref();
        thread.and_then(|thread| thread.window_expires_at).map(|at| at.millis())
    })?;
    row.add("metadata", "jsonb", |item| item.conversation.metadata.as_ref().map(Json))?;
    row.add("version", "int8", |item| item.conversation.version)?;
    row.add("last_seq", "int8", |item| item.conversation.last_seq)?;
    row.add("rev", "int8", |item| item.conversation.rev)?;
    row.add("staff_rev", "int8", |item| item.conversation.staff_rev)?;
    row.add("changed_rev", "int8", |item| item.conversation.changed_rev)?;
    row.add("changed_staff_rev", "int8", |item| item.conversation.changed_staff_rev)?;
    row.add("inbound_count", "int8", |item| item.conversation.inbound_count)?;
    row.add("outbound_count", "int8", |item| item.conversation.outbound_count)?;
    row.add("last_message_at", "int8", |item| item.conversation.last_message_at.millis())?;
    row.add("last_message", "text", |item| item.conversation.last_message.as_deref())?;
    row.add("team_mark_seq", "int8", |item| item.conversation.team_mark.seq)?;
    row.add("team_mark_count", "int8", |item| item.conversation.team_mark.count)?;
    row.add("visitor_mark_seq", "int8", |item| item.conversation.visitor_mark.seq)?;
    row.add("visitor_mark_count", "int8", |item| item.conversation.visitor_mark.count)?;
    row.add("visitor_delivered", "int8", |item| item.conversation.visitor_delivered)?;
    row.add("team_delivered", "int8", |item| item.conversation.team_delivered)?;
    row.add("updated_at", "int8", |item| item.conversation.updated_at.millis())?;
    row.add("deleted_at", "int8", |item| item.conversation.deleted_at.map(|at| at.millis()))?;
    Ok(format!(
        "locked AS (SELECT id FROM conversation WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE), \
         stored AS (UPDATE conversation AS c SET {} FROM {} \
         WHERE c.id = item.id AND c.version = item.base AND (SELECT count(*) FROM locked) >= 0 RETURNING c.id)",
        assignments(&row.values(&["id", "base"]), "item"),
        row.table("item"),
    ))
}

fn new_messages(arguments: &mut PgArguments, messages: Vec<&Message>) -> Result<String, sqlx::error::BoxDynError> {
    let mut row = Columns::new(arguments, messages);
    row.add("id", "uuid", |message| message.id.0)?;
    row.add("workspace_id", "uuid", |message| message.workspace_id.0)?;
    row.add("conversation_id", "uuid", |message| message.conversation_id.0)?;
    row.add("seq", "int8", |message| message.seq)?;
    row.add("rev", "int8", |message| message.rev)?;
    row.add("staff_rev", "int8", |message| message.staff_rev)?;
    row.add("made_rev", "int8", |message| message.made_rev)?;
    row.add("made_staff_rev", "int8", |message| message.made_staff_rev)?;
    row.add("sender_kind", "text", |message| message.sender.kind.as_str())?;
    row.add("sender_id", "uuid", |message| message.sender.id)?;
    row.add("sender_name", "text", |message| message.sender.name.as_deref())?;
    row.add("reported", "bool", |message| message.sender.reported)?;
    row.add("author_id", "uuid", |message| message.sender.author().0)?;
    row.add("kind", "text", |message| message.kind.as_str())?;
    row.add("text", "text", |message| message.text.as_str())?;
    row.add("payload", "jsonb", |message| message.payload.as_ref().map(Json))?;
    row.add("attachments", "jsonb", attachments)?;
    row.add("reply_to", "uuid", |message| message.reply_to.map(|id| id.0))?;
    row.add("reactions", "jsonb", reactions)?;
    row.add("metadata", "jsonb", |message| message.metadata.as_ref().map(Json))?;
    row.add("client_id", "text", |message| message.client_id.as_deref())?;
    row.add("content", "bytea", |message| message.content.0)?;
    row.add("status", "text", |message| message.status.as_str())?;
    row.add("delivery", "jsonb", |message| message.delivery.as_ref().map(Json))?;
    row.add("private", "bool", |message| message.private)?;
    row.add("inbound_count", "int8", |message| message.inbound_count)?;
    row.add("outbound_count", "int8", |message| message.outbound_count)?;
    row.add("sent_at", "int8", |message| message.sent_at.map(|at| at.millis()))?;
    row.add("created_at", "int8", |message| message.created_at.millis())?;
    row.add("edited_at", "int8", |message| message.edited_at.map(|at| at.millis()))?;
    row.add("deleted_at", "int8", |message| message.deleted_at.map(|at| at.millis()))?;
    Ok(format!(
        "made AS (INSERT INTO message ({}) SELECT {} FROM {} JOIN stored ON stored.id = new.conversation_id)",
        row.names.join(", "),
        qualified(&row.names, "new"),
        row.table("new"),
    ))
}

fn changed_messages(arguments: &mut PgArguments, messages: Vec<&Message>) -> Result<String, sqlx::error::BoxDynError> {
    let mut row = Columns::new(arguments, messages);
    row.add("id", "uuid", |message| message.id.0)?;
    row.add("conversation_id", "uuid", |message| message.conversation_id.0)?;
    row.add("rev", "int8", |message| message.rev)?;
    row.add("staff_rev", "int8", |message| message.staff_rev)?;
    row.add("text", "text", |message| message.text.as_str())?;
    row.add("payload", "jsonb", |message| message.payload.as_ref().map(Json))?;
    row.add("attachments", "jsonb", attachments)?;
    row.add("reactions", "jsonb", reactions)?;
    row.add("metadata", "jsonb", |message| message.metadata.as_ref().map(Json))?;
    row.add("status", "text", |message| message.status.as_str())?;
    row.add("delivery", "jsonb", |message| message.delivery.as_ref().map(Json))?;
    row.add("edited_at", "int8", |message| message.edited_at.map(|at| at.millis()))?;
    row.add("deleted_at", "int8", |message| message.deleted_at.map(|at| at.millis()))?;
    Ok(format!(
        "changed AS (UPDATE message AS m SET {} FROM {} JOIN stored ON stored.id = later.conversation_id \
         WHERE m.id = later.id AND m.conversation_id = later.conversation_id)",
        assignments(&row.values(&["id", "conversation_id"]), "later"),
        row.table("later"),
    ))
}

/// Empty as they mostly are, they are NULL.
fn attachments(message: &Message) -> Option<Json<&Vec<AttachedFile>>> {
    (!message.attachments.is_empty()).then_some(Json(&message.attachments))
}

/// Empty as they mostly are, they are NULL.
fn reactions(message: &Message) -> Option<Json<&Vec<Reaction>>> {
    (!message.reactions.is_empty()).then_some(Json(&message.reactions))
}

/// In the order of the names, whatever the plan: nodes that write the same ones wait for one another, and never in a circle.
fn new_names(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let mut row = Columns::new(arguments, names(items));
    row.add("channel_id", "uuid", |name| name.external_id.channel_id.0)?;
    row.add("external_id", "text", |name| name.external_id.id.as_str())?;
    row.add("workspace_id", "uuid", |name| name.workspace_id.0)?;
    row.add("conversation_id", "uuid", |name| name.conversation_id.0)?;
    row.add("message_id", "uuid", |name| name.message_id.0)?;
    row.add("part", "int4", part_of)?;
    Ok(format!(
        "named AS (INSERT INTO delivery ({}) SELECT {} FROM {} JOIN stored ON stored.id = called.conversation_id \
         ORDER BY called.channel_id, called.external_id)",
        row.names.join(", "),
        qualified(&row.names, "called"),
        row.table("called"),
    ))
}

/// A file whose message is taken back in the same batch goes with it here: no statement changes a row twice.
fn carried_files(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let mut known = HashSet::new();
    let files: Vec<_> = items
        .iter()
        .flat_map(|item| item.attached.iter().map(move |(file, message)| (*item, file, message)))
        .filter(|(_, file, _)| known.insert(*file))
        .collect();
    let mut row = Columns::new(arguments, files.iter().collect());
    row.add("id", "uuid", |(_, file, _)| file.0)?;
    row.add("conversation_id", "uuid", |(item, ..)| item.conversation.id.0)?;
    row.add("message_id", "uuid", |(.., message)| message.0)?;
    row.add("deleted_at", "int8", |(item, _, message)| {
        item.detached.contains(message).then_some(item.conversation.updated_at.millis())
    })?;
    Ok(format!(
        "carried AS (UPDATE attachment AS a SET message_id = file.message_id, deleted_at = coalesce(a.deleted_at, file.deleted_at) \
         FROM {} JOIN stored ON stored.id = file.conversation_id \
         WHERE a.id = file.id AND a.conversation_id = file.conversation_id AND a.message_id IS NULL)",
        row.table("file"),
    ))
}

fn dropped_files(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let gone: Vec<_> = items
        .iter()
        .flat_map(|item| item.detached.iter().map(move |message| (&item.conversation, message)))
        .collect();
    let mut row = Columns::new(arguments, gone.iter().collect());
    row.add("conversation_id", "uuid", |(conversation, _)| conversation.id.0)?;
    row.add("message_id", "uuid", |(_, message)| message.0)?;
    row.add("deleted_at", "int8", |(conversation, _)| conversation.updated_at.millis())?;
    Ok(format!(
        "dropped AS (UPDATE attachment AS a SET deleted_at = gone.deleted_at FROM {} JOIN stored ON stored.id = gone.conversation_id \
         WHERE a.conversation_id = gone.conversation_id AND a.message_id = gone.message_id AND a.deleted_at IS NULL)",
        row.table("gone"),
    ))
}

fn agent_marks(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let mut row = Columns::new(arguments, furthest_marks(items));
    row.add("conversation_id", "uuid", |mark| mark.conversation_id.0)?;
    row.add("agent_id", "uuid", |mark| mark.agent_id.0)?;
    row.add("seq", "int8", |mark| mark.mark.seq)?;
    row.add("count", "int8", |mark| mark.mark.count)?;
    row.add("at", "int8", |mark| mark.at.millis())?;
    Ok(format!(
        "marked AS (INSERT INTO agent_mark ({}) SELECT {} FROM {} JOIN stored ON stored.id = mark.conversation_id \
         ON CONFLICT (conversation_id, agent_id) DO UPDATE SET {} WHERE agent_mark.seq < excluded.seq)",
        row.names.join(", "),
        qualified(&row.names, "mark"),
        row.table("mark"),
        assignments(&row.values(&["conversation_id", "agent_id"]), "excluded"),
    ))
}

fn audit(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let lines: Vec<_> = items
        .iter()
        .flat_map(|item| item.audit.iter().map(|entry| (item.conversation.id.0, entry)))
        .collect();
    let mut row = Columns::new(arguments, lines.iter().collect());
    row.add("conversation_id", "uuid", |(conversation, _)| *conversation)?;
    row.add("id", "uuid", |(_, entry)| entry.id.0)?;
    row.add("workspace_id", "uuid", |(_, entry)| entry.workspace_id.0)?;
    row.add("actor_id", "uuid", |(_, entry)| entry.actor_id)?;
    row.add("action", "text", |(_, entry)| entry.action.as_str())?;
    row.add("target_id", "uuid", |(_, entry)| entry.target_id)?;
    row.add("detail", "jsonb", |(_, entry)| Json(&entry.detail))?;
    row.add("at", "int8", |(_, entry)| entry.at.millis())?;
    let names = row.values(&["conversation_id"]);
    Ok(format!(
        "audited AS (INSERT INTO audit_entry ({}) SELECT {} FROM {} JOIN stored ON stored.id = line.conversation_id)",
        names.join(", "),
        qualified(&names, "line"),
        row.table("line"),
    ))
}

fn new_jobs(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let mut row = Columns::new(arguments, items.iter().flat_map(|item| &item.jobs).collect());
    row.add("id", "uuid", |job| job.id.0)?;
    row.add("workspace_id", "uuid", |job| job.workspace_id.0)?;
    row.add("conversation_id", "uuid", |job| job.conversation_id.0)?;
    row.add("kind", "text", |job| job.kind.as_str())?;
    row.add("payload", "jsonb", |job| job.payload.as_ref().map(Json))?;
    row.add("attempts", "int4", |job| job.attempts)?;
    row.add("run_at", "int8", |job| job.run_at.millis())?;
    row.add("claimed_by", "uuid", |job| job.claim.map(|claim| claim.by))?;
    row.add("claimed_until", "int8", |job| job.claim.map(|claim| claim.until.millis()))?;
    row.add("last_error", "text", |job| job.last_error.as_deref())?;
    row.add("dead_at", "int8", |job| job.dead_at.map(|at| at.millis()))?;
    row.add("created_at", "int8", |job| job.created_at.millis())?;
    Ok(format!(
        "promised AS (INSERT INTO job ({}) SELECT {} FROM {} JOIN stored ON stored.id = work.conversation_id)",
        row.names.join(", "),
        qualified(&row.names, "work"),
        row.table("work"),
    ))
}

fn finished_jobs(arguments: &mut PgArguments, items: &[&CommitItem]) -> Result<String, sqlx::error::BoxDynError> {
    let finished: Vec<_> = items
        .iter()
        .flat_map(|item| item.finished_jobs.iter().map(|job| (item.conversation.id.0, job.0)))
        .collect();
    let mut row = Columns::new(arguments, finished.iter().collect());
    row.add("conversation_id", "uuid", |(conversation, _)| *conversation)?;
    row.add("id", "uuid", |(_, job)| *job)?;
    Ok(format!(
        "finished AS (DELETE FROM job USING {} JOIN stored ON stored.id = done.conversation_id WHERE job.id = done.id)",
        row.table("done"),
    ))
}

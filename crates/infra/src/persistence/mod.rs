//! The database: SeaORM over SQLite or Postgres, behind the ports of the domain.
//!
//! `store.rs` opens it, one file for each repository reads and writes, `commit/` has the two shapes of the writer's batch,
//! `entity/` the rows. Queries begin from the workspace or from a value that names one thing alone.

mod agent;
mod article;
mod attachment;
mod audit;
mod channel;
mod commit;
mod contact;
mod conversation;
mod conversation_store;
mod creation;
mod delivery;
mod entity;
mod error;
mod history;
mod job;
mod message;
#[cfg(test)]
mod query_plans;
mod rows;
mod schema;
mod session;
mod store;
mod ticket;
mod timestamp;
mod visitor;
mod workspace;

pub use schema::{SchemaError, SchemaState, migrate, schema_state};
pub use store::{SeaOrmStore, open_postgres, open_sqlite};

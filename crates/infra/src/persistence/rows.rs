//! What the repositories have in common.

use super::error::failure;
use super::store::Connection;
use parlor_domain::page::Cursor;
use parlor_domain::store::RepositoryError;
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, LockBehavior, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, Insert, IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany,
};

/// Adds a row; [`RepositoryError::Conflict`] if a unique value of it is taken. A raised error would spoil the rest of a
/// Postgres transaction, so the database is told to do nothing instead, whichever index it is.
pub async fn insert_new<A, M, C>(db: &C, row: M) -> Result<(), RepositoryError>
where
    A: ActiveModelTrait,
    M: IntoActiveModel<A>,
    C: ConnectionTrait,
{
    let insert = Insert::<A>::one(row).on_conflict(OnConflict::new().do_nothing().to_owned());
    match insert.exec_without_returning(db).await {
        Ok(0) | Err(DbErr::RecordNotInserted) => Err(RepositoryError::Conflict),
        Ok(_) => Ok(()),
        Err(error) => Err(failure(error)),
    }
}

/// Changes rows where a unique value may be taken: inside a savepoint, so that a conflict leaves the unit of work usable.
/// Answers how many.
pub async fn update_unique<E, C>(db: &C, update: UpdateMany<E>) -> Result<u64, RepositoryError>
where
    E: EntityTrait,
    C: Connection,
{
    let savepoint = db.begin().await.map_err(failure)?;
    match update.exec(&savepoint).await {
        Ok(done) => savepoint.commit().await.map(|()| done.rows_affected).map_err(failure),
        Err(error) => {
            savepoint.rollback().await.map_err(failure)?;
            Err(failure(error))
        }
    }
}

/// Which way a keyset list is read.
#[derive(Clone, Copy)]
pub enum Direction {
    /// Smallest first.
    Rising,
    /// Largest first.
    Falling,
}

/// Sorts by a value and then the id, and begins after the cursor. Both databases walk an index over the two columns.
pub fn keyset<E: EntityTrait>(select: Select<E>, columns: (E::Column, E::Column), direction: Direction, after: Option<Cursor>) -> Select<E> {
    let (value, id) = columns;
    let order = match direction {
        Direction::Rising => Order::Asc,
        Direction::Falling => Order::Desc,
    };
    let select = select.order_by(value, order.clone()).order_by(id, order);
    let Some(cursor) = after else { return select };
    let place = Expr::tuple([Expr::col(value), Expr::col(id)]);
    let reached = Expr::tuple([Expr::val(cursor.value), Expr::val(cursor.id)]);
    select.filter(match direction {
        Direction::Rising => place.gt(reached),
        Direction::Falling => place.lt(reached),
    })
}

/// Predicates written out in SQL that both databases understand. A bound value would hide from the planner that the
/// predicate implies that of a partial index.
pub trait Literally: Sized {
    /// Adds a predicate.
    #[must_use]
    fn literally(self, sql: &'static str) -> Self;
}

impl<Q: QueryFilter> Literally for Q {
    fn literally(self, sql: &'static str) -> Self {
        self.filter(Expr::cust(sql))
    }
}

/// Keeps the rows from other units of work until this one ends. `NO KEY`: rows that refer to these may still be added.
pub fn locked<E: EntityTrait>(select: Select<E>) -> Select<E> {
    select.lock(LockType::NoKeyUpdate)
}

/// Keeps the rows for deletion, and leaves those out that somebody else keeps.
pub fn locked_for_deletion<E: EntityTrait>(select: Select<E>) -> Select<E> {
    select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
}

/// A pattern for texts that contain this one.
pub fn containing(text: &str) -> LikeExpr {
    LikeExpr::new(format!("%{}%", escaped(text))).escape('\\')
}

/// A pattern for texts that begin with this one.
pub fn beginning_with(text: &str) -> LikeExpr {
    LikeExpr::new(format!("{}%", escaped(text))).escape('\\')
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Turns rows into the domain's values.
pub fn all<R, T>(rows: Vec<R>) -> Result<Vec<T>, RepositoryError>
where
    T: TryFrom<R>,
    RepositoryError: From<T::Error>,
{
    rows.into_iter().map(|row| T::try_from(row).map_err(RepositoryError::from)).collect()
}

/// A bound that SQL takes as number of rows.
pub fn rows(limit: usize) -> u64 {
    limit as u64
}

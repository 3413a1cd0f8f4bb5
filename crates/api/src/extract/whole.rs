use crate::problem::Problem;

/// Runs work to its end even if the caller goes away meanwhile: what is committed must also be told to everybody, and the
/// request's own future is dropped with its connection.
///
/// # Errors
/// The work panicked.
pub async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|error| Problem::internal(&error))
}

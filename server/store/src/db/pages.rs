//! Rows of a long answer, some thousands at a time.

use futures::{Stream, TryStreamExt as _};
use tokio::sync::mpsc;

/// Until there are no more rows, or nobody receives them.
pub(super) async fn send<T>(
    rows: impl Stream<Item = Result<T, sqlx::Error>>,
    size: usize,
    pages: mpsc::Sender<Vec<T>>,
) -> Result<(), sqlx::Error> {
    let mut rows = std::pin::pin!(rows.try_chunks(size));
    while let Some(page) = rows.try_next().await.map_err(|error| error.1)? {
        if pages.send(page).await.is_err() {
            break;
        }
    }
    Ok(())
}

//! Single-flight cells by key.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

use super::cell::{Cell, CellError, Fault, Keep};
use crate::{Context, Pool};

/// How many cells there may be before those in which nothing is are looked for.
const CELLS_MIN: usize = 64;

/// Pieces of work by key, each of which is done once for all who want it at the same time: a
/// [`Cell`] for each key.
///
/// What it keeps lives until it is [forgotten](Self::forget), or the last clone is dropped: there
/// is no limit. With [`Keep::Nothing`] its memory follows what runs.
///
/// # Examples
///
/// ```
/// use perennial::{Context, Pool};
/// use perennial::solver::{Fault, Keep, SingleFlight};
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     let pages = SingleFlight::<String, usize, String>::new(ctx.pool("fetches")?, Keep::Nothing);
///     ctx.healthy();
///     // However many ask for the page at once, it is fetched once, and not for those who left.
///     let size = pages.get("index.html".into(), |_ctx| async { Ok::<_, Fault<_>>(512) }).await?;
///     println!("{size} bytes");
///     ctx.cancelled().await;
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), perennial::Failure> {
/// #     let tree = perennial::Supervisor::new(root).start();
/// #     tree.settled().await;
/// #     tree.stop().await.map(drop)
/// # }
/// ```
pub struct SingleFlight<K, T, E> {
    pool: Pool,
    keep: Keep,
    cells: Arc<Mutex<Cells<K, T, E>>>,
}

struct Cells<K, T, E> {
    by_key: HashMap<K, Cell<T, E>>,
    /// With how many it is worth to look for those that are not needed.
    sweep_at: usize,
}

impl<K, T, E> SingleFlight<K, T, E>
where
    K: Eq + Hash,
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    /// No work yet; runs will be children of `pool`.
    #[must_use]
    pub fn new(pool: Pool, keep: Keep) -> Self {
        let cells = Cells {
            by_key: HashMap::new(),
            sweep_at: CELLS_MIN,
        };
        Self {
            pool,
            keep,
            cells: Arc::new(Mutex::new(cells)),
        }
    }

    /// Gives what is kept for the key, or waits for its run: see [`Cell::get`].
    ///
    /// # Errors
    ///
    /// [`CellError`]: what came of the run, or that none starts.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is how a waiter leaves.
    pub async fn get<F, Fut>(&self, key: K, work: F) -> Result<T, CellError<E>>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Fault<E>>> + Send + 'static,
    {
        let cell = self.cells.lock().cell(key, self.keep);
        cell.get(&self.pool, work).await
    }

    /// Forgets what is kept for the key. Who waits for a run still gets what comes of it, and who
    /// comes from now on has a run of its own.
    pub fn forget(&self, key: &K) {
        let cell = self.cells.lock().by_key.remove(key);
        drop(cell);
    }

    /// How many runs there are, and values that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        let cells = self.cells.lock();
        let busy = cells.by_key.values().filter(|cell| !cell.is_idle());
        busy.count()
    }

    /// Whether nothing runs and nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, T, E> Cells<K, T, E>
where
    K: Eq + Hash,
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    fn cell(&mut self, key: K, keep: Keep) -> Cell<T, E> {
        if self.by_key.len() >= self.sweep_at {
            // One whose waiter has just been here and does not wait yet is not idle to it.
            self.by_key
                .retain(|_, cell| cell.is_shared() || !cell.is_idle());
            self.sweep_at = CELLS_MIN.max(2 * self.by_key.len());
        }
        let cell = self.by_key.entry(key).or_insert_with(|| Cell::new(keep));
        cell.clone()
    }
}

impl<K, T, E> Clone for SingleFlight<K, T, E> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            keep: self.keep,
            cells: self.cells.clone(),
        }
    }
}

impl<K, T, E> fmt::Debug for SingleFlight<K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.cells.lock().by_key.len();
        let mut debug = f.debug_struct("SingleFlight");
        debug.field("cells", &cells).finish_non_exhaustive()
    }
}

//! Tasks that count themselves, and the results of their streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use perennial::testing::Harness;
use perennial::{Context, TaskError};
use tokio::time::sleep;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// An error of whatever kind.
pub(crate) type Failing = Box<dyn std::error::Error + Send + Sync>;

type Results<T> = BoxFuture<'static, Result<T, Failing>>;

/// Counts what runs.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<(AtomicUsize, AtomicUsize, AtomicUsize)>);

/// One more runs, until this is dropped.
pub(crate) struct Counted(Counter);

impl Counter {
    pub(crate) fn one(&self) -> Counted {
        let (now, most, ever) = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        ever.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    pub(crate) fn ever(&self) -> usize {
        self.0.2.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A task that takes so many seconds, and gives how many. It counts from its start to its end.
pub(crate) fn takes(
    counter: &Counter,
    seconds: u32,
) -> impl FnOnce(Context) -> Results<u32> + use<> {
    let counter = counter.clone();
    move |ctx| {
        Box::pin(async move {
            let _counted = counter.one();
            ctx.healthy();
            match ctx.until_cancelled(sleep(SECOND * seconds)).await {
                Some(()) => Ok(seconds),
                None => Err("it was asked to stop".into()),
            }
        })
    }
}

/// The results of a stream that may take time.
pub(crate) async fn all<T>(h: &Harness, results: impl Stream<Item = T>) -> Vec<T> {
    h.wait(results.collect()).await
}

/// What went well, and the texts of what did not.
pub(crate) fn texts<T>(results: Vec<Result<T, TaskError>>) -> Vec<Result<T, String>> {
    let text = |result: Result<T, TaskError>| result.map_err(|error| error.to_string());
    results.into_iter().map(text).collect()
}

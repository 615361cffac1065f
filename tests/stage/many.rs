//! Many at once, on a runtime of many threads, in real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use perennial::Context;
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on many threads, with a deadline.
pub(crate) fn on_many<F: Future<Output = ()>>(test: F) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build();
    let test = async { timeout(PATIENCE, test).await };
    runtime
        .expect("a runtime")
        .block_on(test)
        .expect("it hangs");
}

/// Does this on as many tasks as there are numbers, and gives what they gave.
pub(crate) async fn many<F, T>(tasks: usize, act: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = (0..tasks).map(|task| tokio::spawn(act(task))).collect();
    let mut given = Vec::new();
    for task in tasks {
        given.push(task.await.expect("it does not panic"));
    }
    given
}

/// Runs for a few turns, and counts itself.
pub(crate) fn short(alive: &Arc<AtomicUsize>) -> impl FnOnce(Context) -> Work + use<> {
    let alive = alive.clone();
    move |ctx| {
        Box::pin(async move {
            alive.fetch_add(1, Ordering::SeqCst);
            ctx.healthy();
            yield_now().await;
            alive.fetch_sub(1, Ordering::SeqCst);
        })
    }
}

type Work = BoxFuture<'static, ()>;

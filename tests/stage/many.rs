//! Many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use perennial::Context;
use tokio::task::yield_now;

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

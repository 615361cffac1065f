//! What a child of a pool leaves: its place is free when nothing of it is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial::testing::Harness;
use perennial::{Context, Pool, Startable, runnable};

use crate::pool::{up, up_here};

/// Notes how many children the pool has when this is dropped.
struct Last {
    pool: Pool,
    seen: Arc<AtomicUsize>,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.seen.store(self.pool.children(), Ordering::SeqCst);
    }
}

/// Code that returns at once, and captured something that notes when it is dropped.
fn noted(pool: &Pool, seen: &Arc<AtomicUsize>) -> impl Startable + use<> {
    let last = Arc::new(Last {
        pool: pool.clone(),
        seen: seen.clone(),
    });
    runnable(move |_: Context| {
        let _captured = &last;
        std::future::ready(())
    })
}

#[test]
fn a_child_is_counted_until_its_code_is_dropped() {
    // R13. So a drain is over when nothing of the children is left.
    let (pool, seen) = (Pool::new(), Arc::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        pool.start(noted(&pool, &seen)).expect("it is open");
        pool.drain().await;
        assert_eq!(seen.load(Ordering::SeqCst), 1, "it was forgotten before");
        assert_eq!(pool.children(), 0);
    });
}

#[tokio::test]
async fn a_child_that_nobody_heard_of_is_counted_until_its_code_is_dropped() {
    // R11, R13. The tree was dropped before it took the start.
    let (pool, seen) = (Pool::new(), Arc::default());
    let tree = up_here(&pool).await;
    pool.start(noted(&pool, &seen)).expect("it is open");
    drop(tree);
    pool.drain().await;
    assert_eq!(seen.load(Ordering::SeqCst), 1, "it was forgotten before");
    assert_eq!(pool.children(), 0);
}

//! Many told to stop at once, before they run and while others start.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use perennial::testing::Harness;
use perennial::{Context, Down, Outcome, Pool, RunError, Tree, What};

use crate::pool::up;
use crate::serve::serve;

/// More than the tree hears at once.
const CHILDREN: usize = 600;

#[test]
fn tasks_that_are_dropped_at_once_leave_nothing() {
    // R13, L2. Some of them run already, and others never will.
    let (pool, runs) = (Pool::new(), Arc::new(AtomicUsize::new(0)));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let tasks = (0..CHILDREN).map(|_| {
            let runs = runs.clone();
            let task = pool.task(async move |ctx: Context| {
                runs.fetch_add(1, Ordering::Relaxed);
                ctx.cancelled().await;
                Ok::<_, Infallible>(())
            });
            task.expect("there is room").cancel_on_drop()
        });
        let tasks: Vec<_> = tasks.collect();
        let children: Vec<_> = tasks.iter().map(|task| task.child().clone()).collect();
        drop(tasks);
        h.settled().await;
        assert_eq!(Arc::strong_count(&runs), 1, "what they captured is dropped");
        assert_eq!(pool.children(), 0);
        assert_eq!(h.snapshot().await.nodes.len(), 2);
        let mut ran = 0;
        for child in children {
            let ended = child.ended().await;
            assert_eq!(ended.down, Some(Down::Terminated), "{child:?}");
            ran += usize::from(ended.evidence.is_some());
        }
        assert_eq!(runs.load(Ordering::Relaxed), ran);
    });
}

#[test]
fn a_stop_amid_many_starts_ends_what_has_started_and_starts_nothing_else() {
    // L2, L9, R11. One of them orders the stop while others have not started yet.
    let tree = Arc::new(OnceLock::<Tree>::new());
    let told = tree.clone();
    Harness::run(None, |h| async move {
        let running = h.start(move |ctx: Context| {
            let tree = told.clone();
            async move {
                for index in 0..CHILDREN {
                    let tree = tree.clone();
                    ctx.run(format!("child-{index}"), move |ctx: Context| {
                        if index == 100 {
                            drop(tree.get().map(Tree::stop));
                        }
                        serve(ctx)
                    })?;
                }
                ctx.done();
                Ok::<_, RunError>(())
            }
        });
        assert!(tree.set(running.clone()).is_ok(), "it is set once");
        let report = h.stopped().await.expect("a stop is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        assert!(report.stops.is_empty(), "{report}");
        let log = h.log();
        let of = |is: fn(&What) -> bool| {
            let events = log.iter().filter(|event| is(&event.what));
            let mut paths: Vec<_> = events.map(|event| event.path.to_string()).collect();
            paths.sort();
            paths
        };
        let started = of(|what| matches!(what, What::Starting { .. }));
        let ended = of(|what| matches!(what, What::Exited { .. }));
        assert_eq!(started, ended);
        assert!(started.len() > 100, "the one that ordered it has started");
        assert!(started.len() < CHILDREN, "the last ones have not");
    });
}

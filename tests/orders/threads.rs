//! Orders from many threads, in real time: each is answered, and the tree comes to rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::serve::serve;
use crate::threaded::{PATIENCE, on_many};
use parking_lot::Mutex;
use perennial::{
    Backoff, Child, Context, OrderError, Pool, RunError, State, Strategy, Supervisor, Tree,
    runnable,
};

/// Waits until the tree has come to rest, and stops it. Nothing of it had to be aborted.
async fn end(tree: Tree) {
    tree.settled().await;
    let snapshot = tree.snapshot().await;
    let is_healthy = |node: &perennial::NodeSnapshot| node.state == State::Healthy;
    assert!(snapshot.nodes.iter().all(is_healthy), "{snapshot}");
    let report = tree.stop().await.expect("stopping is no failure");
    assert!(report.stops.is_empty(), "{report}");
}

#[test]
fn a_line_is_ordered_about_from_many_threads() {
    // R10b, R16, R12. Restarted, terminated and started in order, by twelve at once.
    let quick = Backoff::constant(Duration::from_millis(1));
    let root = move |ctx: Context| async move {
        let member = runnable(serve).backoff(quick).start_timeout(PATIENCE);
        let group = ctx.group("line", Strategy::RestForOne).in_order();
        let group = group.run("a", member.clone()).run("b", member.clone());
        group.run("c", member).start()?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    on_many(async {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        let names = ["a", "b", "c"].into_iter();
        let tasks = names.clone().cycle().take(12).map(|name| {
            let node = tree.node(format!("root.{name}"));
            tokio::spawn(async move {
                for _ in 0..50 {
                    drop(node.restart().await);
                    drop(node.terminate().await);
                    drop(node.start().await);
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("it does not panic");
        }
        for name in names {
            drop(tree.node(format!("root.{name}")).start().await);
        }
        end(tree).await;
    });
}

#[test]
fn other_code_is_given_from_many_threads_while_it_fails_and_restarts() {
    // R16, R7, L1. One incarnation at a time, of one code or the other.
    let alive = Arc::new(AtomicUsize::new(0));
    let code = |fails: bool, alive: &Arc<AtomicUsize>| {
        let alive = alive.clone();
        let code = move |ctx: Context| {
            let before = alive.fetch_add(1, Ordering::SeqCst);
            let alive = alive.clone();
            async move {
                ctx.healthy();
                if !fails {
                    ctx.cancelled().await;
                }
                alive.fetch_sub(1, Ordering::SeqCst);
                assert_eq!(before, 0, "L1");
                anyhow::ensure!(!fails, "it fails");
                Ok(())
            }
        };
        runnable(code).backoff(Backoff::none())
    };
    let kept = Arc::new(Mutex::new(None::<Child>));
    let (keeps, first) = (kept.clone(), code(false, &alive));
    let root = move |ctx: Context| {
        let run = ctx.run("child", first.clone());
        let run = run.map(|child| *keeps.lock() = Some(child));
        async move {
            run?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    on_many(async {
        let supervisor = Supervisor::new(root);
        let _reads = supervisor.events();
        let tree = supervisor.start();
        tree.settled().await;
        let child = kept.lock().clone().expect("it was given");
        let tasks = [true, false, true, false].map(|fails| {
            let (child, alive) = (child.clone(), alive.clone());
            tokio::spawn(async move {
                for _ in 0..100 {
                    child
                        .replace(code(fails, &alive))
                        .await
                        .expect("it is there");
                    // It may be about to stop.
                    drop(child.restart().await);
                }
            })
        });
        for task in tasks {
            task.await.expect("it does not panic");
        }
        child
            .replace(code(false, &alive))
            .await
            .expect("it is there");
        drop(child.restart().await);
        end(tree).await;
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_pool_is_restarted_while_many_start_children_in_it() {
    // R13, R16, L1. When the restart is answered the handle works, and each child has ended.
    let given = Arc::new(Mutex::new(None::<Pool>));
    let gives = given.clone();
    let root = move |ctx: Context| {
        let pool = ctx.pool("pool").map(|pool| *gives.lock() = Some(pool));
        async move {
            pool?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    on_many(async {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        let pool = given.lock().clone().expect("it was given");
        let tasks = [(); 3].map(|()| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut children = Vec::new();
                for _ in 0..300 {
                    children.extend(pool.start(serve).ok());
                    tokio::task::yield_now().await;
                }
                children
            })
        });
        let node = tree.node("root.pool");
        for _ in 0..50 {
            node.restart().await.expect("nobody else orders");
            let child = pool.start(serve).expect("it runs");
            child.remove().await.expect("it is there");
        }
        let mut children = Vec::new();
        for task in tasks {
            children.extend(task.await.expect("it does not panic"));
        }
        node.terminate().await.expect("nobody else orders");
        // Its children have ended; they are forgotten at the end of the batch.
        tree.settled().await;
        assert_eq!(pool.children(), 0);
        pool.start(serve).expect_err("it is down");
        for child in children {
            child.ended().await;
            let error = child.terminate().await.expect_err("it is gone");
            assert!(matches!(error, OrderError::Gone { .. }), "{error}");
        }
        node.start().await.expect("it is down");
        end(tree).await;
    });
}

//! Whoever is asked to stop may await the end of what stops with it: a child, a task, a drain.

use std::sync::Arc;
use std::time::Duration;

use crate::serve::serve;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Backoff, Context, Hold, OrderError, Pool, Restart, RunError, State, Strategy, runnable,
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

const TYPES: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];

/// What a node saw in its cleanup.
type Seen<T> = Arc<Mutex<Vec<T>>>;

/// Serves, and takes a second to stop.
async fn slow(ctx: Context) {
    serve(ctx).await;
    sleep(SECOND).await;
}

/// A root that serves above `root.parent`.
fn above(parent: impl perennial::Runnable + Clone) -> impl perennial::Runnable {
    move |ctx: Context| {
        let declared = ctx.run("parent", parent.clone());
        async move {
            declared?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    }
}

/// A node that awaits the end of its child in its cleanup.
fn awaiting(restart: Restart, seen: &Seen<State>) -> impl perennial::Runnable + Clone {
    let seen = seen.clone();
    move |ctx: Context| {
        let seen = seen.clone();
        async move {
            let child = ctx.run("child", runnable(slow).restart(restart))?;
            serve(ctx).await;
            let ended = child.ended().await;
            seen.lock().push(ended.state);
            Ok::<_, RunError>(())
        }
    }
}

#[test]
fn a_parent_that_stops_may_await_the_end_of_its_child() {
    // R3, L9. Its place goes only with the parent, who would wait for himself.
    for restart in TYPES {
        for is_of_tree in [false, true] {
            let seen = Seen::default();
            let root = above(awaiting(restart, &seen));
            Harness::run(None, |h| async move {
                h.start(root);
                h.settled().await;
                if is_of_tree {
                    let report = h.stop().await.expect("stopping is no failure");
                    assert!(report.stops.is_empty(), "{report}");
                } else {
                    let restarted = h.tree().node("root.parent").restart();
                    h.wait(restarted).await.expect("it runs");
                }
                assert_eq!(h.now(), SECOND);
                let is_down = restart == Restart::Temporary && !is_of_tree;
                let state = if is_down {
                    State::Down
                } else {
                    State::Canceled
                };
                assert_eq!(*seen.lock(), [state]);
            });
        }
    }
}

#[test]
fn a_parent_that_stops_may_await_a_child_that_leaks() {
    // R3, R10, L9. It is given up when it leaks, and nobody waits any longer.
    let (seen, held) = (Seen::default(), Seen::<Hold>::default());
    let (saw, keeps) = (seen.clone(), held.clone());
    let parent = move |ctx: Context| {
        let (saw, keeps) = (saw.clone(), keeps.clone());
        async move {
            let holds = move |ctx: Context| {
                keeps.lock().extend(ctx.hold("a file"));
                serve(ctx)
            };
            let child = ctx.run("child", holds)?;
            serve(ctx).await;
            let ended = child.ended().await;
            saw.lock().push(ended.state);
            Ok::<_, RunError>(())
        }
    };
    let parent = runnable(parent).grace(SECOND * 60);
    Harness::run(None, |h| async move {
        h.start(above(parent));
        h.settled().await;
        let terminated = h.wait(h.tree().node("root.parent").terminate()).await;
        assert!(
            matches!(terminated, Err(OrderError::Leaked { .. })),
            "{terminated:?}"
        );
        assert_eq!(h.now(), SECOND * 10);
        assert_eq!(*seen.lock(), [State::Canceled]);
        held.lock().clear();
        h.settled().await;
    });
}

#[test]
fn a_parent_that_stops_may_await_its_tasks() {
    // R13, L9. What they return after they were asked is their output.
    for is_of_tree in [false, true] {
        let outputs = Seen::default();
        let gives = outputs.clone();
        let parent = move |ctx: Context| {
            let outputs = gives.clone();
            async move {
                let pool = ctx.pool("pool")?;
                ctx.healthy();
                let task = pool.task(|ctx: Context| async move {
                    slow(ctx).await;
                    Ok::<_, RunError>("saved")
                })?;
                ctx.cancelled().await;
                let output = task.await?;
                outputs.lock().push(output);
                anyhow::Ok(())
            }
        };
        Harness::run(None, |h| async move {
            h.start(above(parent));
            h.settled().await;
            if is_of_tree {
                let report = h.stop().await.expect("stopping is no failure");
                assert!(report.stops.is_empty(), "{report}");
            } else {
                let terminated = h.tree().node("root.parent").terminate();
                h.wait(terminated).await.expect("it runs");
            }
            assert_eq!((h.now(), &**outputs.lock()), (SECOND, &["saved"][..]));
        });
    }
}

/// What a stop or a fall does to a pool that provides for a listener, which drains it.
async fn drains(h: Harness, pool: Pool, restart: Restart, end: impl AsyncFnOnce(&Harness)) {
    h.settled().await;
    let serves = runnable(|ctx: Context| async move {
        ctx.healthy();
        sleep(SECOND).await;
        ctx.done();
    });
    pool.start_named("serves", serves.restart(restart))
        .expect("it stands");
    let waits = runnable(|_: Context| async { Err::<(), _>("no such host") });
    let waits = waits.backoff(Backoff::constant(SECOND * 60));
    pool.start(waits.restart(Restart::Permanent))
        .expect("it stands");
    h.idle().await;
    assert_eq!(h.state("root.pool.1").await, Some(State::Waiting));
    let begun = h.now();
    end(&h).await;
    assert_eq!(h.now() - begun, SECOND, "{restart:?}");
}

/// A group of a pool, of who drains it in its cleanup, and of another.
fn draining(pool: &Pool) -> impl perennial::Runnable {
    let pool = pool.clone();
    move |ctx: Context| {
        let (listened, pool) = (pool.clone(), pool.clone());
        let listener = move |ctx: Context| {
            let pool = listened.clone();
            async move {
                serve(ctx).await;
                pool.drain().await;
            }
        };
        let group = ctx.group("serving", Strategy::OneForAll);
        let group = group.run("pool", pool);
        let group = group.run("listener", runnable(listener).grace(SECOND * 60));
        let declared = group.run("other", serve).start();
        async move {
            declared?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    }
}

#[test]
fn a_listener_that_stops_may_drain_the_pool_that_provides_for_it() {
    // R13, R10. The present ones end in their own time; what was in backoff has ended.
    for restart in TYPES {
        let pool = Pool::builder().provides().build();
        Harness::run(None, |h| async move {
            h.start(draining(&pool));
            drains(h, pool, restart, async |h| {
                let report = h.stop().await.expect("stopping is no failure");
                assert!(report.stops.is_empty(), "{report}");
            })
            .await;
        });
    }
}

#[test]
fn a_listener_that_falls_may_drain_the_pool_that_provides_for_it() {
    // R13, R10, R6. As in a stop; the group rises when all of it has ended.
    for restart in TYPES {
        let pool = Pool::builder().provides().build();
        Harness::run(None, |h| async move {
            h.start(draining(&pool));
            let group = pool.clone();
            drains(h, pool, restart, async |h| {
                let restarted = h.tree().node("root.other").restart();
                h.wait(restarted).await.expect("it runs");
                assert_eq!(group.children(), 0);
            })
            .await;
        });
    }
}

#[test]
fn what_ends_in_a_pool_that_is_held_makes_room_in_it() {
    // R13, R5. Told to stop, it takes children until its turn comes: one at a time, of one name.
    for restart in TYPES {
        let (pool, failed) = (
            Pool::builder().provides().max_children(1).build(),
            Seen::default(),
        );
        let (serving, notes) = (pool.clone(), failed.clone());
        let user = move |ctx: Context| {
            let (pool, failed) = (serving.clone(), notes.clone());
            async move {
                serve(ctx).await;
                for _ in 0..3 {
                    let ends = runnable(|ctx: Context| async move { ctx.done() });
                    match pool.start_named("ends", ends.restart(restart)) {
                        Ok(child) => drop(child.ended().await),
                        Err(refused) => failed.lock().push(refused.to_string()),
                    }
                }
            }
        };
        let root = move |ctx: Context| {
            let (pool, user) = (pool.clone(), user.clone());
            async move {
                ctx.run("pool", pool)?;
                ctx.run("user", user)?;
                serve(ctx).await;
                Ok::<_, RunError>(())
            }
        };
        Harness::run(None, |h| async move {
            h.start(root);
            h.settled().await;
            let report = h.stop().await.expect("stopping is no failure");
            assert_eq!(
                (h.now(), report.stops.len()),
                (Duration::ZERO, 0),
                "{report}"
            );
            assert_eq!(*failed.lock(), [""; 0]);
        });
    }
}

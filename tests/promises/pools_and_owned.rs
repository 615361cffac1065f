//! What grows while a node runs: pooled children, owned tasks and holds.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::puppet::Puppet;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Cause, Context, Down, Exit, Hold, OwnError, OwnedError, Pool, RunError, StartError, State,
    What, once,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

type Given<T> = Arc<Mutex<Option<T>>>;
type Root = futures::future::BoxFuture<'static, Result<(), RunError>>;

/// A root with a pool that stands when `started` says so.
fn pooled() -> (Given<Pool>, impl Fn(Context) -> Root + Send + Sync) {
    let given = Given::default();
    let gives = given.clone();
    let root = move |ctx: Context| {
        let gives = gives.clone();
        Box::pin(async move {
            *gives.lock() = Some(ctx.pool("pool")?);
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        }) as Root
    };
    (given, root)
}

fn root_of(child: impl perennial::Runnable + Clone) -> impl Fn(Context) -> Root + Send + Sync {
    move |ctx: Context| {
        let run = ctx.run("child", child.clone());
        Box::pin(async move {
            run?;
            ctx.done();
            Ok(())
        })
    }
}

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

fn taken<T>(given: &Given<T>) -> T {
    given.lock().take().expect("it was given")
}

#[test]
fn a_pool_may_start_a_child_as_soon_as_it_is_declared() {
    // R13, L1. At any time until it stops: before its first pass too.
    let root = |ctx: Context| async move {
        let pool = ctx.pool("pool")?;
        pool.start(serve)?;
        ctx.done();
        anyhow::Ok(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        assert_eq!(harness.state("root.pool").await, Some(State::Healthy));
        assert_eq!(harness.state("root.pool.1").await, Some(State::Healthy));
    });
}

#[test]
fn pooled_children_are_numbered_and_a_number_is_never_used_again() {
    // R13, R1. What has ended is forgotten; its handle keeps the exit.
    let (given, root) = pooled();
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        let pool = taken(&given);
        let first = pool.start(|ctx: Context| async move { ctx.healthy() });
        let first = first.expect("it stands");
        assert_eq!(first.path().to_string(), "root.pool.1");
        let ended = first.ended().await;
        assert_eq!(ended.state, State::Down);
        assert!(ended.evidence.is_some());
        assert_eq!(
            (pool.children(), harness.state("root.pool.1").await),
            (0, None)
        );
        let second = pool.start(serve).expect("it stands");
        assert_eq!(second.path().to_string(), "root.pool.2");
        assert_eq!(pool.path().unwrap().to_string(), "root.pool");
        second.healthy().await.expect("it serves");
    });
}

#[test]
fn a_pooled_child_fails_alone_and_is_not_started_again() {
    // R13, R5. Its Down is an event with the reason.
    let (given, root) = pooled();
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        let pool = taken(&given);
        let sound = pool.start(serve).expect("it stands");
        let failing = once(|_: Context| async { Err::<(), _>("reset by peer") });
        let broken = pool.start(failing).expect("it stands");
        let panics = |ctx: Context| async move { assert!(ctx.is_cancelled(), "bad request") };
        let panics = pool.start(panics).expect("it stands");
        broken.ended().await;
        panics.ended().await;
        harness.settled().await;
        sound.healthy().await.expect("it serves");
        assert_eq!(
            (pool.children(), harness.snapshot().await.nodes.len()),
            (1, 3)
        );
        let log = harness.log();
        let downs = log.iter().filter(|event| {
            matches!(
                event.what,
                What::Down {
                    reason: Down::Failed
                }
            )
        });
        assert_eq!(downs.count(), 2);
        assert!(
            !log.iter()
                .any(|event| matches!(event.what, What::RestartScheduled { .. }))
        );
    });
}

#[test]
fn pooled_children_stop_in_parallel() {
    // R13, R10. A hundred take as long as one.
    let (given, root) = pooled();
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        let pool = taken(&given);
        for _ in 0..100 {
            let slow = |ctx: Context| async move {
                serve(ctx).await;
                sleep(Duration::from_secs(2)).await;
            };
            pool.start(slow).expect("it stands");
        }
        harness.settled().await;
        let before = Instant::now();
        let report = harness.stop().await.expect("stopping is no failure");
        assert_eq!(before.elapsed().as_secs(), 2);
        assert!(report.stops.is_empty(), "{report}");
        let refused = pool.start(serve);
        assert!(
            matches!(refused, Err(StartError::Stopped { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn a_pool_of_an_earlier_incarnation_starts_nothing() {
    // R13, L10. Its handle is stale.
    let (child, obey) = Puppet::new();
    let pools = Arc::new(Mutex::new(Vec::<Pool>::new()));
    let kept = pools.clone();
    let parent = move |ctx: Context| {
        let pool = ctx.pool("pool");
        let (kept, obeys) = (kept.clone(), obey(ctx));
        async move {
            kept.lock().push(pool?);
            Ok::<_, RunError>(obeys.await)
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(parent));
        child.healthy().await;
        harness.settled().await;
        child.die().await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
        let pools = pools.lock().clone();
        let refused = pools[0].start(serve);
        assert!(
            matches!(refused, Err(StartError::Stopped { .. })),
            "{refused:?}"
        );
        let started = pools[1].start(serve).expect("it stands");
        assert_eq!(started.path().to_string(), "root.child.pool.1");
    });
}

#[test]
fn an_incarnation_has_ended_only_after_its_tasks_and_holds() {
    // R14, L1, R2. Its next one starts after them.
    let (child, obey) = Puppet::new();
    let held = Given::<Hold>::default();
    let keeps = held.clone();
    let owner = move |ctx: Context| {
        if ctx.attempt() == 1 {
            *keeps.lock() = ctx.hold("a file").ok();
            let slow = sleep(Duration::from_secs(2));
            ctx.spawn(slow).map(drop).expect("it runs");
        }
        obey(ctx)
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(owner));
        child.healthy().await;
        child.die().await;
        let before = Instant::now();
        harness.advance(Duration::from_secs(1)).await;
        let snapshot = harness.snapshot().await;
        let node = snapshot.find("root.child").expect("it stands");
        assert_eq!((node.state, node.ending), (State::Dead, 2), "{snapshot}");
        assert_eq!(node.holds, ["a file"]);
        harness.advance(Duration::from_millis(2500)).await;
        assert_eq!(
            harness.state("root.child").await,
            Some(State::Dead),
            "a hold is left"
        );
        drop(taken(&held));
        harness.wait(child.healthy()).await;
        assert!(before.elapsed() >= Duration::from_millis(3500));
        harness.settled().await;
    });
}

#[test]
fn a_panic_of_an_owned_task_fails_its_owner() {
    // R14, R5. The owner is dead by that cause, however it returns.
    let owner = |ctx: Context| async move {
        if ctx.attempt() == 1 {
            let task = async { panic!("in the background") };
            ctx.spawn(task).map(|_: perennial::Owned<()>| ())?;
        }
        serve(ctx).await;
        Ok::<_, OwnError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(owner));
        harness.until("root.child", State::Dead).await;
        harness.settled().await;
        let snapshot = harness.snapshot().await;
        let node = snapshot.find("root.child").expect("it stands");
        assert_eq!((node.state, node.attempt), (State::Healthy, 2));
        let cause = node.last_exit.as_ref().and_then(|exit| exit.cause.clone());
        let Some(Cause::Owned(panic)) = cause else {
            panic!("{cause:?}");
        };
        assert_eq!(panic.message(), "in the background");
    });
}

#[test]
fn an_error_of_an_owned_task_is_for_its_handle_alone() {
    // R14. The owner decides what it means.
    let owner = |ctx: Context| async move {
        let task = ctx.spawn(async { Err::<u8, _>("no such host") })?;
        let output = task.await.expect("it returned");
        assert_eq!(output, Err("no such host"));
        let task = ctx.spawn(async { 7 })?;
        assert_eq!(task.await.ok(), Some(7));
        serve(ctx).await;
        Ok::<_, OwnError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(owner));
        harness.settled().await;
        let snapshot = harness.snapshot().await;
        assert_eq!(
            snapshot.find("root.child").map(|node| node.restarts),
            Some(0)
        );
    });
}

#[test]
fn an_owned_task_hears_that_its_owner_has_returned() {
    // R14. And then shares its grace, after which it is aborted.
    let (tell, told) = oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let owner = move |ctx: Context| {
        let tell = tell.lock().take();
        async move {
            ctx.healthy();
            let (hears, deaf) = (ctx.clone(), pending::<()>());
            ctx.spawn(async move {
                hears.cancelled().await;
                let _ = tell.map(|tell| tell.send(Instant::now()));
            })?;
            let deaf = ctx.spawn(deaf)?;
            tokio::spawn(async move {
                let aborted = deaf.await;
                assert!(
                    matches!(aborted, Err(OwnedError::Aborted { .. })),
                    "{aborted:?}"
                );
            });
            ctx.done();
            Ok::<_, OwnError>(())
        }
    };
    let owner = Arc::new(owner);
    let owner = move |ctx: Context| owner(ctx);
    Harness::run(None, |harness| async move {
        harness.start(root_of(owner));
        let before = Instant::now();
        let heard = harness.wait(told).await.expect("it heard");
        assert_eq!(heard, before);
        let report = harness.stopped().await.expect("it finished");
        assert_eq!(
            before.elapsed().as_secs(),
            5,
            "the grace of its owner: {report}"
        );
    });
}

#[test]
fn nothing_is_owned_after_the_return() {
    // R14, L10. The future is dropped and never polled.
    let given = Given::<Context>::default();
    let gives = given.clone();
    let owner = move |ctx: Context| {
        *gives.lock() = Some(ctx.clone());
        async move { ctx.done() }
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(owner));
        harness.settled().await;
        let ctx = taken(&given);
        let alive = Arc::new(());
        let kept = alive.clone();
        let task = ctx.spawn(async move { drop(kept) });
        assert!(matches!(task, Err(OwnError::Ended { .. })));
        assert_eq!(Arc::strong_count(&alive), 1);
        assert!(matches!(ctx.hold("late"), Err(OwnError::Ended { .. })));
    });
}

#[test]
fn what_an_owned_task_said_last_comes_before_the_end() {
    // L6, R14. Signals of a clone of the context, by the task, count as the owner's.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        let by_clone = |ctx: &Context| {
            let clone = ctx.clone();
            std::thread::spawn(move || clone.done())
                .join()
                .expect("no panic");
            Some(Exit::Returned)
        };
        child.tell(by_clone).await;
        harness.until("root.child", State::Done).await;
    });
}

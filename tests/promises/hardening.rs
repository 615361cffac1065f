//! Code of the user's in unexpected places, and questions at unexpected times, harm nothing else.

use std::fmt;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::task::{Context as Polling, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::future::BoxFuture;
use perennial::testing::Harness;
use perennial::{
    Backoff, Child, Clock, Context, Exit, FirstStartError, IntoExit, Outcome, Pool, RunError,
    StartError, State, Supervisor, What, runnable,
};
use tokio::runtime::Builder;
use tokio::time::sleep;

type Result<T = (), E = RunError> = std::result::Result<T, E>;

/// What a root keeps for the test.
type Slot<T> = Arc<OnceLock<T>>;

/// Serves until it is asked to stop.
async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

/// A root with one child.
fn with_child<F, Fut>(run: F) -> impl Fn(Context) -> BoxFuture<'static, Result> + Send + Sync
where
    F: Fn(Context) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    move |ctx| {
        let run = run.clone();
        Box::pin(async move {
            ctx.run("child", run)?;
            ctx.done();
            Ok(())
        })
    }
}

/// The exits of the node at a path, in order.
fn exits(harness: &Harness, path: &str) -> Vec<Exit> {
    let of = |event: perennial::Event| match event.what {
        What::Exited { evidence } if event.path == path => evidence.exit.clone(),
        _ => None,
    };
    harness.log().into_iter().filter_map(of).collect()
}

/// Message and place of the panic that was an exit.
#[track_caller]
fn panic_of(exit: &Exit) -> (&str, Option<&str>) {
    match exit {
        Exit::Panicked(panic) => (panic.message(), panic.location()),
        other => panic!("it {other}"),
    }
}

/// An error whose drop panics.
#[derive(Debug)]
struct Sore;

impl fmt::Display for Sore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sore")
    }
}

impl std::error::Error for Sore {}

impl Drop for Sore {
    fn drop(&mut self) {
        panic!("the drop of an error");
    }
}

/// A payload whose drop throws another one.
struct Hydra;

impl Drop for Hydra {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

/// A value whose drop panics.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("the drop of an output");
    }
}

/// A subscriber that cannot write a warning.
struct Broken;

impl tracing::Subscriber for Broken {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let is_warning = *event.metadata().level() == tracing::Level::WARN;
        assert!(!is_warning, "the subscriber cannot write");
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// A waker that panics.
struct Alarm;

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        panic!("the waker of a caller");
    }
}

/// A result whose conversion into an exit may panic.
struct Odd {
    is_broken: bool,
}

impl IntoExit for Odd {
    fn into_exit(self) -> Exit {
        assert!(!self.is_broken, "the conversion of an exit");
        Exit::Returned
    }
}

#[test]
fn an_error_that_panics_when_dropped_is_an_exit_like_any_other() {
    // R18, L3. The errors of earlier exits are dropped when later ones take their place.
    let child = |ctx: Context| async move {
        if ctx.attempt() <= 4 {
            return Err(Sore);
        }
        serve(ctx).await;
        Ok(())
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.settled().await;
        assert_eq!(exits(&harness, "root.child").len(), 4);
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn many_errors_that_panic_when_dropped_do_not_hold_up_the_end() {
    // R18, R11. They are dropped together, with the tree.
    let child = |ctx: Context| async move {
        serve(ctx).await;
        Err::<(), _>(Sore)
    };
    let root = move |ctx: Context| async move {
        ctx.run("first", child)?;
        ctx.run("second", child)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        let report = harness.stop().await.unwrap();
        assert_eq!(report.outcome, Outcome::Stopped);
    });
}

#[test]
fn a_payload_whose_drop_panics_again_is_an_exit_like_any_other() {
    // R18, L3. Whatever drops it would have to drop what that throws.
    let child = |ctx: Context| async move {
        if ctx.attempt() <= 2 {
            panic_any(Hydra);
        }
        serve(ctx).await;
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.settled().await;
        assert_eq!(exits(&harness, "root.child").len(), 2);
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn a_subscriber_that_panics_stops_nothing() {
    // R17. Observers cannot reach in: the node whose death it was told of rises.
    let child = |ctx: Context| async move {
        if ctx.attempt() == 1 {
            return Err("a death to warn of");
        }
        serve(ctx).await;
        Ok(())
    };
    tracing::subscriber::with_default(Broken, || {
        Harness::run(None, |harness| async move {
            harness.start(with_child(child));
            harness.settled().await;
            assert_eq!(harness.state("root.child").await, Some(State::Healthy));
        });
    });
}

#[test]
fn a_waker_that_panics_stops_nothing() {
    // L10, R3. Whoever asks about a child is answered from within the tree.
    let slot: Slot<Child> = Arc::default();
    let kept = slot.clone();
    let child = |ctx: Context| async move {
        sleep(Duration::from_secs(1)).await;
        serve(ctx).await;
    };
    let root = move |ctx: Context| {
        let kept = kept.clone();
        async move {
            kept.set(ctx.run("child", child)?).unwrap();
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.until("root.child", State::Starting).await;
        let mut healthy = Box::pin(slot.get().unwrap().healthy());
        let waker = Waker::from(Arc::new(Alarm));
        let poll = healthy.as_mut().poll(&mut Polling::from_waker(&waker));
        assert!(poll.is_pending());
        harness.settled().await;
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
        healthy.await.unwrap();
    });
}

#[test]
fn a_panic_is_told_with_its_own_message_and_not_with_one_caught_before() {
    // R18. What is resumed passes no hook, which saw another panic last.
    let child = |ctx: Context| async move {
        if ctx.attempt() == 1 {
            catch_unwind(|| panic!("handled")).unwrap_err();
            resume_unwind(Box::new("the cause"));
        }
        serve(ctx).await;
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.settled().await;
        let exits = exits(&harness, "root.child");
        assert_eq!(panic_of(&exits[0]), ("the cause", None));
    });
}

#[test]
fn a_panic_in_the_conversion_of_an_exit_is_a_panic_of_the_runnable() {
    // R18, R5. It is code of the user's like the runnable itself.
    let child = |ctx: Context| async move {
        let is_broken = ctx.attempt() == 1;
        if !is_broken {
            serve(ctx).await;
        }
        Odd { is_broken }
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.settled().await;
        let exits = exits(&harness, "root.child");
        let (message, location) = panic_of(&exits[0]);
        assert_eq!(message, "the conversion of an exit");
        assert!(location.is_some_and(|location| location.contains("hardening.rs")));
    });
}

#[test]
fn an_owned_output_that_nobody_wants_may_panic_when_dropped() {
    // R14, R18. It is a panic of the owned task, which fails the owner.
    let child = |ctx: Context| async move {
        if ctx.attempt() == 1 {
            drop(ctx.spawn(async { Loud }).unwrap());
        }
        serve(ctx).await;
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.until("root.child", State::Dead).await;
        harness.settled().await;
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
        let snapshot = harness.snapshot().await;
        let child = snapshot.find("root.child").unwrap();
        let evidence = child.last_exit.as_ref().unwrap().chain();
        assert!(evidence.ends_with("the drop of an output"), "{evidence}");
    });
}

#[test]
fn a_task_can_be_spawned_from_a_thread_without_a_runtime() {
    // R14. It runs where the tree runs.
    let child = |ctx: Context| async move {
        let spawner = ctx.clone();
        let spawn = move || spawner.spawn(async { 7 }).unwrap();
        let owned = thread::spawn(spawn).join().unwrap();
        assert_eq!(owned.await.unwrap(), 7);
        serve(ctx).await;
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.settled().await;
        assert!(exits(&harness, "root.child").is_empty());
    });
}

#[test]
fn handles_know_how_their_children_ended_when_the_tree_is_gone() {
    // R3. Whether they were awaited through the stop or are asked after it.
    let slot: Slot<[Child; 4]> = Arc::default();
    let kept = slot.clone();
    let flush = |ctx: Context| async move {
        serve(ctx).await;
        Err::<(), _>("not flushed")
    };
    let root = move |ctx: Context| {
        let kept = kept.clone();
        async move {
            let done = ctx.run("done", |ctx: Context| async move { ctx.done() })?;
            let stopped = ctx.run("stopped", flush)?;
            let pool = ctx.pool("pool")?;
            let failed = pool
                .start(|_: Context| async { Err::<(), _>("broken") })
                .unwrap();
            let finished = pool
                .start(|ctx: Context| async move { ctx.healthy() })
                .unwrap();
            kept.set([done, stopped, failed, finished]).unwrap();
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        let [done, stopped, failed, finished] = slot.get().unwrap();
        let (awaited, report) = tokio::join!(stopped.ended(), harness.stop());
        assert_eq!(report.unwrap().outcome, Outcome::Stopped);
        for ended in [awaited, stopped.ended().await] {
            assert_eq!(ended.state, State::Canceled);
            let evidence = ended.evidence.unwrap().chain();
            assert!(evidence.ends_with("not flushed"), "{evidence}");
        }
        assert_eq!(done.ended().await.state, State::Done);
        finished.first_start().await.unwrap();
        let failed = failed.first_start().await;
        assert!(
            matches!(failed, Err(FirstStartError::Exited { .. })),
            "{failed:?}"
        );
    });
}

#[test]
fn a_pool_that_was_cancelled_before_it_started_takes_no_children() {
    // R13, R3. Its parent died in the batch in which the pool was declared.
    let slot: Slot<Pool> = Arc::default();
    let kept = slot.clone();
    let child = move |ctx: Context| {
        let kept = kept.clone();
        async move {
            if ctx.attempt() == 1 {
                kept.set(ctx.pool("pool").unwrap()).unwrap();
                return Err("dead at once");
            }
            serve(ctx).await;
            Ok(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.settled().await;
        let start = slot.get().unwrap().start(serve);
        assert!(
            matches!(start, Err(StartError::Stopped { .. })),
            "{start:?}"
        );
    });
}

#[test]
fn what_waits_for_a_restart_is_seen_when_a_larger_fall_cancels_it() {
    // R2, R7, L3. It is told as absorbed, and was canceled for a moment.
    let fail = |_: Context| async { Err::<(), _>("broken") };
    let day = Duration::from_secs(86_400);
    let fail = runnable(fail).backoff(Backoff::constant(day));
    let deaf = |ctx: Context| async move {
        ctx.healthy();
        pending::<()>().await;
    };
    let deaf = runnable(deaf).grace(Duration::from_secs(100));
    let child = move |ctx: Context| {
        let (fail, deaf) = (fail.clone(), deaf.clone());
        async move {
            if ctx.attempt() == 1 {
                ctx.run("fail", fail)?;
                ctx.run("deaf", deaf)?;
                ctx.healthy();
                sleep(Duration::from_secs(5)).await;
                return Err("dead".into());
            }
            serve(ctx).await;
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(with_child(child));
        harness.until("root.child.fail", State::Waiting).await;
        harness.until("root.child.fail", State::Canceled).await;
        harness.settled().await;
    });
}

#[test]
fn a_tree_without_a_clock_is_refused_where_it_is_started() {
    // R11. A runtime without time would stop the tree at its first deadline.
    let runtime = Builder::new_current_thread().build().unwrap();
    let start = || runtime.block_on(async { drop(Supervisor::new(serve).start()) });
    assert!(catch_unwind(AssertUnwindSafe(start)).is_err());
    let on_hand = async {
        let (clock, _hand) = Clock::manual();
        let tree = Supervisor::new(serve).clock(clock).start();
        tree.settled().await;
        tree.stop().await.unwrap().outcome
    };
    assert_eq!(runtime.block_on(on_hand), Outcome::Stopped);
}

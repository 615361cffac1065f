//! Runnables that block, each incarnation on a thread of its own (R15).
//!
//! The threads are real, and the clock stands still until it is moved: nothing here waits for time.

#[path = "blocking/threads.rs"]
mod threads;

use std::env;
use std::io::Write;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use perennial::{
    Backoff, Context, Evidence, Exit, IntoExit, OnLeak, OrderError, Outcome, PublishError,
    Published, RunError, Rung, State, Supervisor, Tree, What, blocking, blocking_once, runnable,
};
use threads::{PATIENCE, Stage, Threads, in_time};
use tokio::runtime::{Builder, Handle};

const CHILD: &str = "root.child";

/// Serves until it is asked to stop.
async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

fn has_exited(event: &perennial::Event) -> bool {
    matches!(event.what, What::Exited { .. })
}

#[track_caller]
fn evidence(event: perennial::Event) -> Arc<Evidence> {
    match event.what {
        What::Exited { evidence } | What::OwnedPanicked { evidence } => evidence,
        other => panic!("{other}"),
    }
}

/// The state of the child, how much of it is ending, and the holds among that.
async fn look(tree: &Tree) -> (State, usize, Vec<String>) {
    let snapshot = tree.snapshot().await;
    let child = snapshot.find(CHILD).expect("it stands");
    (child.state, child.ending, child.holds.clone())
}

#[tokio::test]
async fn it_runs_on_a_thread_that_is_named_after_its_node() {
    // R15. While that blocks, the only thread of the runtime goes on.
    let (mut threads, obey) = Threads::new();
    let stage = Stage::with_child(blocking(obey));
    let thread = threads.next().await;
    assert_ne!(thread.id, thread::current().id());
    assert_eq!(thread.name.as_deref(), Some(CHILD));
    assert_eq!(look(&stage.tree).await.0, State::Starting);
    thread.tell(Context::healthy).await;
    in_time(stage.tree.settled()).await;
    assert_eq!(look(&stage.tree).await.0, State::Healthy);
    thread.end(|_| Exit::Returned);
    in_time(stage.tree.stop()).await.expect("no failure");
}

#[tokio::test]
async fn its_context_declares_owns_and_awaits() {
    // R15, R3, R14. The thread is in the runtime of the tree.
    let (mut threads, obey) = Threads::new();
    let stage = Stage::with_child(blocking(obey));
    let thread = threads.next().await;
    let found = thread.tell(|ctx| {
        let leaf = ctx.run("leaf", serve)?;
        let runtime = Handle::current();
        runtime.block_on(leaf.healthy())?;
        ctx.healthy();
        let own = ctx.clone();
        let owned = ctx.spawn(async move { own.attempt() })?;
        let spawned = tokio::spawn(async { 2 });
        anyhow::Ok((runtime.block_on(owned)?, runtime.block_on(spawned)?))
    });
    assert_eq!(found.await.expect("all of it is there"), (1, 2));
    thread.end(|ctx| {
        Handle::current().block_on(ctx.cancelled());
        Exit::Returned
    });
    let report = in_time(stage.tree.stop()).await.expect("no failure");
    assert!(report.stops.is_empty(), "{report}");
}

#[tokio::test]
async fn a_loop_that_polls_its_context_ends_in_its_grace() {
    // R15, R10. So does a wait that the stop ends.
    for waits in [true, false] {
        let (mut threads, obey) = Threads::new();
        let stage = Stage::with_child(blocking(obey));
        threads.next().await.end(move |ctx| {
            ctx.healthy();
            let pending = ctx.until_cancelled(std::future::pending::<()>());
            let found = waits.then(|| Handle::current().block_on(pending));
            assert_eq!(found.flatten(), None);
            while !ctx.is_cancelled() {
                thread::yield_now();
            }
            assert!(ctx.token().is_cancelled());
            Exit::Returned
        });
        in_time(stage.tree.settled()).await;
        let report = in_time(stage.tree.stop()).await.expect("no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        assert!(report.stops.is_empty(), "{report}");
    }
}

#[tokio::test]
async fn what_it_returns_is_its_exit() {
    // R15, R5. With done it is Done, and an error is a death.
    let (mut threads, obey) = Threads::new();
    let mut stage = Stage::with_child(blocking(obey).backoff(Backoff::none()));
    threads
        .next()
        .await
        .end(|_| Err::<(), _>("no sensor").into_exit());
    let exited = stage.until(has_exited).await;
    assert_eq!(exited.state, State::Dead);
    let evidence = evidence(exited);
    assert_eq!(
        evidence.chain(),
        "root.child failed while starting: no sensor"
    );
    threads.next().await.end(|ctx| {
        assert_eq!(ctx.attempt(), 2);
        ctx.done();
        Exit::Returned
    });
    assert_eq!(stage.until(has_exited).await.state, State::Done);
}

#[tokio::test]
async fn a_panic_is_a_death_with_its_place() {
    // R15, R18. It goes on in the task, with what was seen on the thread.
    let (mut threads, obey) = Threads::new();
    let mut stage = Stage::with_child(blocking(obey));
    threads.next().await.end(|_| panic!("the sensor is gone"));
    let line = line!() - 1;
    let exited = stage.until(has_exited).await;
    assert_eq!(exited.state, State::Dead);
    match &evidence(exited).exit {
        Some(Exit::Panicked(panic)) => {
            assert_eq!(panic.message(), "the sensor is gone");
            let place = panic.location().expect("the hook has seen it");
            assert!(
                place.starts_with(&format!("{}:{line}:", file!())),
                "{place}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// A result that cannot be turned into an exit.
struct Odd;

impl IntoExit for Odd {
    fn into_exit(self) -> Exit {
        panic!("odd, on {:?}", thread::current().name());
    }
}

#[tokio::test]
async fn what_it_returns_is_read_on_its_thread() {
    // R15, R18. It need not be sent anywhere, and a panic in that is the exit.
    let mut stage = Stage::with_child(blocking(|_| Odd));
    let exited = stage.until(has_exited).await;
    let chain = evidence(exited).chain();
    assert!(chain.ends_with("odd, on Some(\"root.child\")"), "{chain}");
}

#[tokio::test]
async fn a_panic_reaches_the_caller_if_it_is_to() {
    // R15, R18. As that of a task does.
    let root = blocking(|_| resume_unwind(Box::new(7_u8)) as Exit);
    let run = Supervisor::new(root).propagate_panics().run();
    let payload = in_time(AssertUnwindSafe(run).catch_unwind()).await;
    let payload = payload.expect_err("it goes on here");
    assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
}

#[tokio::test]
async fn the_next_incarnation_waits_for_the_thread() {
    // L1, R15. The task is aborted at once; the next thread begins when the first has ended.
    let (mut threads, obey) = Threads::new();
    let child = blocking(obey).grace(Duration::ZERO);
    let mut stage = Stage::with_child(child.backoff(Backoff::none()));
    let first = threads.next().await;
    first.tell(Context::healthy).await;
    let restarted = stage.tree.node(CHILD).restart();
    let exited = stage.until(has_exited).await;
    assert_eq!(exited.state, State::Canceled);
    assert!(matches!(evidence(exited).exit, Some(Exit::Aborted)));
    let ending = (State::Canceled, 1, vec!["thread".to_owned()]);
    assert_eq!(look(&stage.tree).await, ending);
    assert!(threads.is_quiet(), "L1: two threads");
    let first_id = first.id;
    first.end(|ctx| {
        assert!(ctx.is_cancelled());
        Exit::Returned
    });
    in_time(restarted).await.expect("it starts again");
    let second = threads.next().await;
    assert_ne!(second.id, first_id);
    second.tell(Context::healthy).await;
    in_time(stage.tree.settled()).await;
}

#[tokio::test]
async fn what_it_captured_is_gone_before_its_end_is_told() {
    // L1, R15. It is dropped on the thread.
    struct Tells(mpsc::Sender<Option<String>>);
    impl Drop for Tells {
        fn drop(&mut self) {
            // The test listens to its end.
            let _ = self.0.send(thread::current().name().map(str::to_owned));
        }
    }
    let (tells, told) = mpsc::channel();
    let root = move |ctx: Context| {
        let (jobs, tells) = (ctx.pool("jobs"), Tells(tells.clone()));
        async move {
            let job = jobs?.start(blocking_once(move |_| {
                let _kept = &tells;
            }));
            job?.ended().await;
            ctx.done();
            anyhow::Ok(())
        }
    };
    let stage = Stage::start(root);
    in_time(stage.tree.settled()).await;
    assert_eq!(told.try_recv(), Ok(Some("root.jobs.1".to_owned())));
}

#[tokio::test]
async fn a_thread_that_does_not_end_is_leaked_by_name() {
    // R15, R10, L9. The stop names it, and ends without it.
    let (mut threads, obey) = Threads::new();
    let mut stage = Stage::with_child(blocking(obey));
    let thread = threads.next().await;
    thread.tell(Context::healthy).await;
    in_time(stage.tree.settled()).await;
    let stop = stage.tree.stop();
    let is_asked = |event: &perennial::Event| matches!(event.what, What::Stopping { .. });
    stage.until(is_asked).await;
    stage.hand.advance(Duration::from_secs(5));
    stage.until(has_exited).await;
    assert_eq!(look(&stage.tree).await.2, ["thread"]);
    stage.hand.advance(Duration::from_secs(5));
    let report = in_time(stop).await.expect("a leak is no failure");
    assert_eq!(report.stops.len(), 1, "{report}");
    assert_eq!(report.stops[0].path, CHILD);
    assert_eq!(report.stops[0].rung, Rung::Leaked);
    assert_eq!(look(&stage.tree).await.2, ["thread"]);
    assert!(thread.tell(Context::is_cancelled).await);
}

#[tokio::test]
async fn a_leak_that_ends_after_all_is_told_and_may_start_again() {
    // L1, R15, R16. Until then an order to start it is refused.
    let (mut threads, obey) = Threads::new();
    let mut stage = Stage::with_child(blocking(obey).grace(Duration::ZERO));
    let thread = threads.next().await;
    let node = stage.tree.node(CHILD);
    let terminated = node.terminate();
    stage.until(has_exited).await;
    stage.hand.advance(Duration::from_secs(5));
    let leaked = in_time(terminated).await;
    assert!(
        matches!(&leaked, Err(OrderError::Leaked { path }) if *path == CHILD),
        "{leaked:?}"
    );
    let refused = in_time(node.start()).await;
    assert!(matches!(refused, Err(OrderError::Leaked { .. })));
    assert!(threads.is_quiet(), "L1: two threads");
    thread.end(|_| Exit::Returned);
    stage
        .until(|event| matches!(event.what, What::LeakEnded))
        .await;
    in_time(node.start()).await.expect("nothing is left");
    let thread = threads.next().await;
    thread.tell(Context::healthy).await;
    in_time(stage.tree.settled()).await;
}

#[tokio::test]
async fn a_node_may_run_beside_a_thread_that_it_abandons() {
    // L1, R10, R15. The snapshot counts it.
    let (mut threads, obey) = Threads::new();
    let child = blocking(obey)
        .grace(Duration::ZERO)
        .on_leak(OnLeak::Abandon);
    let mut stage = Stage::with_child(child);
    let first = threads.next().await;
    let restarted = stage.tree.node(CHILD).restart();
    stage.until(has_exited).await;
    stage.hand.advance(Duration::from_secs(5));
    in_time(restarted).await.expect("it starts beside it");
    let second = threads.next().await;
    assert_ne!(first.id, second.id);
    let snapshot = stage.tree.snapshot().await;
    assert_eq!(snapshot.find(CHILD).map(|child| child.abandoned), Some(1));
    first.end(|_| Exit::Returned);
    stage
        .until(|event| matches!(event.what, What::LeakEnded))
        .await;
    second.tell(Context::healthy).await;
    in_time(stage.tree.settled()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_an_abandoned_leak_publishes_is_refused() {
    // L1, L10, R10. Code that never yields still runs, beside the next incarnation.
    let (mut threads, obey) = Threads::new();
    let value = Published::<u32>::new();
    let child = runnable(move |ctx| std::future::ready(obey(ctx))).publishes(&value);
    let child = child.grace(Duration::ZERO).on_leak(OnLeak::Abandon);
    let mut stage = Stage::with_child(child);
    let publish = |next: u32| {
        let value = value.clone();
        move |ctx: &Context| value.publish(ctx, next)
    };
    let first = threads.next().await;
    first.tell(publish(1)).await.expect("it is the publisher");
    let restarted = stage.tree.node(CHILD).restart();
    stage
        .until(|event| matches!(event.what, What::Aborted))
        .await;
    assert_eq!(value.peek(), Some(1), "it has not returned");
    stage.hand.advance(Duration::from_secs(5));
    in_time(restarted).await.expect("it starts beside it");
    let second = threads.next().await;
    assert_eq!(value.peek(), None);
    let refused = first.tell(publish(9)).await;
    assert!(matches!(refused, Err(PublishError::Ended { path }) if path == CHILD));
    second.tell(publish(2)).await.expect("it is the publisher");
    assert!(first.tell(publish(9)).await.is_err());
    assert_eq!(value.peek(), Some(2));
    first.end(|_| Exit::Returned);
    second.end(|_| Exit::Returned);
}

#[tokio::test]
async fn a_panic_after_the_abort_is_evidence() {
    // R5, R15, L3. The exit was read, so it changes no state.
    let (mut threads, obey) = Threads::new();
    let mut stage = Stage::with_child(blocking(obey).grace(Duration::ZERO));
    let thread = threads.next().await;
    let terminated = stage.tree.node(CHILD).terminate();
    stage.until(has_exited).await;
    thread.end(|_| panic!("too late"));
    let told = stage.until(|event| matches!(event.what, What::OwnedPanicked { .. }));
    let chain = evidence(told.await).chain();
    assert!(chain.ends_with("too late"), "{chain}");
    in_time(terminated).await.expect("it has ended");
    assert_eq!(look(&stage.tree).await, (State::Down, 0, Vec::new()));
}

/// What a subscriber has written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_error_after_the_abort_is_told_to_tracing() {
    // R5, R15, L3. The exit was read as an abort, which has no error.
    let lines = Lines::default();
    let (mut threads, obey) = Threads::new();
    let mut stage = Stage::with_child(blocking(obey).grace(Duration::ZERO));
    let thread = threads.next().await;
    let terminated = stage.tree.node(CHILD).terminate();
    stage.until(has_exited).await;
    let writer = lines.clone();
    thread.end(move |_| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        // As long as the thread lives.
        std::mem::forget(tracing::subscriber::set_default(subscriber));
        Err::<(), _>("could not flush").into_exit()
    });
    in_time(terminated).await.expect("it has ended");
    let text = String::from_utf8(lines.0.lock().clone()).expect("text");
    assert!(text.contains("WARN"), "{text}");
    assert!(text.contains("failed after its abort: could not flush"));
    assert!(text.contains("path=root.child"), "{text}");
}

#[tokio::test]
async fn it_hears_that_the_tree_was_dropped() {
    // R11, R15. From its context alone.
    let (mut threads, obey) = Threads::new();
    let stage = Stage::with_child(blocking(obey));
    let thread = threads.next().await;
    assert!(!thread.tell(Context::is_cancelled).await);
    drop(stage.tree);
    let waited = thread.tell(|ctx| Handle::current().block_on(ctx.cancelled()));
    waited.await;
    let refused = thread.tell(|ctx| ctx.run("leaf", serve).is_err());
    assert!(refused.await, "nothing starts any more");
}

#[test]
fn a_thread_that_does_not_end_holds_no_runtime_up() {
    // R15, R10. On either flavour, the runtime is dropped while it blocks.
    let runtimes = [
        Builder::new_current_thread().enable_all().build(),
        Builder::new_multi_thread().enable_all().build(),
    ];
    for runtime in runtimes {
        let runtime = runtime.expect("a runtime");
        let (mut threads, obey) = Threads::new();
        let (stage, thread) = runtime.block_on(async {
            let stage = Stage::with_child(blocking(obey));
            (stage, threads.next().await)
        });
        let (tell, dropped) = mpsc::channel();
        thread::spawn(move || {
            drop(runtime);
            tell.send(())
        });
        dropped.recv_timeout(PATIENCE).expect("it is held up");
        drop(stage);
        thread.end(|_| Exit::Returned);
    }
}

#[tokio::test]
async fn jobs_of_a_pool_may_block_and_consume_what_they_capture() {
    // R13, R15.
    let (mut threads, obey) = Threads::new();
    let given = Arc::new(Mutex::new(None));
    let keep = given.clone();
    let root = move |ctx: Context| {
        let (jobs, obey, keep) = (ctx.pool("jobs"), obey.clone(), keep.clone());
        async move {
            *keep.lock() = Some(jobs?);
            ctx.run("child", blocking(obey))?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    let stage = Stage::start(root);
    let thread = threads.next().await;
    thread.tell(Context::healthy).await;
    let jobs = given.lock().clone().expect("it is declared");
    let (sum, summed) = tokio::sync::oneshot::channel();
    let job = blocking_once(move |_| sum.send((1..=4).sum::<i32>()).map_err(|_| "nobody asks"));
    let job = jobs.start(job).expect("the pool is open");
    assert_eq!(in_time(summed).await, Ok(10));
    assert!(matches!(
        in_time(job.ended()).await.evidence,
        Some(evidence) if evidence.exit.as_ref().is_some_and(Exit::is_ok)
    ));
    let again = jobs.start(blocking(|_| Err::<(), _>("out of paper")));
    let ended = in_time(again.expect("the pool is open").ended()).await;
    let chain = ended.evidence.expect("it ran").chain();
    assert_eq!(chain, "root.jobs.2 failed while starting: out of paper");
    in_time(stage.tree.settled()).await;
}

/// Set for the process in which no thread can be started.
const STARVED: &str = "PERENNIAL_TEST_STARVED";

#[test]
fn a_thread_that_the_system_does_not_give_is_an_exit() {
    // R15. In a process of its own, where every new thread wants more stack than there is memory.
    if env::var_os(STARVED).is_some() {
        return without_threads();
    }
    let test = "a_thread_that_the_system_does_not_give_is_an_exit";
    let own = env::current_exe().expect("it runs");
    let starved = Command::new(own)
        .args(["--exact", test, "--test-threads=1"])
        .env(STARVED, "1")
        .env("RUST_MIN_STACK", (1_u64 << 52).to_string())
        .output();
    let output = starved.expect("it is run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

fn without_threads() {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut stage = Stage::with_child(blocking(|_| ()));
        let exited = stage.until(has_exited).await;
        assert_eq!(exited.state, State::Dead);
        let chain = evidence(exited).chain();
        let expected = "root.child failed while starting: no thread could be started: ";
        assert!(chain.starts_with(expected), "{chain}");
        assert_eq!(look(&stage.tree).await.1, 0, "nothing is held");
    });
}

//! What OTP has no counterpart for: panics at odd places, futures that are dropped, tasks and
//! threads beside the tree.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{Backoff, Context, Effect, Exit, Rung, State, Strategy, Supervisor, runnable};
use tokio::task::JoinHandle;

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, children, incarnation, is_up, ms, node};
use crate::trace::Trace;

const A: &str = "root.sup.a";

/// Panics when it is dropped, unless the thread panics already.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "in a drop");
    }
}

#[test]
fn otp_r1_a_panic_while_a_future_ends_is_a_death() {
    // R18, R5. What it held is dropped in its last poll.
    let starts = AtomicUsize::new(0);
    let a = Member::new("a", move |ctx: Context| {
        let bomb = (starts.fetch_add(1, Ordering::SeqCst) == 0).then(|| Bomb);
        async move {
            ctx.healthy();
            if bomb.is_none() {
                ctx.cancelled().await;
            }
        }
    });
    let sup = Sup::new(Strategy::OneForOne).run(a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let a = node(&h, A).await;
        assert_eq!((a.state, a.restarts), (State::Healthy, 1));
        let exit = a.last_exit.and_then(|evidence| evidence.exit.clone());
        match exit {
            Some(Exit::Panicked(panic)) => assert_eq!(panic.message(), "in a drop"),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn otp_r1_a_panic_while_an_aborted_future_is_dropped_stops_nobody() {
    // R18, R10. It is aborted, and those before it stop as ever.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let armed = Member::new("armed", |ctx: Context| async move {
        let bomb = Bomb;
        ctx.healthy();
        pending::<()>().await;
        drop(bomb);
    });
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    let sup = sup.run(armed.with(|run| run.grace(ms(0))));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        trace.expect("start a, stop a");
        assert_eq!(report.stops.len(), 1, "{report}");
        assert_eq!(report.stops[0].path, "root.sup.armed");
        assert_eq!(report.stops[0].rung, Rung::Aborted);
    });
}

#[test]
fn otp_r1_a_panic_while_a_runnable_is_dropped_stops_nobody() {
    // R18, R16. What a removed child had captured goes with it; the tree takes the next order.
    let captured = Mutex::new(Some(Bomb));
    let root = move |ctx: Context| {
        let captured = captured.lock().take();
        async move {
            let armed = move |ctx: Context| {
                assert!(captured.is_some(), "it is kept here");
                async move {
                    ctx.healthy();
                    ctx.cancelled().await;
                }
            };
            ctx.run("armed", armed)?;
            ctx.run("other", |ctx: Context| async move {
                ctx.healthy();
                ctx.cancelled().await;
            })?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, perennial::RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let armed = h.tree().node("root.armed").remove().await;
        assert_eq!(armed.expect("it stands"), Effect::Visible);
        let other = h.tree().node("root.other").restart().await;
        assert_eq!(other.expect("it stands"), Effect::Visible);
        h.settled().await;
        assert_eq!(children(&h, "root").await, "other healthy");
    });
}

#[test]
fn otp_r1_r8_a_runnable_that_panics_before_it_gives_a_future_is_dead() {
    // R18, R5. It is called again for the next incarnation.
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace);
    let (calls, obeys) = (AtomicUsize::new(0), a.member());
    let odd = Member::new("a", move |ctx: Context| {
        assert!(
            calls.fetch_add(1, Ordering::SeqCst) != 1,
            "no such directory"
        );
        obeys.call(ctx)
    });
    let sup = Sup::new(Strategy::OneForOne).run(odd).run(&b);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        a.crash().await;
        h.settled().await;
        trace.expect("start a, start b, start a");
        let a = node(&h, A).await;
        assert_eq!((a.state, a.restarts), (State::Healthy, 2));
        let chain = a.last_exit.expect("it panicked").chain();
        assert!(chain.ends_with("no such directory"), "{chain}");
    });
}

#[test]
fn otp_r4_whoever_stops_waiting_changes_nothing() {
    // R16, R3. An order is given when it is made; a start goes on.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace).starts_when_told();
    let b = Ctl::new("b", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a).run(&b);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.idle().await;
        let child = sup.children().remove(0);
        let waits: JoinHandle<_> = tokio::spawn(async move { child.first_start().await });
        h.idle().await;
        assert!(!waits.is_finished());
        waits.abort();
        h.idle().await;
        a.healthy().await;
        h.settled().await;
        assert_eq!(children(&h, "root.sup").await, "a healthy, b healthy");
        drop(h.tree().node("root.sup.b").terminate());
        h.settled().await;
        assert_eq!(
            children(&h, "root.sup").await,
            "a healthy, b down (terminated)"
        );
    });
}

#[test]
fn otp_r5_a_handle_of_a_node_or_a_child_keeps_nothing_and_stops_nothing() {
    // R3, R16. What is dropped is a name.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let first = incarnation(&h, A).await;
        drop(sup.children());
        drop(h.tree().node(A));
        drop(h.tree().clone());
        h.settled().await;
        assert_eq!(incarnation(&h, A).await, first);
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_r7_a_task_that_is_not_owned_outlives_its_node() {
    // R14. One that is owned has ended when its node has.
    let tasks = Arc::new(Mutex::new(Vec::new()));
    let kept = tasks.clone();
    let (owned_is_gone, gone) = mpsc::channel::<()>();
    let parent = Member::new("a", move |ctx: Context| {
        let (kept, owned_is_gone) = (kept.clone(), owned_is_gone.clone());
        async move {
            ctx.spawn(async move {
                pending::<()>().await;
                drop(owned_is_gone);
            })?;
            kept.lock().push(tokio::spawn(pending::<()>()));
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, perennial::OwnError>(())
        }
    });
    let root = crate::sup::over(&parent);
    drop(parent);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let ended = h.tree().node("root.a").remove();
        assert_eq!(h.wait(ended).await.expect("it stands"), Effect::Visible);
        assert_eq!(h.now(), ms(1000), "the owned one had the grace of its node");
        let detached = tasks.lock().pop().expect("it was spawned");
        assert!(!detached.is_finished());
        detached.abort();
        assert!(gone.try_recv().is_err());
    });
}

#[test]
fn otp_r10_the_next_incarnation_waits_for_blocking_work_that_is_held() {
    // L1, R14. The future is gone at once, and the thread when it has finished.
    let (finish, finished) = mpsc::channel::<()>();
    let finished = Arc::new(Mutex::new(finished));
    let blocks = move |ctx: Context| {
        let finished = finished.clone();
        async move {
            if ctx.attempt() == 1 {
                let hold = ctx.hold("the thread")?;
                let work = tokio::task::spawn_blocking(move || {
                    // It ends with the sender, too.
                    let _ = finished.lock().recv();
                    drop(hold);
                });
                drop(work);
                anyhow::bail!("it does not wait for its thread");
            }
            ctx.healthy();
            ctx.cancelled().await;
            anyhow::Ok(())
        }
    };
    let blocks = runnable(blocks).backoff(Backoff::none());
    let root = move |ctx: Context| {
        let run = ctx.run("blocks", blocks.clone());
        async move {
            run?.healthy().await?;
            ctx.healthy();
            ctx.cancelled().await;
            anyhow::Ok(())
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(async {
        let tree = Supervisor::new(root).start();
        let mut events = tree.events();
        while let Some(Ok(event)) = events.next().await {
            if event.path == "root.blocks" && event.state == State::Dead {
                break;
            }
        }
        let snapshot = tree.snapshot().await;
        let node = snapshot.find("root.blocks").expect("it stands");
        assert_eq!((node.state, node.ending), (State::Dead, 1), "{snapshot}");
        assert_eq!(node.holds, ["the thread"]);
        finish.send(()).expect("it waits");
        tree.settled().await;
        let snapshot = tree.snapshot().await;
        let node = snapshot.find("root.blocks").expect("it stands");
        assert_eq!(
            (node.state, node.attempt),
            (State::Healthy, 2),
            "{snapshot}"
        );
        tree.stop().await.expect("stopping is no failure");
    });
}

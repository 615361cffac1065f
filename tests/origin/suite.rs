//! The scenarios of the design this crate grew out of, each with what it has to show here.

use std::sync::Arc;
use std::time::Duration;

use crate::puppet::Puppet;
use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::testing::Harness;
use perennial::{Context, Exit, IntoExit, Rung, Runnable, State, Strategy, Supervisor, What};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Instant, sleep};

/// A runnable that gives a token for each of its incarnations, and stops only when it may leave.
#[derive(Clone)]
struct Server {
    tokens: mpsc::UnboundedSender<()>,
    leave: Arc<Semaphore>,
}

impl Server {
    fn new() -> (Self, mpsc::UnboundedReceiver<()>, Arc<Semaphore>) {
        let (tokens, received) = mpsc::unbounded_channel();
        let leave = Arc::new(Semaphore::new(0));
        let server = Self {
            tokens,
            leave: leave.clone(),
        };
        (server, received, leave)
    }

    async fn run(self, ctx: Context) -> Exit {
        ctx.healthy();
        let _ = self.tokens.send(());
        ctx.cancelled().await;
        let left = self.leave.acquire().await;
        left.expect("nobody closes the door").forget();
        Exit::Returned
    }
}

/// Runs two of itself below it while there are levels left, and serves.
fn tree(ctx: Context, levels: u32) -> BoxFuture<'static, anyhow::Result<()>> {
    async move {
        if levels > 0 {
            let member = move |ctx: Context| tree(ctx, levels - 1);
            ctx.group("pair", Strategy::OneForAll)
                .run("a", member)
                .run("b", member)
                .start()?;
        }
        ctx.healthy();
        ctx.cancelled().await;
        Ok(())
    }
    .boxed()
}

/// A root that runs one group for all, and is done.
fn root_of(
    one: impl Runnable + Clone,
    two: impl Runnable + Clone,
) -> impl Fn(Context) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync {
    move |ctx: Context| {
        let (one, two) = (one.clone(), two.clone());
        async move {
            ctx.group("both", Strategy::OneForAll)
                .run("one", one)
                .run("two", two)
                .start()?;
            ctx.done();
            Ok(())
        }
        .boxed()
    }
}

/// Scenarios 2 to 4: the second member dies, the first is stopped, and both start again.
async fn the_group_answers(
    harness: Harness,
    mut tokens: mpsc::UnboundedReceiver<()>,
    leave: Arc<Semaphore>,
    two: Puppet,
    die: impl FnOnce(&Context) -> Option<Exit> + Send + 'static,
) {
    two.healthy().await;
    harness.settled().await;
    assert!(
        tokens.try_recv().is_ok(),
        "the first member was never healthy"
    );
    two.tell(die).await;
    harness.until("root.one", State::Stopping).await;
    assert!(
        tokens.try_recv().is_err(),
        "it started again before it had ended"
    );
    leave.add_permits(1);
    harness.wait(two.healthy()).await;
    harness.settled().await;
    assert!(tokens.try_recv().is_ok(), "it was not started again");
    leave.add_permits(1);
}

#[test]
fn both_members_of_a_group_become_healthy() {
    // R3, R12. Scenario 1.
    let (one, mut ones, leave_one) = Server::new();
    let (two, mut twos, leave_two) = Server::new();
    let one = move |ctx| one.clone().run(ctx);
    let two = move |ctx| two.clone().run(ctx);
    Harness::run(None, |harness| async move {
        harness.start(root_of(one, two));
        harness.settled().await;
        assert!(ones.try_recv().is_ok() && twos.try_recv().is_ok());
        leave_one.add_permits(1);
        leave_two.add_permits(1);
    });
}

#[test]
fn a_failed_member_takes_its_sibling_down_and_both_rise() {
    // R6, L5. Scenario 2.
    let (one, tokens, leave) = Server::new();
    let (two, obey) = Puppet::new();
    let root = root_of(move |ctx| one.clone().run(ctx), obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        let die = |_: &Context| Some(Err::<(), _>("died on request").into_exit());
        the_group_answers(harness, tokens, leave, two, die).await;
    });
}

#[test]
fn a_failed_member_takes_a_sibling_of_sixty_three_nodes_down_and_all_rise() {
    // R6, R7, L1. Scenario 3: the top starts again only when all 62 below it have ended.
    let (two, obey) = Puppet::new();
    let root = root_of(|ctx| tree(ctx, 5), obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        two.healthy().await;
        harness.settled().await;
        let before = harness.snapshot().await;
        assert_eq!(before.nodes.len(), 1 + 63 + 1);
        two.die().await;
        harness.wait(two.healthy()).await;
        harness.settled().await;
        let after = harness.snapshot().await;
        assert_eq!(after.nodes.len(), before.nodes.len());
        let oldest = before.nodes.iter().map(|node| node.incarnation).max();
        let fresh = |path: &str| after.find(path).map(|node| node.incarnation) > oldest;
        assert!(fresh("root.one") && fresh("root.one.a.b.a.b.a"));
        let log = harness.log();
        let starts = log
            .iter()
            .rposition(|event| starts_at(event, "root.one"))
            .expect("it started again");
        let exits = log[..starts].iter().filter(|event| {
            event.path.to_string().starts_with("root.one")
                && matches!(event.what, What::Exited { .. })
        });
        assert_eq!(exits.count(), 63, "it met the old ones");
    });
}

fn starts_at(event: &perennial::Event, path: &str) -> bool {
    event.path == path && matches!(event.what, What::Starting { .. })
}

#[test]
fn a_panic_is_a_death_for_the_group() {
    // R18, R6. Scenario 4.
    let (one, tokens, leave) = Server::new();
    let (two, obey) = Puppet::new();
    let root = root_of(move |ctx| one.clone().run(ctx), obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        the_group_answers(harness, tokens, leave, two, |_| panic!("on request")).await;
    });
}

#[test]
fn a_stop_overtakes_two_trees_that_start() {
    // R3, L2. Scenario 5: what was declared and not started is canceled.
    let root = root_of(|ctx| tree(ctx, 4), |ctx| tree(ctx, 4));
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.until("root.one", State::Starting).await;
        let report = harness.stop().await.expect("stopping is no failure");
        // Those that were about to run children were refused, and said so.
        assert!(
            report.stops.iter().all(|stop| stop.rung == Rung::Asked),
            "{report}"
        );
        let snapshot = harness.snapshot().await;
        assert!(
            snapshot.nodes.iter().all(|node| node.state.has_exited()),
            "{snapshot}"
        );
        let log = harness.log();
        let told = |event: &perennial::Event| matches!(event.what, What::Stopping { .. });
        let told = log.iter().position(told).expect("somebody was told");
        let late = log[told..]
            .iter()
            .any(|event| matches!(event.what, What::Starting { .. }));
        assert!(!late, "{log:#?}");
    });
}

#[test]
fn the_delay_grows_until_an_incarnation_was_healthy_for_long() {
    // R8. Scenario 6; healthy alone resets nothing here, having been healthy for long does.
    let (child, obey) = Puppet::new();
    let root = move |ctx: Context| {
        let obey = obey.clone();
        async move {
            ctx.run("child", obey)?;
            ctx.done();
            anyhow::Ok(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        child.healthy().await;
        for _ in 0..4 {
            harness.wait(child.die()).await;
        }
        let before = Instant::now();
        harness.wait(child.tell(|_| None)).await;
        child.die().await;
        harness.wait(child.healthy()).await;
        let fifth = before.elapsed();
        // The delay before the fifth incarnation, and the one after it.
        assert!(fifth >= Duration::from_millis(843 + 1265), "{fifth:?}");
        harness.advance(Duration::from_mins(2)).await;
        let before = Instant::now();
        child.die().await;
        harness.wait(child.healthy()).await;
        let first = before.elapsed();
        let range = Duration::from_millis(249)..=Duration::from_millis(751);
        assert!(range.contains(&first), "{first:?}");
    });
}

#[test]
fn a_parent_restarts_without_waiting_for_the_backoff_of_its_child() {
    // L2, R8. Scenario 7.
    let (outer, obey_outer) = Puppet::new();
    let (inner, obey_inner) = Puppet::new();
    let slow = perennial::Backoff::constant(Duration::from_mins(10));
    let root = move |ctx: Context| {
        let (outer, inner) = (obey_outer.clone(), obey_inner.clone());
        async move {
            ctx.run("inner", perennial::runnable(inner).backoff(slow))?;
            anyhow::Ok(outer(ctx).await)
        }
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root).retry_start());
        inner.die().await;
        harness.until("root.inner", State::Waiting).await;
        let before = Instant::now();
        outer.die().await;
        harness.wait(outer.tell(|_| None)).await;
        assert!(before.elapsed() <= Duration::from_secs(1));
    });
}

#[test]
fn a_parent_is_not_reset_while_a_child_that_signalled_done_still_runs() {
    // L1, R7. Scenario 8.
    let running = Arc::new(Notify::new());
    let root = {
        let running = running.clone();
        move |ctx: Context| {
            let running = running.clone();
            async move {
                ctx.run("inner", move |ctx: Context| {
                    let running = running.clone();
                    async move {
                        ctx.done();
                        running.notify_one();
                        sleep(Duration::from_secs(3)).await;
                    }
                })?;
                if ctx.attempt() == 1 {
                    sleep(Duration::from_millis(10)).await;
                    anyhow::bail!("outer");
                }
                ctx.healthy();
                ctx.cancelled().await;
                anyhow::Ok(())
            }
        }
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root).retry_start());
        running.notified().await;
        harness.until("root", State::Healthy).await;
        let log = harness.log();
        let inner = log.iter().position(|event| {
            event.path == "root.inner" && matches!(event.what, What::Exited { .. })
        });
        let again = log.iter().rposition(|event| starts_at(event, "root"));
        assert!(inner.is_some() && inner < again, "{log:#?}");
    });
}

#[test]
fn a_done_member_rises_with_its_group_and_so_does_what_it_runs() {
    // R6. Scenario 9.
    let (sibling, obey) = Puppet::new();
    let (inner, mut running, leave) = Server::new();
    let done = move |ctx: Context| {
        let inner = inner.clone();
        async move {
            ctx.run("inner", move |ctx| inner.clone().run(ctx))?;
            ctx.done();
            anyhow::Ok(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(done, obey));
        running.recv().await.expect("the inner one runs");
        sibling.healthy().await;
        harness.until("root.one", State::Done).await;
        sibling.die().await;
        harness.until("root.one.inner", State::Stopping).await;
        leave.add_permits(1);
        let again = harness.wait(running.recv()).await;
        again.expect("the inner one runs again");
        leave.add_permits(1);
    });
}

#[test]
fn a_child_and_its_loops_ignore_what_misbehaves_beside_them() {
    // L1, R5, R10. Scenario 10; signals of a foreign context cannot be written here, those of an
    // incarnation that has ended are in `wedges`.
    let (sibling, obey) = Puppet::new();
    let (pings, answers) = mpsc::unbounded_channel::<tokio::sync::oneshot::Sender<()>>();
    let answers = Arc::new(tokio::sync::Mutex::new(answers));
    let one = move |ctx: Context| {
        let answers = answers.clone();
        async move {
            ctx.healthy();
            let mut answers = answers.lock().await;
            while let Some(Some(ping)) = ctx.until_cancelled(answers.recv()).await {
                let _ = ping.send(());
            }
        }
    };
    let root = move |ctx: Context| {
        let (one, obey) = (one.clone(), obey.clone());
        async move {
            ctx.group("pair", Strategy::OneForAll)
                .run("one", one)
                .run("sibling", obey)
                .start()?;
            ctx.run("three", |ctx: Context| async move { ctx.done() })?;
            ctx.run("four", |_| async {
                let mut ticks = tokio::time::interval(Duration::from_millis(1));
                while ticks.tick().await.elapsed() < Duration::MAX {}
            })?;
            ctx.run("five", |ctx: Context| async move {
                for number in 0_u32.. {
                    ctx.run(format!("child-{number}"), |ctx| tree(ctx, 2))?;
                    sleep(Duration::from_millis(100)).await;
                }
                anyhow::Ok(())
            })?;
            ctx.done();
            anyhow::Ok(())
        }
    };
    let ping = async move || {
        let (ping, pong) = tokio::sync::oneshot::channel();
        pings.send(ping).expect("one is there");
        // A ping takes no time: the clock stands still here.
        pong.await.expect("answered");
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        for _ in 0..5 {
            harness.wait(sibling.healthy()).await;
            let round = Instant::now();
            while round.elapsed() < Duration::from_secs(1) {
                ping().await;
                harness.advance(Duration::from_millis(5)).await;
            }
            sibling.tell(|_| panic!("on request")).await;
        }
        harness.wait(sibling.healthy()).await;
        ping().await;
        let report = harness.stop().await.expect("stopping is no failure");
        let mut aborted = report.stops.iter().map(|stop| stop.path.to_string());
        assert!(aborted.any(|path| path == "root.four"), "{report}");
    });
}

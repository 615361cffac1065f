//! What wedged the origin, each with the test that shows it does not happen here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::puppet::Puppet;
use crate::root::root_of;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{Context, Exit, OwnError, RunError, State, Strategy, Supervisor, What};
use tokio::time::sleep;

type Contexts = Arc<Mutex<Vec<Context>>>;

/// Serves until it is asked to stop.
async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

/// When each start at a path was due after the failure before it.
fn delays(harness: &Harness, path: &str) -> Vec<Duration> {
    let of = |event: perennial::Event| match event.what {
        What::RestartScheduled { due, .. } if event.path == path => Some(due - event.at),
        _ => None,
    };
    harness.log().into_iter().filter_map(of).collect()
}

/// A puppet below the root, and the context of each of its incarnations.
fn recorded() -> (
    Puppet,
    Contexts,
    impl Fn(Context) -> BoxFuture<'static, Exit> + Clone + Send + Sync + 'static,
) {
    let (puppet, obey) = Puppet::new();
    let contexts = Contexts::default();
    let kept = contexts.clone();
    let record = move |ctx: Context| {
        kept.lock().push(ctx.clone());
        obey(ctx)
    };
    (puppet, contexts, record)
}

#[test]
fn a_stale_context_never_touches_the_next_incarnation() {
    // L10, R3, R4. W1: addresses carry the incarnation.
    let (child, contexts, record) = recorded();
    let root = root_of("child", record);
    Harness::run(None, |harness| async move {
        harness.start(root);
        child.die().await;
        harness.wait(child.tell(|_| None)).await;
        let stale = contexts.lock()[0].clone();
        stale.healthy();
        stale.give_up();
        assert!(stale.is_cancelled());
        assert!(matches!(
            stale.run("more", serve),
            Err(RunError::Ended { .. })
        ));
        assert!(matches!(stale.pool("more"), Err(RunError::Ended { .. })));
        assert!(matches!(stale.spawn(async {}), Err(OwnError::Ended { .. })));
        assert!(matches!(stale.hold("file"), Err(OwnError::Ended { .. })));
        harness.quiet(Duration::from_secs(1)).await;
        assert_eq!(harness.state("root.child").await, Some(State::Starting));
        assert_eq!(harness.snapshot().await.nodes.len(), 2);
        child.healthy().await;
        harness.until("root.child", State::Healthy).await;
        child.die().await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
    });
}

#[test]
fn a_request_of_a_place_that_is_gone_holds_no_lock() {
    // L10. W1b: the parent's next incarnation has no such child any more.
    let (parent, obey) = Puppet::new();
    let (child, contexts, record) = recorded();
    let mid = move |ctx: Context| {
        let run = (ctx.attempt() == 1).then(|| ctx.run("leaf", record.clone()));
        let obeys = obey(ctx);
        async move {
            run.transpose()?;
            Ok::<_, RunError>(obeys.await)
        }
    };
    let root = root_of("mid", mid);
    Harness::run(None, |harness| async move {
        harness.start(root);
        child.tell(|_| None).await;
        parent.die().await;
        harness.wait(parent.tell(|_| None)).await;
        assert_eq!(harness.state("root.mid.leaf").await, None);
        let stale = contexts.lock()[0].clone();
        stale.done();
        assert!(matches!(
            stale.run("more", serve),
            Err(RunError::Ended { .. })
        ));
        parent.healthy().await;
        harness.settled().await;
    });
}

#[test]
fn a_group_is_atomic() {
    // L5, L1. W2: no member of a new epoch meets one of the old.
    let alive = Arc::new(Mutex::new(Vec::<u64>::new()));
    let epoch = Arc::new(AtomicUsize::new(0));
    let (first, obey) = Puppet::new();
    let member = {
        let alive = alive.clone();
        move |leaving: u64| {
            let (alive, epoch) = (alive.clone(), epoch.clone());
            move |ctx: Context| {
                let (alive, epoch) = (alive.clone(), epoch.clone());
                async move {
                    let born = (epoch.fetch_add(1, Ordering::SeqCst) / 2) as u64;
                    let met = alive.lock().iter().any(|other| *other != born);
                    assert!(!met, "{} met an older epoch", ctx.path());
                    alive.lock().push(born);
                    ctx.healthy();
                    ctx.cancelled().await;
                    sleep(Duration::from_millis(leaving)).await;
                    alive.lock().retain(|other| *other != born);
                    Err::<(), _>("late and loud")
                }
            }
        }
    };
    let root = move |ctx: Context| {
        let group = ctx.group("group", Strategy::OneForAll);
        let group = group.run("first", obey.clone());
        let group = group.run("quick", member(0)).run("slow", member(3000));
        async move {
            group.start()?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        for _ in 0..5 {
            harness.wait(first.healthy()).await;
            harness.settled().await;
            first.die().await;
        }
        harness.wait(first.healthy()).await;
        harness.settled().await;
        let falls = harness.log().into_iter();
        let falls = falls.filter(|event| matches!(event.what, What::Fell { .. }));
        assert_eq!(falls.count(), 5, "one fall for each death");
    });
}

#[test]
fn an_error_while_being_told_to_stop_is_no_crash() {
    // R5, R8. W3: it costs no attempt.
    let (first, obey) = Puppet::new();
    let loud = |ctx: Context| async move {
        assert_eq!(ctx.attempt(), 1, "an innocent member was charged");
        ctx.healthy();
        ctx.cancelled().await;
        Err::<(), _>("signal: killed")
    };
    let root = move |ctx: Context| {
        let group = ctx.group("pair", Strategy::OneForAll);
        let group = group.run("first", obey.clone()).run("loud", loud);
        async move {
            group.start()?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        for _ in 0..3 {
            harness.wait(first.healthy()).await;
            harness.settled().await;
            first.die().await;
        }
        harness.wait(first.healthy()).await;
        harness.settled().await;
        let log = harness.log();
        let loud = log.iter().filter(|event| event.path == "root.loud");
        let exits = loud.filter(|event| matches!(event.what, What::Exited { .. }));
        assert!(exits.clone().all(|event| event.state == State::Canceled));
        assert_eq!(exits.count(), 3);
    });
}

#[test]
fn healthy_does_not_reset_the_backoff_at_once() {
    // R8. W4: code that says healthy first and then crashes still slows down.
    let child = |ctx: Context| async move {
        ctx.healthy();
        Err::<(), _>("cannot start the command")
    };
    let root = move |ctx: Context| async move {
        ctx.run("child", child)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.advance(Duration::from_mins(20)).await;
        let delays = delays(&harness, "root.child");
        assert!(delays.len() < 40, "{} crashes in 20 minutes", delays.len());
        assert!(delays.last() > Some(&Duration::from_secs(29)));
    });
}

#[test]
fn attempts_survive_the_restart_of_the_parent() {
    // R8. W5: the child came back under its name before the parent was healthy.
    let (parent, obey_parent) = Puppet::new();
    let (child, contexts, record) = recorded();
    let mid = move |ctx: Context| {
        let run = ctx.run("leaf", record.clone());
        let obeys = obey_parent(ctx);
        async move {
            run?;
            Ok::<_, RunError>(obeys.await)
        }
    };
    let root = root_of("mid", mid);
    Harness::run(None, |harness| async move {
        harness.start(root);
        for _ in 0..3 {
            harness.wait(child.die()).await;
        }
        harness.wait(child.tell(|_| None)).await;
        parent.die().await;
        harness.wait(child.tell(|_| None)).await;
        let attempts: Vec<_> = contexts.lock().iter().map(Context::attempt).collect();
        assert_eq!(attempts, [1, 2, 3, 4, 4]);
        child.die().await;
        parent.healthy().await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
        assert!(delays(&harness, "root.mid.leaf").last() >= Some(&Duration::from_millis(843)));
    });
}

#[test]
fn a_task_that_vanishes_is_an_exit() {
    // R5. W6: the run of the first incarnation is dropped where it stands.
    let (child, obey) = Puppet::new();
    let root = root_of("child", obey);
    let supervisor = Supervisor::new(root).interpose(|ctx, run| async move {
        if *ctx.path() == "root.child" && ctx.attempt() == 1 {
            let _ = tokio::time::timeout(Duration::from_secs(1), run).await;
            return Exit::Aborted;
        }
        run.await
    });
    Harness::run(None, |harness| async move {
        harness.start_with(supervisor);
        harness.until("root.child", State::Dead).await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
        let snapshot = harness.snapshot().await;
        let last = snapshot
            .find("root.child")
            .and_then(|node| node.last_exit.clone());
        let exit = last.and_then(|evidence| evidence.exit.clone());
        assert!(matches!(exit, Some(Exit::Aborted)), "{exit:?}");
    });
}

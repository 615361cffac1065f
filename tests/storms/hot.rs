//! A runnable that fails at once, in place, without any delay.

use std::future::{Ready, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use perennial::testing::Harness;
use perennial::{
    Backoff, Context, Intensity, RunError, Runnable, State, Supervisor, What, runnable,
};

use crate::serve::serve;

const HOUR: Duration = Duration::from_secs(3600);

/// A root with one child, `root.hot`.
fn root_of(hot: impl Runnable + Clone) -> impl Runnable {
    move |ctx: Context| {
        let run = ctx.run("hot", hot.clone());
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    }
}

/// Lets those run first that can go on now.
async fn next_turn() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_fails_at_once_for_ever_yields_before_each_run() {
    // R7. Another task has a turn before the tree hears of an exit, one before the next incarnation
    // is put in place, and one as that yields.
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let hot = runnable(move |_: Context| -> Ready<Result<(), &'static str>> {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(Err("again"))
    });
    let supervisor = Supervisor::new(root_of(hot.backoff(Backoff::none())));
    // Somebody listens, so that the deaths are not printed.
    let _events = supervisor.events();
    let tree = supervisor.start();
    let beside = tokio::spawn(async move {
        let (mut turns, mut run) = (Vec::new(), 0);
        while run < 1000 {
            next_turn().await;
            let before = std::mem::replace(&mut run, runs.load(Ordering::Relaxed));
            assert!(run - before <= 1, "it ran twice in one turn");
            if run > before {
                turns.push(0);
            }
            if let Some(last) = turns.last_mut() {
                *last += 1;
            }
        }
        turns
    });
    let mut turns = beside.await.expect("it ran once in each turn at most");
    // That run is not over.
    turns.pop();
    let fewest = turns.into_iter().min();
    assert!(fewest >= Some(3), "{fewest:?}");
    drop(tree);
}

#[test]
fn each_failure_of_one_that_fails_at_once_is_counted() {
    // R8, R9, R17, L3. In what is seen of it, in its budget, and in the events.
    let failures = Arc::new(AtomicUsize::new(0));
    let hot = runnable(move |ctx: Context| {
        let failing = failures.fetch_add(1, Ordering::Relaxed) < 1000;
        async move {
            anyhow::ensure!(!failing, "again");
            serve(ctx).await;
            Ok(())
        }
    });
    let budget = Intensity::new(1500, HOUR).expect("it is not empty");
    let hot = hot.backoff(Backoff::none()).intensity(budget);
    Harness::run(None, |h| async move {
        h.start(root_of(hot));
        h.settled().await;
        assert_eq!(h.now(), Duration::ZERO);
        let snapshot = h.snapshot().await;
        let node = snapshot.find("root.hot").expect("it serves");
        assert_eq!((node.restarts, node.attempt), (1000, 1001));
        assert_eq!(node.budgets[0].left, 500);
        let log = h.log();
        let count = |is: fn(&What) -> bool| log.iter().filter(|event| is(&event.what)).count();
        let deaths = log.iter().filter(|event| event.state == State::Dead);
        let exited = deaths.filter(|event| matches!(event.what, What::Exited { .. }));
        assert_eq!(exited.count(), 1000);
        assert_eq!(count(|what| matches!(what, What::StartedAgain)), 1000);
    });
}

#[test]
fn a_tree_of_which_all_fail_at_once_answers_and_stops() {
    // R7, R11. However many there are, and although none has any delay.
    Harness::run(None, |h| async move {
        let tree = h.start(|ctx: Context| async move {
            for index in 0..100 {
                let hot = runnable(|_: Context| ready(())).backoff(Backoff::none());
                ctx.run(format!("hot-{index}"), hot)?;
            }
            ctx.run("sound", serve)?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        while h.log().len() < 1000 {
            assert!(tree.snapshot().await.find("root").is_some());
        }
        let restarted = tree.node("root.sound").restart();
        restarted.await.expect("it is there");
        h.stop().await.expect("a stop is no failure");
        let after = h.snapshot().await;
        assert!(after.nodes.iter().all(|node| !node.state.is_live()));
        let events = h.log().len();
        h.advance(HOUR).await;
        assert_eq!(h.log().len(), events, "nothing goes on");
    });
}

//! The end of the tree, and of its runtime.

use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use perennial::resource::{Closed, ReleaseError, Releaser, Shared};
use perennial::testing::Harness;
use perennial::{Context, Report, RunError, Rung, State, Supervisor, runnable};

use crate::probe::{Diary, Probe, Way};
use crate::scene::{Scene, play, root, serve};

#[test]
fn res_30_users_stop_first_and_then_what_they_had_is_released() {
    // R10. Each as long as it takes.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let (opens, notes) = (releaser.clone(), diary.clone());
    let user = move |ctx: Context| {
        let slow = opens.open("slow", notes.probe("slow", Way::Slow));
        let notes = notes.clone();
        async move {
            ctx.healthy();
            ctx.cancelled().await;
            notes.note("user");
            drop(slow);
        }
    };
    let root = root(&releaser, move |ctx| {
        ctx.run("user", user.clone()).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let report = h.stop().await.expect("a stop is no failure");
        assert!(report.stops.is_empty(), "{report:?}");
        diary.assert(&["user", "slow"]);
        releaser.all_released().expect("all are");
    });
}

#[test]
fn users_may_take_longer_to_stop_than_the_releaser_waits() {
    // R10. It provides, so it begins to wait when they are gone.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let (opens, notes) = (releaser.clone(), diary.clone());
    let user = runnable(move |ctx: Context| {
        let one = opens.open("one", notes.sound("one"));
        async move {
            ctx.healthy();
            ctx.cancelled().await;
            tokio::time::sleep(Duration::from_secs(20)).await;
            drop(one);
        }
    });
    let user = user.grace(Duration::from_secs(30));
    let root = root(&releaser, move |ctx| {
        ctx.run("user", user.clone()).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let report = h.stop().await.expect("a stop is no failure");
        assert!(report.stops.is_empty(), "{report:?}");
        diary.assert(&["one"]);
    });
}

#[test]
fn res_30_what_is_not_released_in_time_is_named_in_the_report() {
    // L9. With the places that hold it.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let kept = releaser.open("kept", diary.sound("kept"));
        let began = h.now();
        let report = h.stop().await.expect("a stop is no failure");
        assert_eq!(h.now() - began, Duration::from_secs(5));
        let [stop] = &report.stops[..] else {
            panic!("{report:?}");
        };
        assert_eq!(stop.path.to_string(), "root.releaser");
        let chain = chain_of_first(&report);
        let expected = "not released:\n  kept has 1 reference, made at tests/resource/stopping.rs";
        assert!(chain.contains(expected), "{chain}");
        drop(kept);
        diary.assert(&["kept now"]);
    });
}

#[test]
fn a_reference_that_code_captured_outlives_the_releaser_and_is_named() {
    // L9. The code is kept as long as its place: it should have captured a weak one.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let captured = releaser.open("captured", diary.sound("captured"));
    let user = Mutex::new(Some(move |ctx: Context| serve_with(ctx, captured.dup())));
    let root = root(&releaser, move |ctx| {
        let user = user.lock().take().expect("it is declared once");
        ctx.run("user", user).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let report = h.stop().await.expect("a stop is no failure");
        let chain = chain_of_first(&report);
        let expected = "captured has 1 reference, made at tests/resource/stopping.rs";
        assert!(chain.contains(expected), "{chain}");
        diary.assert(&["captured now"]);
    });
}

/// Why the first node stopped that did not stop plainly.
fn chain_of_first(report: &Report) -> String {
    let evidence = report.stops[0].evidence.as_ref();
    evidence.expect("it returned").chain()
}

async fn serve_with(ctx: Context, _reference: Shared<Probe>) {
    serve(ctx).await;
}

#[test]
fn a_release_that_hangs_holds_up_a_stop_no_longer_than_the_releaser_waits() {
    // L9. It is aborted with the pool, and whoever awaits it is told.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let one = releaser.open("one", diary.probe("one", Way::Hangs));
        let closing = tokio::spawn(one.close());
        h.idle().await;
        let began = h.now();
        h.stop().await.expect("a stop is no failure");
        assert_eq!(h.now() - began, Duration::from_secs(5));
        let error = closing
            .await
            .expect("no panic")
            .expect_err("it was aborted");
        assert!(
            matches!(error.errors(), [ReleaseError::CutShort { .. }]),
            "{error}"
        );
        releaser.all_released().expect("it is gone");
    });
}

#[test]
fn a_deadline_of_the_stop_is_tighter_than_the_releaser() {
    // L9. What has not begun by then is released at once.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let kept = releaser.open("kept", diary.sound("kept"));
        let hangs = tokio::spawn(
            releaser
                .open("hangs", diary.probe("hangs", Way::Hangs))
                .close(),
        );
        h.idle().await;
        let ending = h.tree().stop_within(Duration::from_millis(300));
        let began = h.now();
        let report = h.wait(ending).await.expect("a stop is no failure");
        assert_eq!(h.now() - began, Duration::from_millis(300));
        let rungs = report
            .stops
            .iter()
            .map(|stop| (stop.path.to_string(), stop.rung));
        let rungs: Vec<_> = rungs.filter(|(path, _)| path == "root.releaser").collect();
        assert_eq!(rungs, [("root.releaser".to_owned(), Rung::Aborted)]);
        hangs.await.expect("no panic").expect_err("it was aborted");
        let error = kept.close().await.expect_err("the tree has ended");
        assert!(
            matches!(error.errors(), [ReleaseError::NoReleaser { .. }]),
            "{error}"
        );
        diary.assert(&["kept now"]);
    });
}

#[test]
fn a_reference_that_is_closed_while_the_releaser_waits_is_released_in_order() {
    // R10. The pool takes releases until the releaser has returned.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let kept = releaser.open("kept", diary.probe("kept", Way::Slow));
        let ending = h.tree().stop();
        h.idle().await;
        let closing = tokio::spawn(kept.close());
        let report = h.wait(ending).await.expect("a stop is no failure");
        assert!(report.stops.is_empty(), "{report:?}");
        let closed = closing.await.expect("no panic").expect("it is sound");
        assert_eq!(closed, Closed::Released);
        diary.assert(&["kept"]);
    });
}

/// Plays a start in a runtime of its own.
fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

#[test]
fn res_29_a_reference_that_outlives_its_runtime_is_released_at_once() {
    // L9. Nothing hangs, nothing panics, and nothing is lost with a task that never runs.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    let runtime = runtime();
    let tree = runtime.block_on(async {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        tree
    });
    let alive = releaser.open("alive", diary.sound("alive"));
    let closed = releaser.open("closed", diary.sound("closed"));
    // Accepted by a tree that will not run again.
    drop(releaser.open("queued", diary.sound("queued")));
    diary.assert(&[]);
    drop(runtime);
    diary.assert(&["queued now"]);
    drop(alive);
    diary.assert(&["queued now", "alive now"]);
    let closed = closed.close().now_or_never().expect("it waits for nobody");
    closed.expect_err("there is no releaser");
    diary.assert(&["queued now", "alive now", "closed now"]);
    releaser.all_released().expect("all are");
    drop(tree);
}

#[test]
fn res_29_a_tree_that_is_dropped_releases_at_once_what_it_had() {
    // R11. Its runtime goes on; nothing of the tree does.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let (opens, notes) = (releaser.clone(), diary.clone());
    let user = runnable(move |ctx: Context| {
        let one = opens.open("one", notes.sound("one"));
        async move {
            ctx.healthy();
            ctx.cancelled().await;
            drop(one);
        }
    });
    let root = root(&releaser, move |ctx| {
        ctx.run("user", user.clone()).map(drop)
    });
    runtime().block_on(async {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        let ended = tree.ended();
        drop(tree);
        ended.await.expect_err("it was aborted");
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        diary.assert(&["one now"]);
        releaser.all_released().expect("it is");
    });
}

#[test]
fn a_releaser_that_is_started_again_goes_on_with_what_is_live() {
    // R16. It waits in vain for what is in use, and its next incarnation serves it.
    play(async |Scene { releaser, diary, h }| {
        let one = releaser.open("one", diary.sound("one"));
        let order = h.tree().node("root.releaser").restart();
        h.wait(order).await.expect("it stands");
        one.close().await.expect("it is sound");
        diary.assert(&["one"]);
    });
}

#[test]
fn a_releaser_may_wait_without_a_limit() {
    // L9. Then its stop takes as long as the last holder does, or as a deadline allows.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let node = releaser.node_within(Duration::MAX);
    let root = move |ctx: Context| {
        let declared = ctx.run("releaser", node.clone());
        async move {
            declared?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let kept = releaser.open("kept", diary.sound("kept"));
        let ending = h.tree().stop();
        h.advance(Duration::from_secs(100_000)).await;
        assert_eq!(h.state("root.releaser").await, Some(State::Stopping));
        drop(kept);
        let report = h.wait(ending).await.expect("a stop is no failure");
        assert!(report.stops.is_empty(), "{report:?}");
        diary.assert(&["kept"]);
    });
}

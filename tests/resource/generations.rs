//! Resources that a node opens, and opens anew.

use futures::FutureExt;
use perennial::resource::{Generations, Releaser, Shared};
use perennial::testing::{Fault, Harness};
use perennial::{Backoff, Context, GoneError, RunError, Runnable, State};

use crate::probe::{Diary, Probe, Way};
use crate::scene::{root, serve as serve_user};

/// Serves a line until it is asked to stop.
async fn serve(ctx: Context, _line: Shared<Probe>) {
    ctx.cancelled().await;
}

/// A tree whose node `root.line` opens a line.
fn lines(releaser: &Releaser, lines: &Generations<Probe>, diary: &Diary) -> impl Runnable + use<> {
    let notes = diary.clone();
    let open = move |_ctx: Context| {
        notes.note("open");
        let line = notes.sound("line");
        async move { Ok::<_, RunError>(line) }
    };
    let node = lines.node(releaser, "line", open, serve);
    let node = node.backoff(Backoff::none());
    root(releaser, move |ctx| ctx.run("line", node.clone()).map(drop))
}

#[test]
fn res_33_who_holds_an_old_generation_keeps_it_and_who_asks_gets_the_new_one() {
    // L5. A reader that watches is woken.
    let (releaser, all, diary) = (Releaser::new(), Generations::new(), Diary::default());
    let root = lines(&releaser, &all, &diary);
    Harness::run(None, |h| async move {
        let mut watched = all.watch();
        let early = all.get();
        h.start(root);
        h.settled().await;
        let first = early.await.expect("it is open");
        let seen = watched.next().await.expect("it is open");
        assert!(watched.outdated().now_or_never().is_none());
        h.inject(Fault::error("root.line"));
        h.settled().await;
        watched.outdated().now_or_never().expect("it is");
        diary.assert(&["open", "open"]);
        let second = all.get().await.expect("it is open again");
        assert!(!std::ptr::eq(&raw const *first, &raw const *second));
        assert_eq!((first.refs(), second.refs()), (1, 2));
        let third = watched.next().await.expect("it is open again");
        assert_eq!(third.upgrade().expect("it is live").refs(), 3);
        assert!(seen.upgrade().is_some(), "it is held");
        first.close().await.expect("it is sound");
        assert!(seen.upgrade().is_none());
        diary.assert(&["open", "open", "line"]);
        drop(second);
        h.stop().await.expect("a stop is no failure");
        diary.assert(&["open", "open", "line", "line"]);
    });
}

#[test]
fn a_resource_that_breaks_is_opened_anew() {
    // R8. Who serves it says so, and the node starts again as any other.
    let (releaser, all, diary) = (Releaser::new(), Generations::new(), Diary::default());
    let notes = diary.clone();
    let open = move |_ctx| {
        let line = notes.sound("line");
        async move { Ok::<_, RunError>(line) }
    };
    let node = all.node(
        &releaser,
        "line",
        open,
        async |ctx: Context, line: Shared<Probe>| match ctx.attempt() {
            1 => line.operate(Way::Fails).map(drop),
            _ => {
                ctx.cancelled().await;
                Ok(())
            }
        },
    );
    let root = root(&releaser, move |ctx| {
        ctx.run("line", node.clone()).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        let line = h.wait(all.get()).await.expect("it comes back");
        h.settled().await;
        let snapshot = h.snapshot().await;
        assert_eq!(snapshot.find("root.line").expect("it stands").restarts, 1);
        assert_eq!(line.refs(), 2);
        let live = releaser.live();
        let holders = live[0].holders().iter().map(ToString::to_string);
        let holders: Vec<_> = holders.collect();
        let is_ours = |place: &String| place.starts_with("tests/resource/generations.rs");
        assert!(holders.iter().all(is_ours), "{holders:?}");
        assert!(holders[0].ends_with(" for root.line"), "{holders:?}");
        diary.assert(&["line"]);
        drop(line);
    });
}

#[test]
fn a_resource_that_cannot_be_opened_is_waited_for_until_its_node_is_down() {
    // R9. The error is the node's.
    let (releaser, all) = (Releaser::new(), Generations::<Probe>::new());
    let node = all.node(&releaser, "line", async |_ctx| Err("nobody answers"), serve);
    let node = node.restart(perennial::Restart::Temporary);
    let root = root(&releaser, move |ctx| {
        ctx.run("line", node.clone()).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.until("root.line", State::Down).await;
        let gone = all.get().await.expect_err("it is down");
        assert_eq!(gone.to_string(), "root.line publishes nothing any more");
        let log = h.log().to_string();
        assert!(log.contains("nobody answers"), "{log}");
    });
}

#[test]
fn who_gets_a_generation_for_a_node_is_named_with_it() {
    // R17. With the line that asked, too.
    let (releaser, all, diary) = (Releaser::new(), Generations::new(), Diary::default());
    let notes = diary.clone();
    let open = move |_ctx: Context| {
        let line = notes.sound("line");
        async move { Ok::<_, RunError>(line) }
    };
    let line = all.node(&releaser, "line", open, serve);
    let user = move |ctx: Context| {
        let getting = all.get_in(&ctx);
        async move {
            let _line = getting.await?;
            serve_user(ctx).await;
            Ok::<_, GoneError>(())
        }
    };
    let asked = line!() - 7;
    let root = root(&releaser, move |ctx| {
        ctx.run("line", line.clone())?;
        ctx.run("user", user.clone()).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let live = releaser.live();
        let [_, place] = live[0].holders() else {
            panic!("{live:?}");
        };
        assert_eq!(place.location().line(), asked);
        let node = place.node().map(ToString::to_string);
        assert_eq!(node.as_deref(), Some("root.user"));
        h.stop().await.expect("a stop is no failure");
        releaser.all_released().expect("it is");
    });
}

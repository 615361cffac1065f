//! Promises of the documentation, held to where they are likely to break.

use std::cell::RefCell;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use perennial::resource::{CloseError, CloseExclusiveError, Generations, Releaser, Shared};
use perennial::testing::Harness;
use perennial::{Context, RunError, Supervisor};

use crate::probe::{Diary, Probe, Way};
use crate::scene::{RELEASES, Scene, play, play_with, root, serve};
use crate::written::Written;

/// Deep enough that a stack frame for each would not fit.
const DEEP: usize = 100_000;

/// The last of a chain of resources, each derived from the one before; all are kept by it.
fn chain(releaser: &Releaser, diary: &Diary) -> Shared<Probe> {
    let first = releaser.open("deep", diary.sound("deep"));
    (1..DEEP).fold(first, |parent, _| {
        parent.derive("deep", diary.sound("deep"))
    })
}

#[test]
fn a_deep_chain_is_released_without_a_releaser() {
    // L9. However many are taken along, the stack is not theirs.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let last = chain(&releaser, &diary);
    drop(last);
    assert_eq!(diary.entries().len(), DEEP);
    releaser.all_released().expect("all are");
}

#[test]
fn a_close_hears_of_a_deep_chain_that_is_released_without_a_releaser() {
    // L3. One error for each.
    let (releaser, diary) = (Releaser::untracked(), Diary::default());
    let last = chain(&releaser, &diary);
    let error: CloseError = last
        .close()
        .now_or_never()
        .expect("it waits for nobody")
        .expect_err("there is no releaser");
    assert_eq!(error.errors().len(), DEEP);
}

#[test]
fn a_deep_chain_that_waited_for_a_releaser_is_released_when_none_comes() {
    // L9. As it would have been without.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let node = releaser.node();
    drop(chain(&releaser, &diary));
    diary.assert(&[]);
    drop(node);
    assert_eq!(diary.entries().len(), DEEP);
}

#[test]
fn a_close_that_is_dropped_before_it_has_heard_of_a_deep_chain_takes_no_more_stack() {
    // L9. It lets others run now and then; the rest of what it has to hear is a chain as deep.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let last = chain(&releaser, &diary);
    runtime().block_on(async {
        let mut closing = Box::pin(last.close());
        assert!(closing.as_mut().now_or_never().is_none());
        assert_eq!(diary.entries().len(), DEEP);
        drop(closing);
    });
}

#[test]
fn an_exclusive_close_that_is_refused_leaves_the_weak_references_to_its_part() {
    // L9. Nothing has changed, so the part is still there to be upgraded.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let whole = releaser.open("whole", diary.sound("whole"));
    let part = whole.dup().project(|probe| &probe.name);
    let weak = part.downgrade();
    let refused = part.close_exclusive().now_or_never().expect("at once");
    let part = match refused {
        Err(CloseExclusiveError::InUse(still)) => still.into_reference(),
        other => panic!("{other:?}"),
    };
    assert!(weak.upgrade().is_some(), "{part:?} is a reference to it");
}

#[test]
fn a_hook_that_panics_is_in_the_log_though_the_release_does_not_return() {
    // L3. Each is: the evidence has but the panic of the release, or that it took too long.
    let written = Written::keep();
    for way in [Way::Panics, Way::Hangs] {
        play(async |Scene { releaser, diary, h }| {
            let one = releaser.open("one", diary.probe("one", way));
            let hooks = (
                one.before_release(|_| panic!("no more cache")),
                one.before_release(|_| panic!("no more index")),
            );
            h.wait(one.close()).await.expect_err("it has failed");
            drop(hooks);
        });
        let text = written.take();
        for lost in ["no more cache", "no more index"] {
            let told = text
                .lines()
                .find(|line| line.contains(lost))
                .expect("it is told");
            assert!(
                told.contains("a hook before the release panicked at"),
                "{told}"
            );
        }
    }
}

#[test]
fn a_close_elsewhere_hears_that_the_runtime_of_the_releaser_is_gone() {
    // L9. It does not wait for a node that nobody runs.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    let (theirs, ours) = (runtime(), runtime());
    let tree = theirs.block_on(async {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        tree
    });
    let parent = releaser.open("parent", diary.probe("parent", Way::Hangs));
    let child = parent.derive("child", diary.probe("child", Way::Hangs));
    drop(parent);
    let mut closing = Box::pin(child.close());
    assert!(closing.as_mut().now_or_never().is_none());
    theirs.block_on(async { tokio::time::sleep(Duration::ZERO).await });
    theirs.block_on(tree.snapshot());
    drop(theirs);
    let closed =
        ours.block_on(async { tokio::time::timeout(Duration::from_secs(10), closing).await });
    closed.expect("it hangs").expect_err("both were cut short");
    releaser.all_released().expect("nothing is left");
    drop(tree);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

thread_local! {
    static KEPT: RefCell<Option<Shared<Probe>>> = const { RefCell::new(None) };
}

#[test]
fn a_reference_of_a_thread_is_released_when_the_thread_ends() {
    // L9. With a releaser and without.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let keep = |name| {
        let parent = releaser.open("parent", diary.sound("parent"));
        let child = parent.derive("child", diary.sound(name));
        thread::spawn(move || KEPT.with(|kept| *kept.borrow_mut() = Some(child)))
            .join()
            .expect("it ends");
    };
    keep("without");
    diary.assert(&["without now", "parent now"]);
    let root = root(&releaser, |_| Ok(()));
    runtime().block_on(async {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        keep("with");
        tree.settled().await;
        tree.stop().await.expect("a stop is no failure");
    });
    diary.assert(&["without now", "parent now", "with", "parent"]);
}

#[test]
fn who_asks_for_a_generation_that_its_node_has_let_go_of_waits_for_the_next() {
    // L10. It does not turn in circles.
    let (releaser, all, diary) = (Releaser::new(), Generations::new(), Diary::default());
    let notes = diary.clone();
    let open = move |_ctx: Context| {
        let line = notes.sound("line");
        async move { Ok::<_, RunError>(line) }
    };
    let let_go = |ctx: Context, line: Shared<Probe>| async move {
        drop(line);
        ctx.cancelled().await;
    };
    let node = all.node(&releaser, "line", open, let_go);
    let root = root(&releaser, move |ctx| {
        ctx.run("line", node.clone()).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let mut asked = Box::pin(all.get());
        assert!(asked.as_mut().now_or_never().is_none());
        drop(asked);
        h.stop().await.expect("a stop is no failure");
        all.get().await.expect_err("it is gone");
    });
}

#[test]
fn releases_that_are_over_leave_no_nodes_behind() {
    // L9. A tree that has released much is as small as before.
    play(async |Scene { releaser, diary, h }| {
        for _ in 0..1_000 {
            let one = releaser.open("one", diary.sound("one"));
            one.close().await.expect("it is sound");
        }
        h.settled().await;
        let snapshot = h.snapshot().await;
        let below = format!("{RELEASES}.");
        let text = snapshot.to_string();
        let nodes = snapshot
            .nodes
            .iter()
            .filter(|n| n.path.to_string().starts_with(&below))
            .count();
        assert_eq!(nodes, 0, "{text}");
    });
}

#[test]
fn what_is_opened_while_the_releaser_waits_is_named_too() {
    // R10. What nobody has released is in the report, whenever it was opened.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let slow = releaser.open("slow", diary.probe("slow", Way::Slow));
        drop(slow);
        h.idle().await;
        let stop = h.tree().stop();
        h.advance(Duration::from_millis(500)).await;
        let late = releaser.open("late", diary.sound("late"));
        let report = h.wait(stop).await.expect("a stop is no failure");
        let [one] = &report.stops[..] else {
            panic!("{report:?}");
        };
        let chain = one.evidence.as_ref().expect("it returned").chain();
        assert!(chain.contains("late has 1 reference"), "{chain}");
        drop(late);
    });
}

#[test]
fn a_close_with_a_releaser_that_is_terminated_ends_when_that_starts_or_is_gone() {
    // L9. The promise is to wait while the node may start again.
    let user = |ctx: &Context| ctx.run("user", serve).map(drop);
    play_with(
        Releaser::new(),
        user,
        async |Scene { releaser, diary, h }| {
            let one = releaser.open("one", diary.sound("one"));
            let order = h.tree().node("root.releaser").terminate();
            h.wait(order).await.expect("it stands");
            let mut closing = Box::pin(one.close());
            h.settled().await;
            let early = closing.as_mut().now_or_never();
            assert!(early.is_none(), "{early:?}");
            h.tree()
                .node("root.releaser")
                .start()
                .await
                .expect("it is down");
            h.wait(closing).await.expect("it is sound");
        },
    );
}

#[test]
fn what_was_given_back_just_before_a_stop_is_released_in_order() {
    // R10. A release that has not started yet is not refused: the releaser drains.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        drop(releaser.open("one", diary.probe("one", Way::Slow)));
        let report = h.stop().await.expect("a stop is no failure");
        assert!(report.stops.is_empty(), "{report:?}");
        diary.assert(&["one"]);
    });
}

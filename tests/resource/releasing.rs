//! When a release runs, and what it may do.

use std::future::poll_fn;
use std::mem::replace;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use perennial::resource::{
    CloseError, Closed, Release, ReleaseError, Releaser, Shared, WeakShared,
};
use perennial::testing::{Fault, Harness};
use perennial::{Context, State, Supervisor};
use tokio::sync::oneshot;

use crate::probe::{Diary, Probe, Way};
use crate::scene::{Scene, play, play_with, root, second, serve};

/// A value whose release uses references in every way there is.
struct Busy {
    own: Arc<OnceLock<WeakShared<Self>>>,
    releaser: Releaser,
    other: Shared<Probe>,
    diary: Diary,
}

impl Release for Busy {
    type Error = CloseError;

    async fn release(self) -> Result<(), CloseError> {
        let own = self.own.get().expect("it was set");
        assert!(own.upgrade().is_none(), "it is being released");
        let second = self.other.dup();
        self.other.close().await?;
        let third = self.releaser.open("third", self.diary.sound("third"));
        let fourth = third.derive("fourth", self.diary.sound("fourth"));
        third.close().await?;
        fourth.close().await?;
        self.diary
            .note(format!("{} live", self.releaser.live().len()));
        second.close().await?;
        Ok(())
    }
}

#[test]
fn a_release_may_close_duplicate_derive_and_open() {
    // L9. No lock is held while it runs, and nothing that it waits for waits for it.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let own = Arc::new(OnceLock::new());
            let busy = Busy {
                own: own.clone(),
                releaser: releaser.clone(),
                other: releaser.open("other", diary.sound("other")),
                diary: diary.clone(),
            };
            let busy = releaser.open("busy", busy);
            assert!(own.set(busy.downgrade()).is_ok());
            assert_eq!(busy.close().await.expect("all is sound"), Closed::Released);
            diary.assert(&["fourth", "third", "2 live", "other"]);
        },
    );
}

#[test]
fn what_is_given_back_before_the_releaser_has_started_waits_for_it() {
    // L3. There is a node that will start.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        let closing = tokio::spawn(releaser.open("one", diary.sound("one")).close());
        drop(releaser.open("two", diary.sound("two")));
        tokio::task::yield_now().await;
        diary.assert(&[]);
        h.start(root);
        h.settled().await;
        diary.assert(&["two", "one"]);
        let closed = closing.await.expect("no panic").expect("it is sound");
        assert_eq!(closed, Closed::Released);
    });
}

#[test]
fn what_is_given_back_while_the_releaser_starts_again_waits_for_it() {
    // R14. The releases of a releaser that is down are not lost.
    let declare = |ctx: &Context| ctx.run("other", serve).map(drop);
    play_with(
        Releaser::new(),
        declare,
        async |Scene { releaser, diary, h }| {
            let node = h.tree().node("root.releaser");
            node.terminate().await.expect("it stands");
            let one = releaser.open("one", diary.sound("one"));
            let closing = tokio::spawn(one.close());
            h.settled().await;
            diary.assert(&[]);
            node.start().await.expect("it is down");
            h.settled().await;
            closing.await.expect("no panic").expect("it is sound");
            diary.assert(&["one"]);
        },
    );
}

#[test]
fn without_a_releaser_a_value_is_released_at_once() {
    // L9. Nobody will come: what can be done is done, and whoever closes is told.
    Harness::run(None, |_| async move {
        let (releaser, diary) = (Releaser::new(), Diary::default());
        let parent = releaser.open("parent", diary.sound("parent"));
        let child = parent.derive("child", diary.sound("child"));
        let notes = diary.clone();
        let hook =
            child.before_release(move |child: &Probe| notes.note(format!("hook of {child:?}")));
        drop(parent);
        let error = child.close().await.expect_err("there is no releaser");
        let names: Vec<_> = error.errors().iter().map(ReleaseError::name).collect();
        assert_eq!(names, ["child", "parent"]);
        assert!(matches!(error.errors()[0], ReleaseError::NoReleaser { .. }));
        diary.assert(&["hook of child", "child now", "parent now"]);
        releaser.all_released().expect("all are");
        drop(hook);
    });
}

#[test]
fn a_node_that_is_never_declared_keeps_nothing_waiting() {
    // L9. When its code is dropped, nobody will come.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let node = releaser.node();
    drop(releaser.open("one", diary.sound("one")));
    diary.assert(&[]);
    drop(node);
    diary.assert(&["one now"]);
}

#[test]
fn what_waits_for_a_releaser_waits_as_long_as_one_may_come() {
    // L9. Its node is made twice: the end of one code is not the end of both.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let (first, second) = (releaser.node(), releaser.node());
    drop(releaser.open("one", diary.sound("one")));
    drop(second);
    diary.assert(&[]);
    drop(first);
    diary.assert(&["one now"]);
}

/// A value whose release at once panics.
struct Bomb;

impl Release for Bomb {
    type Error = std::convert::Infallible;

    async fn release(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn release_now(self) {
        panic!("it goes off");
    }
}

#[test]
fn a_release_at_once_that_panics_harms_nobody() {
    // R18. Not the one who drops it, and not what comes after it.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let parent = releaser.open("parent", diary.sound("parent"));
    let bomb = parent.derive("bomb", Bomb);
    drop(parent);
    drop(bomb);
    diary.assert(&["parent now"]);
    releaser.all_released().expect("both are");
}

#[test]
fn a_releaser_has_one_node_at_a_time() {
    // L1. The second one fails, and says why.
    let releaser = Releaser::new();
    let second = releaser.node().restart(perennial::Restart::Temporary);
    let root = root(&releaser, move |ctx: &Context| {
        ctx.run("second", second.clone()).map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_eq!(h.state("root.releaser").await, Some(State::Healthy));
        assert_eq!(h.state("root.second").await, Some(State::Down));
        let log = h.log().to_string();
        assert!(
            log.contains("the releaser has another node that runs"),
            "{log}"
        );
    });
}

#[test]
fn what_the_pool_of_releases_has_no_room_for_is_released_at_once() {
    // L3. Whoever closes is told, and nothing waits for room.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = root(&releaser, |_| Ok(()));
    Harness::run(None, |h| async move {
        h.start_with(Supervisor::new(root).children_max(2));
        h.settled().await;
        let open = |name| releaser.open(name, diary.probe(name, Way::Slow));
        let (one, two, three) = (open("one"), open("two"), open("three"));
        let others = tokio::spawn(async { tokio::join!(one.close(), two.close()) });
        h.idle().await;
        let refused = three.close().await.expect_err("there is no room");
        assert!(
            matches!(refused.errors(), [ReleaseError::NoReleaser { .. }]),
            "{refused:?}"
        );
        diary.assert(&["three now"]);
        let (one, two) = h.wait(others).await.expect("no panic");
        assert_eq!(one.expect("it is sound"), Closed::Released);
        assert_eq!(two.expect("it is sound"), Closed::Released);
    });
}

#[test]
fn a_releaser_that_dies_cuts_short_what_runs_and_goes_on_with_what_waits() {
    // R16. Its next incarnation releases what was given back meanwhile.
    play(async |Scene { releaser, diary, h }| {
        let one = releaser.open("one", diary.probe("one", Way::Hangs));
        let two = releaser.open("two", diary.sound("two"));
        let running = tokio::spawn(one.close());
        h.idle().await;
        h.inject(Fault::kill("root.releaser"));
        h.idle().await;
        assert_ne!(h.state("root.releaser").await, Some(State::Healthy));
        let waiting = tokio::spawn(two.close());
        h.settled().await;
        let error = running
            .await
            .expect("no panic")
            .expect_err("it was aborted");
        assert!(
            matches!(error.errors(), [ReleaseError::CutShort { .. }]),
            "{error:?}"
        );
        waiting.await.expect("no panic").expect("it is sound");
        diary.assert(&["two"]);
    });
}

/// A value that tells when it is gone, a second after its release has begun.
struct Last(oneshot::Sender<()>);

impl Release for Last {
    type Error = std::convert::Infallible;

    async fn release(self) -> Result<(), Self::Error> {
        second().await;
        drop(self.0);
        Ok(())
    }
}

/// Lets those run that are ready, each once. A yield lets them run until none is.
async fn turn() {
    let mut has_run = false;
    poll_fn(|cx| {
        if replace(&mut has_run, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn what_is_given_back_just_when_a_releaser_has_drained_waits_for_its_next_incarnation() {
    // L9. Whenever that is: it is not released without a releaser, as another one comes.
    for turns in 0..12 {
        play(async |Scene { releaser, diary, h }| {
            let (last, is_gone) = oneshot::channel();
            drop(releaser.open("last", Last(last)));
            let (opens, notes) = (releaser.clone(), diary.clone());
            let late = tokio::spawn(async move {
                is_gone.await.expect_err("it is dropped");
                for _ in 0..turns {
                    turn().await;
                }
                opens.open("late", notes.sound("late")).close().await
            });
            h.idle().await;
            let order = h.tree().node("root.releaser").restart();
            h.wait(order).await.expect("it stands");
            let closed = h.wait(late).await.expect("no panic");
            assert_eq!(closed.expect("it is sound"), Closed::Released, "{turns}");
            diary.assert(&["late"]);
        });
    }
}

//! Code of the user's that panics where nobody expects it, or goes on to use references there.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use perennial::resource::{Release, ReleaseError, Releaser, Shared};
use perennial::testing::{Fault, Harness};
use perennial::{Context, RunError, State};

use crate::probe::{Diary, Probe, Way};
use crate::scene::{Scene, play, play_with, second};
use crate::written::Written;

/// A value whose drop panics, after its release or in it.
struct Grenade {
    hangs: Way,
    diary: Diary,
}

impl Release for Grenade {
    type Error = &'static str;

    async fn release(self) -> Result<(), &'static str> {
        match self.hangs {
            Way::Hangs => std::future::pending().await,
            _ => Ok(()),
        }
    }

    fn release_within(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        self.diary.note("grenade");
        panic!("it goes off");
    }
}

/// A grenade that is derived from a parent, which has no other reference.
fn grenade(releaser: &Releaser, diary: &Diary, hangs: Way) -> Shared<Grenade> {
    let parent = releaser.open("parent", diary.sound("parent"));
    let diary = diary.clone();
    parent.derive("grenade", Grenade { hangs, diary })
}

#[test]
fn a_value_whose_drop_panics_is_dropped_once_and_lets_go_of_its_parent() {
    // R18. Its release has panicked, or took too long: whichever came first.
    play(async |Scene { releaser, diary, h }| {
        let sound = grenade(&releaser, &diary, Way::Sound);
        let error = sound.close().await.expect_err("it panics");
        assert!(
            matches!(error.errors(), [ReleaseError::Panicked { .. }]),
            "{error:?}"
        );
        let hangs = grenade(&releaser, &diary, Way::Hangs);
        let error = h.wait(hangs.close()).await.expect_err("it hangs");
        assert!(
            matches!(error.errors(), [ReleaseError::TimedOut { .. }]),
            "{error:?}"
        );
        diary.assert(&["grenade", "parent", "grenade", "parent"]);
    });
}

#[test]
fn a_value_whose_drop_panics_harms_nobody_without_a_releaser() {
    // R18. By default, a release at once is a drop.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    drop(grenade(&releaser, &diary, Way::Sound));
    diary.assert(&["grenade", "parent now"]);
    releaser.all_released().expect("both are");
}

/// An error whose drop panics.
#[derive(Debug)]
struct Sharp;

impl fmt::Display for Sharp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it cuts")
    }
}

impl Error for Sharp {}

impl Drop for Sharp {
    fn drop(&mut self) {
        panic!("it has cut");
    }
}

/// A value whose release fails with such an error.
struct Knife;

impl Release for Knife {
    type Error = Sharp;

    async fn release(self) -> Result<(), Sharp> {
        Err(Sharp)
    }
}

#[test]
fn an_error_whose_drop_panics_harms_nobody() {
    // R18. Not whoever closes, not the tree, and not the release after it.
    play(async |Scene { releaser, diary, h }| {
        let knife = releaser.open("knife", Knife);
        let hook = knife.before_release(|_| panic!("no more cache"));
        let error = knife.close().await.expect_err("it fails");
        let [ReleaseError::Failed { source, .. }] = error.errors() else {
            panic!("{error:?}");
        };
        assert!(source.chain().ends_with("it cuts"), "{source:?}");
        drop((error, hook));
        drop(releaser.open("knife", Knife));
        h.settled().await;
        let one = releaser.open("one", diary.sound("one"));
        one.close().await.expect("it is another");
        assert_eq!(h.state("root.releaser").await, Some(State::Healthy));
    });
}

/// A value that uses references while it is released at once.
struct Busy {
    releaser: Releaser,
    other: Shared<Probe>,
    diary: Diary,
}

impl Busy {
    fn open(releaser: &Releaser, diary: &Diary) -> Shared<Self> {
        let busy = Self {
            releaser: releaser.clone(),
            other: releaser.open("other", diary.sound("other")),
            diary: diary.clone(),
        };
        releaser.open("busy", busy)
    }
}

impl Release for Busy {
    type Error = &'static str;

    async fn release(self) -> Result<(), &'static str> {
        self.release_now();
        Ok(())
    }

    fn release_now(self) {
        let again = self.other.dup();
        drop(self.other);
        let third = self.releaser.open("third", self.diary.sound("third"));
        let fourth = third.derive("fourth", self.diary.sound("fourth"));
        let hook = fourth.before_release(move |_| drop(again));
        drop(third);
        drop(fourth);
        drop(hook);
        self.diary.note("busy");
    }
}

#[test]
fn a_release_at_once_may_duplicate_open_derive_and_let_go() {
    // L9. No lock is held while it runs, and nothing of what it lets go of is left.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    drop(Busy::open(&releaser, &diary));
    diary.assert(&["other now", "fourth now", "third now", "busy"]);
    releaser.all_released().expect("all are");
}

#[test]
fn a_parent_that_is_released_at_once_may_let_go_of_children_of_others() {
    // L9. Their parents go when this parting is over.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let busy = Busy::open(&releaser, &diary);
    let child = busy.derive("child", diary.sound("child"));
    drop(busy);
    drop(child);
    diary.assert(&["child now", "other now", "fourth now", "busy", "third now"]);
    releaser.all_released().expect("all are");
}

#[test]
fn a_hook_may_let_go_of_the_last_reference_to_another_resource() {
    // L9. That one has hooks as well, and both are released in order of their ends.
    play(async |Scene { releaser, diary, h }| {
        let other = releaser.open("other", diary.probe("other", Way::Panics));
        let inner = other.before_release(|_| panic!("no more index"));
        let one = releaser.open("one", diary.sound("one"));
        let outer = one.before_release(move |_| drop(other));
        one.close().await.expect("the other is another");
        h.settled().await;
        diary.assert(&["one", "other panicked"]);
        drop((inner, outer));
    });
}

/// A value whose release at once panics.
struct Bomb;

impl Release for Bomb {
    type Error = std::convert::Infallible;

    async fn release(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn release_now(self) {
        panic!("the bomb goes off");
    }
}

#[test]
fn a_reference_that_is_dropped_while_its_thread_panics_is_released() {
    // R18. Also if its hook and its release panic, which would end the process if they got out.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let thrown = catch_unwind(AssertUnwindSafe(|| {
        let parent = releaser.open("parent", diary.sound("parent"));
        let bomb = parent.derive("bomb", Bomb);
        let _hook = bomb.before_release(|_| panic!("no more cache"));
        let (_parent, _bomb) = (parent, bomb);
        panic!("the owner panics");
    }));
    let payload = thrown.expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"the owner panics"));
    diary.assert(&["parent now"]);
    releaser.all_released().expect("both are");
}

#[test]
fn a_release_at_once_that_panics_in_a_node_is_in_the_log() {
    // L3. Somebody listens to this tree, so the panic hook is silent, and no exit tells of it.
    let written = Written::keep();
    let alone = Releaser::new();
    let user = move |ctx: Context| {
        let bomb = alone.open("bomb", Bomb);
        async move {
            drop(bomb);
            ctx.healthy();
            ctx.cancelled().await;
        }
    };
    let declare = move |ctx: &Context| ctx.run("user", user.clone()).map(drop);
    play_with(Releaser::new(), declare, async |Scene { h, .. }| {
        h.settled().await;
        assert_eq!(h.state("root.user").await, Some(State::Healthy));
    });
    let text = written.take();
    assert!(text.contains("the bomb goes off"), "{text}");
}

#[test]
fn a_hook_that_panics_says_where() {
    // R18. The place is that of the panic.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let hook = one.before_release(|_| panic!("no more cache"));
            let line = line!() - 1;
            let error = one.close().await.expect_err("it has failed");
            let [ReleaseError::Failed { source, .. }] = error.errors() else {
                panic!("{error:?}");
            };
            let place = format!("panicked at tests/resource/hostile.rs:{line}:");
            assert!(source.chain().contains(&place), "{}", source.chain());
            drop(hook);
        },
    );
}

/// A value that is asked for its time when it is opened, and panics.
struct Moody;

impl Release for Moody {
    type Error = std::convert::Infallible;

    async fn release(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn release_within(&self) -> Duration {
        panic!("not now");
    }
}

#[test]
fn a_value_that_cannot_say_how_long_its_release_takes_is_not_opened() {
    // L9. Whoever opens it panics; nothing is registered, and its parent is let go of.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let parent = releaser.open("parent", diary.sound("parent"));
    let opened = catch_unwind(AssertUnwindSafe(|| parent.derive("moody", Moody)));
    opened.expect_err("it panics");
    assert_eq!((releaser.live().len(), parent.refs()), (1, 1));
    drop(parent);
    diary.assert(&["parent now"]);
}

/// A value whose release takes a second, of the time that it is given.
struct Timed(Duration, Diary);

impl Release for Timed {
    type Error = std::convert::Infallible;

    async fn release(self) -> Result<(), Self::Error> {
        second().await;
        self.1.note("released");
        Ok(())
    }

    fn release_now(self) {
        self.1.note("now");
    }

    fn release_within(&self) -> Duration {
        self.0
    }
}

#[test]
fn a_release_may_have_no_time_or_all_the_time_there_is() {
    // L9. The ends of what a duration can say.
    play(async |Scene { releaser, diary, h }| {
        let endless = releaser.open("endless", Timed(Duration::MAX, diary.clone()));
        h.wait(endless.close()).await.expect("it takes a second");
        diary.assert(&["released"]);
        let hasty = releaser.open("hasty", Timed(Duration::ZERO, diary.clone()));
        let error = h.wait(hasty.close()).await.expect_err("it has no time");
        assert!(
            matches!(error.errors(), [ReleaseError::TimedOut { .. }]),
            "{error:?}"
        );
    });
}

#[test]
fn of_many_releases_that_fail_at_once_each_is_an_event() {
    // L3. Nobody awaits them, and none is lost.
    const MANY: usize = 500;
    play(async |Scene { releaser, diary, h }| {
        let all: Vec<_> = (0..MANY)
            .map(|_| releaser.open("one", diary.probe("one", Way::Fails)))
            .collect();
        drop(all);
        h.settled().await;
        let log = h.log().to_string();
        assert_eq!(log.matches("the disk is full").count(), MANY);
    });
}

#[test]
fn a_root_that_panics_with_references_releases_them() {
    // R5. It starts again, and its releaser with it.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let node = releaser.node();
    let (opens, notes) = (releaser.clone(), diary.clone());
    let code = move |ctx: Context| {
        let declared = ctx.run("releaser", node.clone());
        let one = opens.open("one", notes.sound("one"));
        async move {
            declared?;
            ctx.healthy();
            ctx.cancelled().await;
            drop(one);
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(code);
        h.settled().await;
        h.inject(Fault::panic("root"));
        h.settled().await;
        diary.assert(&["one"]);
        h.stop().await.expect("a stop is no failure");
        diary.assert(&["one", "one"]);
        releaser.all_released().expect("all are");
    });
}

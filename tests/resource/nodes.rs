//! Resources of nodes that start again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use perennial::resource::{Place, Release, Releaser, Shared};
use perennial::testing::{Fault, Harness};
use perennial::{Backoff, Context, OwnError, RunError, Runnable, State, Strategy, runnable};

use crate::probe::{Diary, Way};
use crate::puppet::Puppet;
use crate::scene::{Scene, play, play_with, serve};

#[test]
fn res_28_the_references_of_an_owner_that_ends_are_released_however_it_ends() {
    // R5. It returns an error, panics, or is aborted.
    let releaser = Releaser::new();
    let (opens, diary) = (releaser.clone(), Diary::default());
    let notes = diary.clone();
    let owner = runnable(move |ctx: Context| {
        let (one, late) = (opens.open("one", notes.sound("one")), notes.sound("late"));
        async move {
            let _late = one.derive("late", late);
            ctx.healthy();
            std::future::pending::<()>().await;
        }
    });
    let owner = owner.backoff(Backoff::none());
    let declare = move |ctx: &Context| ctx.run("owner", owner.clone()).map(drop);
    play_with(releaser, declare, async |Scene { h, .. }| {
        for fault in [Fault::error, Fault::panic, Fault::kill] {
            h.settled().await;
            h.inject(fault("root.owner".to_owned()));
        }
        h.settled().await;
        diary.assert(&["late", "one"].repeat(3));
        let order = h.tree().node("root.owner").terminate();
        h.wait(order).await.expect("it stands");
        h.settled().await;
        diary.assert(&["late", "one"].repeat(4));
    });
}

/// Something that must not exist twice, such as a lock file.
struct Exclusive {
    is_taken: Arc<AtomicBool>,
    diary: Diary,
}

impl Exclusive {
    fn take(is_taken: &Arc<AtomicBool>, diary: &Diary) -> Result<Self, &'static str> {
        if is_taken.swap(true, Ordering::SeqCst) {
            return Err("it is taken");
        }
        diary.note("open");
        Ok(Self {
            is_taken: is_taken.clone(),
            diary: diary.clone(),
        })
    }
}

impl Release for Exclusive {
    type Error = &'static str;

    async fn release(self) -> Result<(), &'static str> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.is_taken.store(false, Ordering::SeqCst);
        self.diary.note("release");
        Ok(())
    }
}

#[test]
fn res_32_a_resource_of_an_incarnation_is_released_before_the_next_one_starts() {
    // L1. It takes a second, and there is no backoff: the next one would find it taken.
    let releaser = Releaser::new();
    let (opens, diary) = (releaser.clone(), Diary::default());
    let (is_taken, notes) = (Arc::new(AtomicBool::new(false)), diary.clone());
    let starts = Arc::new(AtomicUsize::new(0));
    let user = runnable(move |ctx: Context| {
        let (opens, is_taken, notes) = (opens.clone(), is_taken.clone(), notes.clone());
        let starts = starts.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            let lock = Exclusive::take(&is_taken, &notes)?;
            let lock = opens
                .open_in(&ctx, "lock", lock)
                .map_err(|_| "it has ended")?;
            ctx.healthy();
            if starts < 5 {
                return Err("once more");
            }
            ctx.cancelled().await;
            drop(lock);
            Ok(())
        }
    });
    let user = user.backoff(Backoff::none());
    let declare = move |ctx: &Context| ctx.run("user", user.clone()).map(drop);
    play_with(releaser, declare, async |Scene { h, .. }| {
        h.settled().await;
        let mut expected = ["open", "release"].repeat(4);
        expected.push("open");
        diary.assert(&expected);
        let order = h.tree().node("root.user").terminate();
        h.wait(order).await.expect("it stands");
        expected.push("release");
        diary.assert(&expected);
    });
}

#[test]
fn a_resource_of_an_incarnation_keeps_it_from_starting_again_while_others_hold_it() {
    // L1, R14. It is named as what has not ended.
    let (puppet, obey) = Puppet::new();
    let user = runnable(obey)
        .backoff(Backoff::none())
        .grace(Duration::from_secs(3600));
    let declare = move |ctx: &Context| ctx.run("user", user.clone()).map(drop);
    play_with(
        Releaser::new(),
        declare,
        async |Scene { releaser, diary, h }| {
            puppet.healthy().await;
            let one = open_in(&puppet, &releaser, &diary).await;
            puppet.die().await;
            h.idle().await;
            let snapshot = h.snapshot().await;
            let user = snapshot.find("root.user").expect("it stands");
            assert_eq!(user.restarts, 0);
            assert!(snapshot.to_string().contains("lock"), "{snapshot}");
            drop(one);
            h.idle().await;
            puppet.healthy().await;
            h.settled().await;
            assert_eq!(h.state("root.user").await, Some(State::Healthy));
            diary.assert(&["lock"]);
        },
    );
}

#[test]
fn a_value_that_was_taken_out_does_not_keep_its_incarnation_from_ending() {
    // R14. It belongs to whoever took it, and the node starts again beside it.
    let (puppet, obey) = Puppet::new();
    let user = runnable(obey).backoff(Backoff::none());
    let declare = move |ctx: &Context| ctx.run("user", user.clone()).map(drop);
    play_with(
        Releaser::new(),
        declare,
        async |Scene { releaser, diary, h }| {
            puppet.healthy().await;
            let one = open_in(&puppet, &releaser, &diary).await;
            let value = one.take_exclusive().expect("it is the only one");
            puppet.die().await;
            puppet.healthy().await;
            h.settled().await;
            let snapshot = h.snapshot().await;
            let user = snapshot.find("root.user").expect("it stands");
            assert_eq!((user.state, user.restarts), (State::Healthy, 1));
            diary.assert(&[]);
            drop(value);
        },
    );
}

/// Where the only reference was made of the one resource that is live.
fn holder(releaser: &Releaser) -> Place {
    let live = releaser.live();
    let [one] = &live[..] else {
        panic!("{live:?}");
    };
    let [place] = one.holders() else {
        panic!("{one}");
    };
    place.clone()
}

#[test]
fn a_reference_of_a_node_is_named_with_its_node_however_it_was_made() {
    // R17. And with the line that made it.
    let (puppet, obey) = Puppet::new();
    let user = runnable(obey);
    let declare = move |ctx: &Context| ctx.run("user", user.clone()).map(drop);
    play_with(
        Releaser::new(),
        declare,
        async |Scene {
                   releaser, diary, ..
               }| {
            puppet.healthy().await;
            let opens = releaser.clone();
            puppet
                .tell(move |ctx| {
                    let opened = opens.open_in(ctx, "one", diary.sound("one"));
                    let line = line!() - 1;
                    let opened = opened.expect("the incarnation runs");
                    let place = holder(&opens);
                    assert_eq!(
                        (place.node(), place.location().line()),
                        (Some(ctx.path()), line)
                    );
                    let weak = opened.downgrade();
                    let upgraded = weak.upgrade_in(ctx).expect("it is live");
                    let line = line!() - 1;
                    drop(opened);
                    let place = holder(&opens);
                    assert_eq!(
                        (place.node(), place.location().line()),
                        (Some(ctx.path()), line)
                    );
                    drop(upgraded);
                    None
                })
                .await;
        },
    );
}

/// Opens a resource of the puppet's incarnation.
async fn open_in(
    puppet: &Puppet,
    releaser: &Releaser,
    diary: &Diary,
) -> Shared<crate::probe::Probe> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let (releaser, probe) = (releaser.clone(), diary.sound("lock"));
    puppet
        .tell(move |ctx| {
            drop(send.send(releaser.open_in(ctx, "lock", probe)));
            None
        })
        .await;
    let opened = receive.await.expect("it was told");
    opened.expect("the incarnation runs")
}

/// A root with a releaser in one group with a user, whose lock is that of an incarnation.
fn grouped(releaser: &Releaser, diary: &Diary) -> impl Runnable + use<> {
    let (opens, notes) = (releaser.clone(), diary.clone());
    let user = runnable(move |ctx: Context| {
        let lock = opens.open_in(&ctx, "lock", notes.sound("lock"));
        async move {
            let _lock = lock?;
            serve(ctx).await;
            Ok::<_, OwnError>(())
        }
    });
    let node = releaser.node();
    move |ctx: Context| {
        let group = ctx.group("serving", Strategy::RestForOne);
        let group = group.run("releaser", node.clone());
        let declared = group.run("user", user.clone()).start();
        async move {
            declared?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    }
}

#[test]
fn a_releaser_that_is_restarted_with_its_users_releases_before_it_stops() {
    // R10. It provides, so it is asked when they are gone.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = grouped(&releaser, &diary);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let order = h.tree().node("root.releaser").restart();
        h.wait(order).await.expect("it stands");
        h.settled().await;
        assert_eq!(h.state("root.user").await, Some(State::Healthy));
        diary.assert(&["lock"]);
    });
}

#[test]
fn a_resource_of_an_incarnation_that_falls_with_a_dead_releaser_is_named_as_a_leak() {
    // L9, R14. Each waits for the other, for no longer than the grace; it is released in the end.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let root = grouped(&releaser, &diary);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        h.inject(Fault::panic("root.releaser"));
        h.until("root.releaser", State::Down).await;
        let snapshot = h.snapshot().await.to_string();
        assert!(snapshot.contains("holds lock, leaked"), "{snapshot}");
        h.stopped().await.expect_err("it cannot go on");
        diary.assert(&["lock now"]);
    });
}

#[test]
fn a_resource_of_an_incarnation_that_has_ended_is_released_at_the_door() {
    // L10. The caller hears of it.
    let (puppet, obey) = Puppet::new();
    let user = runnable(obey).backoff(Backoff::none());
    let declare = move |ctx: &Context| ctx.run("user", user.clone()).map(drop);
    play_with(
        Releaser::new(),
        declare,
        async |Scene { releaser, diary, h }| {
            let (send, receive) = tokio::sync::oneshot::channel();
            puppet
                .tell(move |ctx| {
                    drop(send.send(ctx.clone()));
                    Some(perennial::Exit::failed("it ends"))
                })
                .await;
            puppet.healthy().await;
            let stale = receive.await.expect("it was told");
            let refused = releaser.open_in(&stale, "one", diary.sound("one"));
            assert!(refused.is_err());
            h.settled().await;
            diary.assert(&["one"]);
        },
    );
}

#[test]
fn a_resource_of_the_tree_lives_over_the_restarts_of_its_users() {
    // L9. It is released when the last of them and the owner are through with it.
    let releaser = Releaser::new();
    let diary = Diary::default();
    let owned = releaser.open("one", diary.sound("one"));
    let lent = owned.dup();
    let user = runnable(move |ctx: Context| {
        let own = lent.dup_in(&ctx);
        async move {
            ctx.healthy();
            ctx.cancelled().await;
            drop(own);
        }
    });
    // Code that has a reference is no code to be cloned.
    let user = Mutex::new(Some(user.backoff(Backoff::none())));
    let declare = move |ctx: &Context| {
        let user = user.lock().take().expect("it is declared once");
        ctx.run("user", user).map(drop)
    };
    play_with(releaser, declare, async |Scene { h, releaser, .. }| {
        h.settled().await;
        assert_eq!(owned.refs(), 3);
        h.inject(Fault::panic("root.user"));
        h.settled().await;
        assert_eq!(owned.refs(), 3);
        let live = releaser.live();
        let holder = live[0].holders().iter().find_map(|place| place.node());
        assert_eq!(
            holder.map(ToString::to_string).as_deref(),
            Some("root.user")
        );
        diary.assert(&[]);
        drop(owned);
        // The code of the user has one, too.
        h.tree()
            .node("root.user")
            .remove()
            .await
            .expect("it stands");
        h.settled().await;
        diary.assert(&["one"]);
    });
}

#[test]
fn res_35_what_is_not_released_is_listed_with_its_holders() {
    // R17. A test asks for it at its end.
    play(async |Scene { releaser, diary, h }| {
        releaser.all_released().expect("nothing was opened");
        let one = releaser.open("one", diary.sound("one"));
        let second = one.dup();
        let two = tokio::spawn(releaser.open("two", diary.probe("two", Way::Slow)).close());
        h.idle().await;
        let left = releaser.all_released().expect_err("two are live");
        let [first, last] = left.resources() else {
            panic!("{left}");
        };
        assert_eq!(
            (first.name(), first.refs(), first.holders().len()),
            ("one", 2, 2)
        );
        assert_eq!(
            (last.name(), last.refs(), last.holders().len()),
            ("two", 0, 0)
        );
        let text = left.to_string();
        let expected = "not released:\n  one has 2 references, made at tests/resource/nodes.rs:";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("\n  two is being released"), "{text}");
        drop((one, second));
        h.wait(two).await.expect("no panic").expect("it is sound");
    });
}

/// A resource with a reference to itself.
struct Ring(Arc<Mutex<Option<Shared<Self>>>>);

impl Release for Ring {
    type Error = &'static str;

    async fn release(self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[test]
fn res_36_a_cycle_is_found_as_a_leak_with_its_holder() {
    // L9. It cannot be collected: a weak reference would not keep it.
    play(async |Scene { releaser, .. }| {
        let slot = Arc::new(Mutex::new(None));
        let ring = releaser.open("ring", Ring(slot.clone()));
        *ring.0.lock() = Some(ring.dup());
        let line = line!() - 1;
        drop(ring);
        let left = releaser.all_released().expect_err("it holds itself");
        let holders = left.resources()[0].holders();
        assert_eq!(holders.len(), 1);
        assert_eq!(holders[0].location().line(), line);
        drop(slot.lock().take());
    });
}

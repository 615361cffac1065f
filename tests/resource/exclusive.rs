//! References that are to be the only ones.

use perennial::Context;
use perennial::resource::{CloseExclusiveError, Shared, StillInUse, TakeError};

use crate::probe::{Probe, Way};
use crate::puppet::Puppet;
use crate::scene::{Scene, play, play_with};

/// The only way out that is tested: there are others.
fn in_use(refused: CloseExclusiveError<Probe>) -> StillInUse<Probe> {
    match refused {
        CloseExclusiveError::InUse(still) => still,
        other => panic!("{other}"),
    }
}

#[test]
fn an_exclusive_close_releases_when_there_are_no_others() {
    // L9. It tells what the release met.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            one.close_exclusive().await.expect("it is the only one");
            let two = releaser.open("two", diary.probe("two", Way::Fails));
            let error = two.close_exclusive().await.expect_err("it fails");
            assert!(matches!(error, CloseExclusiveError::Release(_)), "{error}");
            diary.assert(&["one", "two failed"]);
        },
    );
}

#[test]
fn an_exclusive_close_gives_the_reference_back_when_there_are_others() {
    // L9. Later it may be the only one.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let other = one.dup();
            let one = in_use(one.close_exclusive().await.expect_err("there is another"));
            diary.assert(&[]);
            drop(other);
            let one = one.into_reference();
            assert_eq!(one.refs(), 1);
            one.close_exclusive().await.expect("it is the only one");
            diary.assert(&["one"]);
        },
    );
}

#[test]
fn a_part_is_closed_exclusively_as_the_whole_is() {
    // L9. Whatever refers to the resource is in the way, by whichever view.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let whole = releaser.open("one", diary.sound("one"));
            let part = whole.dup().project(|one| &one.name);
            let whole = in_use(whole.close_exclusive().await.expect_err("the part"));
            let Err(CloseExclusiveError::InUse(part)) = part.close_exclusive().await else {
                panic!("the whole is in the way");
            };
            let part = part.into_reference();
            assert_eq!(*part, "one");
            drop(whole);
            part.close_exclusive().await.expect("it is the only one");
            diary.assert(&["one"]);
        },
    );
}

#[test]
fn res_07_who_takes_the_value_out_is_responsible_for_it() {
    // L9. No release runs, no hook, and nothing is registered any more.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let (other, weak, notes) = (one.dup(), one.downgrade(), diary.clone());
            let hook = one.before_release(move |_| notes.note("hook"));
            let refused = one.take_exclusive().expect_err("there is another");
            assert!(matches!(refused, TakeError::InUse(_)), "{refused}");
            let one = refused.into_reference();
            drop(other);
            let value = one.take_exclusive().expect("it is the only one");
            assert!(weak.upgrade().is_none());
            releaser.all_released().expect("it is the caller's");
            assert_eq!(value.name, "one");
            drop((value, hook));
            diary.assert(&[]);
        },
    );
}

#[test]
fn what_is_taken_out_lets_go_of_its_parent() {
    // L9. The caller has it, and sees to what it needs.
    play(async |Scene { releaser, diary, h }| {
        let parent = releaser.open("parent", diary.sound("parent"));
        let child = parent.derive("child", diary.sound("child"));
        drop(parent);
        let child = child.take_exclusive().expect("it is the only one");
        h.settled().await;
        diary.assert(&["parent"]);
        drop(child);
    });
}

#[test]
fn a_part_cannot_be_taken_out_of_its_whole() {
    // L9. It comes back as it was.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let outer = releaser.open("outer", Outer(diary.sound("inner")));
            let inner: Shared<Probe> = outer.project(|outer| &outer.0);
            let refused = inner.take_exclusive().expect_err("it is a part");
            assert_eq!(
                refused.to_string(),
                "outer cannot be taken: this is a part of it"
            );
            assert_eq!(refused.into_reference().name, "inner");
        },
    );
}

#[test]
fn a_derived_resource_is_in_the_way_of_its_parent_and_is_named() {
    // R17. By the place where it was derived.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let parent = releaser.open("parent", diary.sound("parent"));
            let child = parent.derive("child", diary.sound("child"));
            let line = line!() - 1;
            let still = in_use(parent.close_exclusive().await.expect_err("the child"));
            assert_eq!(still.holders()[0].location().line(), line);
            child.close().await.expect("it is sound");
            let parent = still.into_reference();
            parent.close_exclusive().await.expect("it is the only one");
            diary.assert(&["child", "parent"]);
        },
    );
}

/// A resource with a part that could be one.
struct Outer(Probe);

impl perennial::resource::Release for Outer {
    type Error = &'static str;

    async fn release(self) -> Result<(), &'static str> {
        self.0.release().await
    }
}

#[test]
fn res_34_the_error_names_where_each_other_reference_was_made() {
    // R17. File and line, and the node where that is known.
    let (puppet, obey) = Puppet::new();
    let declare = move |ctx: &Context| ctx.run("worker", obey.clone()).map(drop);
    play_with(
        Default::default(),
        declare,
        async |Scene {
                   releaser, diary, ..
               }| {
            puppet.healthy().await;
            let one = releaser.open("one", diary.sound("one"));
            let plain = one.dup();
            let line = line!() - 1;
            let (send, receive) = tokio::sync::oneshot::channel();
            let lent = one.dup();
            puppet
                .tell(move |ctx| {
                    drop(send.send(lent.dup_in(ctx)));
                    None
                })
                .await;
            let in_node = receive.await.expect("it was made");
            let still = in_use(one.close_exclusive().await.expect_err("there are others"));
            assert_eq!(still.others(), 2);
            let [first, second] = still.holders() else {
                panic!("{still}");
            };
            assert_eq!((first.location().line(), first.node()), (line, None));
            assert!(first.location().file().ends_with("exclusive.rs"));
            assert_eq!(
                second.node().map(ToString::to_string).as_deref(),
                Some("root.worker")
            );
            let text = still.to_string();
            let expected = "one is still in use by 2 others, made at tests/resource/exclusive.rs:";
            assert!(text.starts_with(expected), "{text}");
            assert!(text.ends_with(" for root.worker"), "{text}");
            drop((plain, in_node, still));
        },
    );
}

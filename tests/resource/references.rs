//! The contract of dup and close.

use std::convert::Infallible;

use perennial::resource::{Closed, Release, Releaser, Shared};

use crate::probe::{Diary, Probe, Way};
use crate::scene::{Scene, play};

#[test]
fn res_01_a_single_reference_releases_once() {
    // L9. That it cannot be used or closed after that is said where `Shared` is documented.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            assert_eq!((one.name(), one.refs()), ("one", 1));
            assert_eq!(one.close().await.expect("it is sound"), Closed::Released);
            diary.assert(&["one"]);
        },
    );
}

#[test]
fn res_02_a_duplicate_outlives_the_first() {
    // L9. The last close releases.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let first = releaser.open("one", diary.sound("one"));
            let second = first.dup();
            let closed = first.close().await.expect("it is not the last");
            assert_eq!(closed, Closed::NotLast { left: 1 });
            diary.assert(&[]);
            assert_eq!(second.name, "one");
            assert_eq!(second.close().await.expect("sound"), Closed::Released);
            diary.assert(&["one"]);
        },
    );
}

#[test]
fn res_03_the_result_of_an_operation_passes_through() {
    // L9. A reference is the value, for whoever uses it.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            assert_eq!(one.operate(Way::Sound), Ok(3));
            assert_eq!(one.operate(Way::Fails), Err("no such operation"));
        },
    );
}

#[test]
fn res_04_each_reference_is_the_same_value() {
    // L9. Closing one leaves the other as it was.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let first = releaser.open("one", diary.sound("one"));
            let second = first.dup();
            assert!(std::ptr::eq(&raw const *first, &raw const *second));
            drop(second);
            assert_eq!(first.name, "one");
            assert_eq!(first.refs(), 1);
            drop(first);
        },
    );
}

#[test]
fn res_09_a_plain_close_does_not_mind_others() {
    // L9. It says how many are left; nobody is made to wait for them.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let first = releaser.open("one", diary.sound("one"));
            let (second, third) = (first.dup(), first.dup());
            let closed = first.close().await.expect("it is not the last");
            assert_eq!(closed, Closed::NotLast { left: 2 });
            let closed = second.close().await.expect("it is not the last");
            assert_eq!(closed, Closed::NotLast { left: 1 });
            assert_eq!(third.close().await.expect("sound"), Closed::Released);
        },
    );
}

/// A value that needs no release.
struct Static;

impl Release for Static {
    type Error = Infallible;

    async fn release(self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn res_14_a_value_without_a_release_is_counted_as_others_are() {
    // L9. Not even the last close of it is an exception.
    play(async |Scene { releaser, .. }| {
        let first = releaser.open("static", Static);
        let many: Vec<_> = (0..10).map(|_| first.dup()).collect();
        assert_eq!(first.refs(), 11);
        for (index, one) in many.into_iter().enumerate() {
            let closed = one.close().await.expect("it is not the last");
            assert_eq!(closed, Closed::NotLast { left: 10 - index });
        }
        assert_eq!(first.close().await.expect("sound"), Closed::Released);
    });
}

/// Who keeps a reference, and puts others in its place.
#[derive(Default)]
struct Holder(Option<Shared<Probe>>);

impl Holder {
    /// Keeps a reference of its own to what it is lent.
    fn hold(&mut self, lent: &Shared<Probe>) {
        self.0 = Some(lent.dup());
    }
}

#[test]
fn res_16_a_holder_closes_what_it_replaces_and_nothing_twice() {
    // L9. What it was lent is the caller's all the time.
    play(async |Scene { releaser, diary, h }| {
        let mut holder = Holder::default();
        for name in ["one", "two"] {
            let lent = releaser.open(name, diary.sound(name));
            holder.hold(&lent);
            holder.hold(&lent);
            assert_eq!(lent.refs(), 2);
        }
        h.settled().await;
        diary.assert(&["one"]);
        drop(holder.0.take());
        drop(holder);
        h.settled().await;
        diary.assert(&["one", "two"]);
    });
}

#[test]
fn res_27_a_duplicate_may_be_closed_while_the_value_is_used() {
    // L9. A reference that is in use is borrowed, so closing that one does not compile.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let name = &one.name;
            let closed = one.dup().close().await.expect("it is not the last");
            assert_eq!(closed, Closed::NotLast { left: 1 });
            assert_eq!(*name, "one");
        },
    );
}

#[test]
fn res_40_a_trait_object_is_duplicated_and_closed_as_the_value_is() {
    // L9. Unsizing changes what is seen, and nothing of who owns.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let other = one.dup().project::<dyn std::fmt::Debug + Sync>(|one| one);
            let third = other.dup();
            assert_eq!(
                (one.refs(), format!("{:?}", &*other)),
                (3, "one".to_owned())
            );
            drop(one);
            let closed = other.close().await.expect("it is not the last");
            assert_eq!(closed, Closed::NotLast { left: 1 });
            assert_eq!(third.close().await.expect("sound"), Closed::Released);
            diary.assert(&["one"]);
        },
    );
}

#[test]
fn references_are_counted_without_tracking_as_well() {
    // L9. What is missing is where they were made.
    let releaser = Releaser::untracked();
    crate::scene::play_with(
        releaser,
        |_| Ok(()),
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let two = one.dup();
            let live = releaser.live();
            assert_eq!(live[0].to_string(), "one has 2 references");
            let refused = one.close_exclusive().await.expect_err("there is another");
            assert_eq!(refused.to_string(), "one is still in use by 1 other");
            drop((refused, two));
        },
    );
}

#[test]
fn what_is_shown_for_debugging_names_the_resource() {
    // R17. Without looking at the value.
    let (releaser, diary) = (Releaser::new(), Diary::default());
    let one = releaser.open("one", diary.sound("one"));
    assert_eq!(format!("{one:?}"), "Shared { name: \"one\", refs: 1, .. }");
    assert_eq!(format!("{releaser:?}"), "Releaser { live: 1, .. }");
}

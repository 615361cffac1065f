//! References that keep nothing.

use perennial::resource::CloseExclusiveError;

use crate::scene::{Scene, play};

#[test]
fn res_18_a_weak_reference_does_not_keep_the_resource() {
    // L9. It gives references as long as there are any.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let weak = one.downgrade();
            let second = weak.upgrade().expect("it is live");
            assert_eq!(one.refs(), 2);
            drop(one);
            assert!(weak.clone().upgrade().is_some());
            drop(second);
            assert!(weak.upgrade().is_none());
        },
    );
}

#[test]
fn res_18_an_upgrade_in_the_way_of_an_exclusive_close_is_an_error_and_no_hang() {
    // L9. It is a reference as others are.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.sound("one"));
            let weak = one.downgrade();
            let upgraded = weak.upgrade().expect("it is live");
            let line = line!() - 1;
            let refused = one.close_exclusive().await.expect_err("it was upgraded");
            let CloseExclusiveError::InUse(still) = refused else {
                panic!("{refused}");
            };
            assert_eq!(still.holders()[0].location().line(), line);
            drop(upgraded);
            let one = still.into_reference();
            one.close_exclusive().await.expect("it is the only one");
            assert!(weak.upgrade().is_none());
        },
    );
}

#[test]
fn a_weak_reference_to_a_part_lasts_as_long_as_references_to_it() {
    // L9. What it refers to is that view, which its references share.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let whole = releaser.open("one", diary.sound("one"));
            let part = whole.dup().project(|one| &one.name);
            let weak = part.downgrade();
            assert_eq!(**weak.upgrade().expect("the part is there"), *"one");
            drop(part);
            assert!(weak.upgrade().is_none());
            assert_eq!(whole.refs(), 1);
        },
    );
}

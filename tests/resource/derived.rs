//! Resources that need others.

use perennial::resource::{Closed, Shared};

use crate::probe::{Probe, Way};
use crate::scene::{Scene, play};

/// A directory, a file in it, and a reader of that.
fn three(
    Scene {
        releaser, diary, ..
    }: &Scene,
) -> [Option<Shared<Probe>>; 3] {
    let dir = releaser.open("dir", diary.sound("dir"));
    let file = dir.derive("file", diary.sound("file"));
    let reader = file.derive("reader", diary.sound("reader"));
    [Some(dir), Some(file), Some(reader)]
}

#[test]
fn res_13_three_levels_are_released_from_the_leaf_to_the_root_in_whatever_order_they_are_closed() {
    // L9. Each keeps what it needs.
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        play(async |scene| {
            let mut three = three(&scene);
            for which in order {
                let one = three[which].take().expect("each is closed once");
                one.close().await.expect("all are sound");
            }
            scene.diary.assert(&["reader", "file", "dir"]);
        });
    }
}

#[test]
fn a_close_that_takes_its_parents_along_waits_for_them_and_hears_of_all() {
    // L3. None is lost, though the parent was closed first, by somebody else.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let dir = releaser.open("dir", diary.probe("dir", Way::Fails));
            let file = dir.derive("file", diary.probe("file", Way::Panics));
            let reader = file.derive("reader", diary.sound("reader"));
            drop(file);
            let closed = dir.close().await.expect("it is not the last");
            assert_eq!(closed, Closed::NotLast { left: 1 });
            let error = reader.close().await.expect_err("two have failed");
            let names: Vec<_> = error.errors().iter().map(|one| one.name()).collect();
            assert_eq!(names, ["file", "dir"]);
            diary.assert(&["reader", "file panicked", "dir failed"]);
            let text = error.to_string();
            assert!(text.starts_with("2 releases went wrong\n"), "{text}");
            assert!(
                text.ends_with("failed while starting: the disk is full"),
                "{text}"
            );
        },
    );
}

#[test]
fn a_release_that_fails_lets_go_of_the_parent_all_the_same() {
    // L9. So does one that hangs, when its time is over.
    for (way, note) in [(Way::Fails, "leaf failed"), (Way::Panics, "leaf panicked")] {
        play(async |Scene { releaser, diary, h }| {
            let root = releaser.open("root", diary.sound("root"));
            drop(root.derive("leaf", diary.probe("leaf", way)));
            drop(root);
            h.settled().await;
            diary.assert(&[note, "root"]);
        });
    }
    play(async |Scene { releaser, diary, h }| {
        let root = releaser.open("root", diary.sound("root"));
        let leaf = root.derive("leaf", diary.probe("leaf", Way::Hangs));
        drop(root);
        h.wait(leaf.close()).await.expect_err("it took too long");
        diary.assert(&["root"]);
    });
}

#[test]
fn res_37_a_reader_is_a_reference_and_keeps_what_it_reads_from() {
    // L9. A part counts as the whole.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let file = releaser.open("file", diary.sound("file"));
            let reader = file.dup().project(|file| &file.name);
            let again = reader.dup();
            assert_eq!(file.refs(), 3);
            drop(file.close().await);
            drop(reader);
            diary.assert(&[]);
            assert_eq!(*again, "file");
            assert_eq!(again.close().await.expect("sound"), Closed::Released);
            diary.assert(&["file"]);
        },
    );
}

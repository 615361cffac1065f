//! Many closes, and their errors.

use futures::FutureExt;
use perennial::resource::{ReleaseError, Scope};

use crate::probe::Way;
use crate::scene::{Scene, play};

#[test]
fn res_15_all_are_closed_and_no_error_is_lost() {
    // L3. Those that fail stop none of the others.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let names = ["a", "b", "c", "d", "e", "f"];
            let holders = names.map(|name| {
                let way = if matches!(name, "b" | "e") {
                    Way::Fails
                } else {
                    Way::Sound
                };
                releaser.open(name, diary.probe(name, way))
            });
            let mut scope: Scope = holders.into_iter().collect();
            let error = scope.close().await.expect_err("two have failed");
            let names: Vec<_> = error.errors().iter().map(ReleaseError::name).collect();
            assert_eq!(names, ["e", "b"]);
            diary.assert(&["f", "e failed", "d", "c", "b failed", "a"]);
        },
    );
}

#[test]
fn res_17_a_scope_that_is_closed_again_says_the_same_and_releases_nothing_again() {
    // L9. It is done once.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let mut scope = Scope::new();
            scope.keep(releaser.open("one", diary.probe("one", Way::Fails)));
            let first = scope.close().await.expect_err("it fails").to_string();
            let second = scope.close().await.expect_err("it has failed").to_string();
            assert_eq!(first, second);
            diary.assert(&["one failed"]);
        },
    );
}

#[test]
fn a_scope_keeps_references_of_any_kind_and_closes_the_last_first() {
    // L9. It has references, and others may have more.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let dir = releaser.open("dir", diary.sound("dir"));
            let mut scope = Scope::new();
            scope.keep(dir.dup());
            scope.keep(
                releaser
                    .open("name", diary.sound("name"))
                    .project(|it| it.name),
            );
            scope.keep(releaser.open("last", diary.sound("last")));
            scope.close().await.expect("all are sound");
            diary.assert(&["last", "name"]);
            assert_eq!(dir.refs(), 1);
        },
    );
}

#[test]
fn a_scope_that_is_dropped_drops_the_last_first() {
    // L9. As a scope of the language does.
    play(async |Scene { releaser, diary, h }| {
        let names = ["one", "two"];
        let opened = names.map(|name| releaser.open(name, diary.sound(name)));
        drop(opened.into_iter().collect::<Scope>());
        h.settled().await;
        diary.assert(&["two", "one"]);
    });
}

#[test]
fn a_close_of_a_scope_that_is_dropped_can_be_gone_on_with() {
    // L9. What it waited for is released meanwhile.
    play(async |Scene { releaser, diary, h }| {
        let opened = [("one", Way::Sound), ("two", Way::Slow)];
        let opened = opened.map(|(name, way)| releaser.open(name, diary.probe(name, way)));
        let mut scope: Scope = opened.into_iter().collect();
        assert!(scope.close().now_or_never().is_none());
        h.wait(scope.close()).await.expect("all are sound");
        h.settled().await;
        diary.assert(&["one", "two"]);
    });
}

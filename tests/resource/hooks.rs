//! What is done just before a release.

use std::sync::Arc;

use parking_lot::Mutex;
use perennial::Exit;
use perennial::resource::{Closed, ReleaseError};

use crate::probe::{Probe, Way};
use crate::scene::{Scene, play};

#[test]
fn res_10_hooks_run_before_the_release_in_the_order_of_their_registration() {
    // L9. Whichever reference they came through; one that was dropped does not run.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let first = releaser.open("one", diary.sound("one"));
            let second = first.dup();
            let notes = |what| {
                let diary = diary.clone();
                move |one: &Probe| diary.note(format!("{what} {}", one.name))
            };
            let kept = (
                first.before_release(notes("first")),
                second.before_release(notes("second")),
            );
            drop(first.before_release(notes("never")));
            let late = second.before_release(notes("third"));
            drop(first);
            diary.assert(&[]);
            assert_eq!(second.close().await.expect("sound"), Closed::Released);
            diary.assert(&["first one", "second one", "third one", "one"]);
            drop((kept, late));
        },
    );
}

#[test]
fn a_hook_of_a_part_sees_the_part() {
    // L9. It runs when the whole is released.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let whole = releaser.open("one", diary.sound("one"));
            let part = whole.dup().project(|one| one.name);
            let notes = diary.clone();
            let hook = part.before_release(move |name| notes.note(format!("hook of {name}")));
            drop(part);
            diary.assert(&[]);
            drop(whole.close().await);
            diary.assert(&["hook of one", "one"]);
            drop(hook);
        },
    );
}

/// A child that reads from its parent as long as that is there, and from its cache after.
struct Blob {
    cache: Arc<Mutex<Option<String>>>,
}

#[test]
fn res_11_a_child_caches_what_it_needs_before_its_parent_goes() {
    // L9. It has no reference, so it does not keep the parent.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let parent = releaser.open("archive", diary.sound("archive"));
            let cache = Arc::new(Mutex::new(None));
            let blob = Blob {
                cache: cache.clone(),
            };
            let hook = parent.before_release(move |archive: &Probe| {
                *cache.lock() = Some(format!("data of {}", archive.name));
            });
            assert_eq!(*blob.cache.lock(), None);
            drop(parent.close().await);
            assert_eq!(blob.cache.lock().as_deref(), Some("data of archive"));
            drop(hook);
        },
    );
}

#[test]
fn a_hook_may_do_anything_while_it_runs() {
    // L9. No lock is held: it drops other hooks, looks at its resource, and opens one.
    play(async |Scene { releaser, diary, h }| {
        let one = releaser.open("one", diary.sound("one"));
        let weak = one.downgrade();
        let never = one.before_release({
            let diary = diary.clone();
            move |_| diary.note("never")
        });
        drop(never);
        let others = Arc::new(Mutex::new(None));
        let (drops, opens, notes) = (others.clone(), releaser.clone(), diary.clone());
        let hook = one.before_release(move |_| {
            drop(drops.lock().take());
            assert!(weak.upgrade().is_none(), "it is being released");
            drop(opens.open("two", notes.sound("two")));
            notes.note(opens.live()[0].to_string());
        });
        *others.lock() = Some(one.before_release({
            let diary = diary.clone();
            move |_| diary.note("dropped by the first")
        }));
        drop(one.close().await);
        h.settled().await;
        diary.assert(&["one is being released", "one", "two"]);
        drop(hook);
    });
}

#[test]
fn a_hook_that_panics_stops_neither_the_others_nor_the_release() {
    // R18. The release has failed, and its own error is kept as well.
    play(
        async |Scene {
                   releaser, diary, ..
               }| {
            let one = releaser.open("one", diary.probe("one", Way::Fails));
            let notes = diary.clone();
            let hooks = (
                one.before_release(|_| panic!("no more cache")),
                one.before_release(move |_| notes.note("second")),
            );
            let error = one.close().await.expect_err("it has failed");
            let [ReleaseError::Failed { source, .. }] = error.errors() else {
                panic!("{error}");
            };
            diary.assert(&["second", "one failed"]);
            let chain = source.chain();
            assert!(chain.contains(": no more cache"), "{chain}");
            assert!(chain.ends_with("the disk is full"), "{chain}");
            assert!(matches!(source.exit, Some(Exit::Failed(_))));
            drop(hooks);
        },
    );
}

//! Releases that fail, panic and hang.

use perennial::resource::ReleaseError;
use perennial::testing::Fault;
use perennial::{Cause, Exit, What};

use crate::probe::{WITHIN, Way};
use crate::scene::{RELEASES, Scene, play};

/// The exits of releases, in one line each.
fn exits(scene: &Scene) -> Vec<String> {
    let log = scene.h.log();
    let events = log.iter();
    let exits = events.filter_map(|event| match &event.what {
        What::Exited { evidence } if event.path.to_string().starts_with(RELEASES) => {
            Some(evidence.chain())
        }
        _ => None,
    });
    exits.collect()
}

#[test]
fn res_21_a_release_that_fails_is_the_error_of_the_last_close_and_an_event() {
    // L3. The resource is gone all the same: nothing can run on it again.
    play(async |scene| {
        let Scene { releaser, diary, h } = &scene;
        let one = releaser.open("one", diary.probe("one", Way::Fails));
        let weak = one.downgrade();
        let error = one.close().await.expect_err("it fails");
        let [ReleaseError::Failed { name, source }] = error.errors() else {
            panic!("{error}");
        };
        assert_eq!(name, "one");
        let Some(Exit::Failed(cause)) = &source.exit else {
            panic!("{source}");
        };
        assert_eq!(cause.to_string(), "the disk is full");
        assert_eq!(error.to_string(), "the release of one failed");
        assert!(weak.upgrade().is_none());
        releaser.all_released().expect("it is over");
        h.settled().await;
        let path = format!("{RELEASES}.1-one failed while starting: the disk is full");
        assert_eq!(exits(&scene), [path]);
        diary.assert(&["one failed"]);
    });
}

#[test]
fn res_22_a_release_that_panics_is_an_error_and_touches_no_other() {
    // R18. It ran once, and is over.
    play(async |scene| {
        let Scene { releaser, diary, h } = &scene;
        let one = releaser.open("one", diary.probe("one", Way::Panics));
        let two = releaser.open("two", diary.probe("two", Way::Slow));
        let (first, second) = h
            .wait(async { tokio::join!(one.close(), two.close()) })
            .await;
        let first = first.expect_err("it panics");
        let [ReleaseError::Panicked { name, source }] = first.errors() else {
            panic!("{first}");
        };
        assert_eq!(name, "one");
        let text = source.to_string();
        assert!(text.contains("probe.rs"), "where it was: {text}");
        assert!(text.ends_with("the disk is on fire"), "{text}");
        second.expect("it is another");
        diary.assert(&["one panicked", "two"]);
        assert_eq!(exits(&scene).len(), 2);
    });
}

#[test]
fn res_23_a_reference_that_is_dropped_is_released_and_its_error_is_an_event() {
    // L3. Nobody awaits it; it is not lost.
    play(async |scene| {
        let Scene { releaser, diary, h } = &scene;
        drop(releaser.open("one", diary.probe("one", Way::Fails)));
        drop(releaser.open("two", diary.sound("two")));
        diary.assert(&[]);
        h.settled().await;
        diary.assert(&["one failed", "two"]);
        let exits = exits(&scene);
        assert!(exits[0].ends_with("the disk is full"), "{exits:?}");
        assert!(
            exits[1].ends_with("2-two returned while starting"),
            "{exits:?}"
        );
    });
}

#[test]
fn res_25_a_release_that_hangs_takes_as_long_as_its_value_says() {
    // L9. It is aborted then, and reported.
    play(async |scene| {
        let Scene { releaser, diary, h } = &scene;
        let one = releaser.open("one", diary.probe("one", Way::Hangs));
        let began = h.now();
        let error = h.wait(one.close()).await.expect_err("it hangs");
        assert_eq!(h.now() - began, WITHIN);
        let [
            ReleaseError::TimedOut {
                name,
                within,
                source,
            },
        ] = error.errors()
        else {
            panic!("{error}");
        };
        assert_eq!((&**name, *within), ("one", WITHIN));
        assert!(matches!(source.cause, Some(Cause::RunTimeout(_))));
        assert_eq!(error.to_string(), "the release of one took more than 30s");
        h.settled().await;
        let exits = exits(&scene);
        assert_eq!(exits, [format!("{RELEASES}.1-one ran for more than 30s")]);
        diary.assert(&[]);
    });
}

#[test]
fn a_release_that_is_aborted_was_cut_short() {
    // R16. By an order, say; its node is one like any other.
    play(async |Scene { releaser, diary, h }| {
        let one = releaser.open("one", diary.probe("one", Way::Hangs));
        let closing = tokio::spawn(one.close());
        h.settled_within(std::time::Duration::ZERO)
            .await
            .expect_err("it hangs");
        let snapshot = h.snapshot().await;
        assert!(
            snapshot.find(&format!("{RELEASES}.1-one")).is_some(),
            "{snapshot}"
        );
        let order = h.tree().node(format!("{RELEASES}.1-one")).terminate();
        order.await.expect("it stands");
        let error = closing
            .await
            .expect("no panic")
            .expect_err("it was aborted");
        assert!(
            matches!(error.errors(), [ReleaseError::CutShort { .. }]),
            "{error}"
        );
    });
}

#[test]
fn a_fault_can_strike_a_release() {
    // R17. What tests can do to a node they can do to a release.
    play(async |Scene { releaser, diary, h }| {
        let one = releaser.open("one", diary.probe("one", Way::Slow));
        let closing = tokio::spawn(one.close());
        h.idle().await;
        h.inject(Fault::error(format!("{RELEASES}.1-one")));
        let error = closing.await.expect("no panic").expect_err("it was struck");
        assert!(
            matches!(error.errors(), [ReleaseError::Failed { .. }]),
            "{error}"
        );
    });
}

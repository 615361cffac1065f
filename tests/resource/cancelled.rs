//! A close that is dropped halfway.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use perennial::resource::Shared;

use crate::probe::{Probe, Way};
use crate::scene::{Scene, play};

/// Polls a close so many times, letting the tree go on in between, and drops it.
async fn close_until(reference: Shared<Probe>, polls: usize) -> bool {
    let mut closing = pin!(reference.close());
    for _ in 0..polls {
        let polled = closing
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(closed) = polled {
            closed.expect("it is sound");
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[test]
fn a_close_that_is_dropped_at_any_await_releases_all_the_same() {
    // L9. Before it was polled; while it waits for the node, for its end, and for the parent's.
    let mut has_ended = false;
    for polls in 0.. {
        play(async |scene| {
            let Scene { releaser, diary, h } = &scene;
            let parent = releaser.open("parent", diary.sound("parent"));
            let child = parent.derive("child", diary.sound("child"));
            drop(parent);
            has_ended = close_until(child, polls).await;
            h.settled().await;
            diary.assert(&["child", "parent"]);
            releaser.all_released().expect("both are");
        });
        if has_ended {
            assert!(polls > 2, "there are some awaits in it: {polls}");
            return;
        }
    }
}

#[test]
fn an_exclusive_close_that_is_dropped_at_any_await_releases_all_the_same() {
    // L9. Before it was polled, it is a reference that is dropped.
    for polls in 0..4 {
        play(async |Scene { releaser, diary, h }| {
            let one = releaser.open("one", diary.probe("one", Way::Slow));
            let mut closing = Box::pin(one.close_exclusive());
            for _ in 0..polls {
                assert!(closing.as_mut().now_or_never().is_none());
                h.idle().await;
            }
            drop(closing);
            h.settled().await;
            diary.assert(&["one"]);
        });
    }
}

#[test]
fn a_release_goes_on_when_the_task_that_closes_is_aborted() {
    // L9. It is not at the mercy of whoever waits for it.
    play(async |Scene { releaser, diary, h }| {
        let one = releaser.open("one", diary.probe("one", Way::Slow));
        let closing = tokio::spawn(one.close());
        h.idle().await;
        closing.abort();
        h.settled().await;
        diary.assert(&["one"]);
    });
}

//! What the documentation of helpers promises of a close, at whatever time it comes.

use std::pin::pin;
use std::time::Duration;

use futures::{FutureExt, stream};
use perennial::helper::{Body, CallError, CloseAnswer, Delivered, Helper};
use perennial::{Backoff, State};
use tokio::time::{advance, pause, resume, timeout};

use crate::common::{alone, children, sh, until};
use crate::guest;
use crate::promised::{ECHO, Word, Words, first_exit, killed, state, under, word};
use crate::script::{Stage, python, stage};

/// Waits until the script has what was asked of it before. What it holds is answered to nobody.
async fn heard(stage: &Stage, held: &str) {
    loop {
        if stage.ask("count", "").await.expect("it answers") == held {
            return;
        }
    }
}

#[test]
fn a_close_waits_5_seconds_for_answers_and_5_for_its_own() {
    alone(async || {
        let stage = stage(&["ok", "silent"]);
        let mut held = pin!(stage.ask("hold", ""));
        assert!(held.as_mut().now_or_never().is_none());
        heard(&stage, "1").await;
        let mut close = pin!(stage.helper.close());
        for _ in 0..2 {
            // It takes its next step.
            let brief = Duration::from_millis(20);
            timeout(brief, close.as_mut()).await.unwrap_err();
            pause();
            advance(Duration::from_millis(4_900)).await;
            assert!(close.as_mut().now_or_never().is_none());
            assert!(held.as_mut().now_or_never().is_none());
            advance(Duration::from_millis(200)).await;
            resume();
        }
        let report = close.await.unwrap();
        assert_eq!(report.answer, CloseAnswer::Silent);
        assert_eq!(report.unanswered, 1);
        let error = held.await.unwrap_err();
        assert!(matches!(error, CallError::Closed { .. }), "{error}");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn a_close_that_is_dropped_goes_on() {
    alone(async || {
        let stage = stage(&[]);
        stage.helper.capabilities().await.unwrap();
        assert!(stage.helper.close().now_or_never().is_none());
        let error = stage.ask("echo", "").await.unwrap_err();
        assert_eq!(error.to_string(), format!("{} is closed", python()));
        until("the program has ended", || children().is_empty()).await;
        let report = stage.helper.close().await.unwrap();
        assert!(report.is_clean(), "{report}");
        stage.tree.settled().await;
        let snapshot = stage.tree.snapshot().await;
        assert_eq!(snapshot.find("root.helper").unwrap().state, State::Done);
        stage.tree.stop().await.unwrap();
        // There is one report, also when the tree is gone.
        stage.helper.close().await.unwrap();
        let error = stage.ask("echo", "").await.unwrap_err();
        assert!(matches!(error, CallError::Closed { .. }), "{error}");
    });
}

#[test]
fn a_close_waits_for_a_hello_and_the_calls_do_not() {
    // As long as a hello may take: then it is the end.
    alone(async || {
        let command = sh("exec sleep 1000").ladder(killed());
        let limits = Helper::builder(command, Words);
        let helper = limits.handshake_timeout(Duration::from_millis(100)).build();
        let tree = guest::run(&helper);
        let mut call = pin!(helper.call(word("")));
        assert!(call.as_mut().now_or_never().is_none());
        let mut close = pin!(helper.close());
        assert!(close.as_mut().now_or_never().is_none());
        let error = call.now_or_never().expect("it ends at once").unwrap_err();
        assert!(matches!(error, CallError::Closed { .. }), "{error}");
        let report = close.await.unwrap();
        assert_eq!(report.answer, CloseAnswer::Ended);
        assert_eq!(report.unanswered, 0);
        assert_eq!(state(&tree).await, State::Done);
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_close_in_a_backoff_comes_with_the_next_start() {
    // The calls that wait do not wait for that, and there is no other start.
    alone(async || {
        let helper = Helper::new(sh("echo >&2; exit 3"), Words);
        let brief = Backoff::constant(Duration::from_millis(50));
        let declared = helper.clone();
        let tree = under(move || declared.clone().runnable().backoff(brief));
        first_exit(&tree).await;
        let mut call = pin!(helper.call(word("")));
        assert!(call.as_mut().now_or_never().is_none());
        let mut close = pin!(helper.close());
        assert!(close.as_mut().now_or_never().is_none());
        let error = call.now_or_never().expect("it ends at once").unwrap_err();
        assert!(matches!(error, CallError::Closed { .. }), "{error}");
        let report = close.await.unwrap();
        assert_eq!(report.answer, CloseAnswer::Ended);
        assert_eq!(state(&tree).await, State::Done);
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_helper_that_was_closed_before_its_node_is_closed_with_it() {
    alone(async || {
        let helper = Helper::new(sh(ECHO), Words);
        assert!(helper.close().now_or_never().is_none());
        let error = helper.call(word("")).await.unwrap_err();
        assert!(matches!(error, CallError::Closed { .. }), "{error}");
        let tree = guest::run(&helper);
        let report = helper.close().await.unwrap();
        assert_eq!(report.answer, CloseAnswer::NotAsked);
        assert_eq!(state(&tree).await, State::Done);
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_body_that_never_comes_keeps_no_close_waiting() {
    // The calls behind it end in their time.
    alone(async || {
        let helper = Helper::builder(sh("echo hello there; exec cat >/dev/null"), Words)
            .drain_timeout(Duration::from_millis(20));
        let helper = helper.build();
        let tree = guest::run(&helper);
        let hung: fn() -> Body = || Body::new(4, stream::pending());
        let hung = Word("hung".to_owned(), Some(hung));
        for word in [hung, word("next")] {
            let answer = helper.call_within(word, Duration::from_millis(20)).await;
            assert!(
                matches!(answer, Err(CallError::Timeout { .. })),
                "{answer:?}"
            );
        }
        let report = helper.close().await.unwrap();
        assert_eq!(report.unanswered, 0);
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_node_that_has_no_time_to_close_aborts_its_calls() {
    // R10. Its grace is all that a close may take. Nothing of the program is left.
    alone(async || {
        let helper = Helper::new(sh("echo hello there; exec sleep 1000"), Words);
        let declared = helper.clone();
        let grace = Duration::from_millis(50);
        let tree = under(move || declared.clone().runnable().grace(grace));
        helper.capabilities().await.unwrap();
        let mut call = pin!(helper.call(word("")));
        // It is sent.
        let brief = Duration::from_millis(20);
        timeout(brief, call.as_mut()).await.unwrap_err();
        let (answer, stopped) = tokio::join!(call, tree.stop());
        let error = answer.unwrap_err();
        assert_eq!(error.to_string(), "sh was aborted");
        let CallError::Aborted { delivered, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(delivered, Delivered::Whole);
        drop(stopped);
    });
}

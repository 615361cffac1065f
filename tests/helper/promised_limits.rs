//! What the documentation of helpers promises of limits: what they are, and where they begin.

use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use perennial::helper::{CallError, CrashCause, Delivered, FrameError, Helper, ProtocolError};
use tokio::time::{advance, pause, resume, timeout};

use crate::common::{alone, children, sh, until};
use crate::guest;
use crate::promised::{ECHO, Words, chain, first_exit, killed, last_exit, word};
use crate::script::stage_with;

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    // The frame does not count.
    alone(async || {
        let helper = Helper::builder(sh(ECHO), Words).message_length_max(20);
        let helper = helper.build();
        let tree = guest::run(&helper);
        // Its number and a space are of it.
        let fits = "x".repeat(18);
        assert_eq!(helper.call(word(&fits)).await.unwrap(), fits);
        let error = helper.call(word(&(fits + "y"))).await.unwrap_err();
        let said = "a request to sh has 21 bytes, of at most 20";
        assert_eq!(error.to_string(), said);
        let CallError::TooLong { bytes, max, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((bytes, max), (21, 20));
        tree.stop().await.unwrap();
    });
}

#[test]
fn an_answer_may_be_as_long_as_the_limit_and_no_longer() {
    alone(async || {
        let script = "echo hello there; read -r _; read -r _
            while read -r id text; do echo $id $text!; done";
        let helper = Helper::builder(sh(script), Words).message_length_max(20);
        let helper = helper.build();
        let tree = guest::run(&helper);
        let fits = "x".repeat(17);
        assert_eq!(helper.call(word(&fits)).await.unwrap(), format!("{fits}!"));
        let error = helper.call(word(&(fits + "y"))).await.unwrap_err();
        let CallError::Crashed { crash, .. } = &error else {
            panic!("{error}");
        };
        let is_told = matches!(
            crash.cause,
            CrashCause::Protocol(ProtocolError::Frame(FrameError::TooLong { max: 20 }))
        );
        assert!(is_told, "{}", chain(&error));
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_message_may_have_16_mib() {
    // Unless it is chosen otherwise.
    alone(async || {
        let helper = Helper::new(sh(ECHO), Words);
        let tree = guest::run(&helper);
        let long = word(&"x".repeat(16 << 20));
        let error = helper.call(long).await.unwrap_err();
        let is_told = matches!(
            error,
            CallError::TooLong {
                max: 16_777_216,
                ..
            }
        );
        assert!(is_told, "{error}");
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_call_waits_a_minute_for_a_node_and_1024_may() {
    // Unless it is chosen otherwise.
    alone(async || {
        let helper = Helper::new(sh(ECHO), Words);
        let mut calls: Vec<_> = (0..1024).map(|_| Box::pin(helper.call(word("")))).collect();
        for call in &mut calls {
            assert!(call.now_or_never().is_none());
        }
        let error = helper.call(word("")).await.unwrap_err();
        assert_eq!(error.to_string(), "1024 calls of sh wait already");
        assert!(matches!(error, CallError::Full { waiting: 1024, .. }));
        pause();
        advance(Duration::from_secs(59)).await;
        assert!((&mut calls[0]).now_or_never().is_none());
        advance(Duration::from_secs(1)).await;
        resume();
        for error in join_all(calls).await {
            let error = error.unwrap_err();
            let minute = Duration::from_secs(60);
            assert!(matches!(error, CallError::Timeout { within, .. } if within == minute));
        }
        // They take no room any more.
        assert!(helper.call(word("")).now_or_never().is_none());
    });
}

#[test]
fn a_program_has_ten_seconds_to_say_hello() {
    alone(async || {
        let helper = Helper::new(sh("exec sleep 1000").ladder(killed()), Words);
        let tree = guest::run(&helper);
        until("it runs", || !children().is_empty()).await;
        let brief = Duration::from_millis(20);
        timeout(brief, helper.capabilities()).await.unwrap_err();
        pause();
        advance(Duration::from_millis(9_900)).await;
        assert_eq!(last_exit(&tree).await, None);
        advance(Duration::from_millis(200)).await;
        resume();
        let exit = first_exit(&tree).await;
        assert!(exit.contains("no hello within 10s"), "{exit}");
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_program_may_read_nothing_for_30_seconds() {
    alone(async || {
        let script = "echo hello there; read -r _; read -r _; read -r id _; echo $id
            exec sleep 1000";
        let helper = Helper::new(sh(script).ladder(killed()), Words);
        let tree = guest::run(&helper);
        helper.call(word("")).await.unwrap();
        let large = word(&"x".repeat(1 << 20));
        let mut call = pin!(helper.call_within(large, Duration::from_secs(100)));
        let brief = Duration::from_millis(20);
        timeout(brief, call.as_mut()).await.unwrap_err();
        pause();
        advance(Duration::from_millis(29_900)).await;
        assert!(call.as_mut().now_or_never().is_none());
        advance(Duration::from_millis(200)).await;
        resume();
        let error = call.await.unwrap_err();
        let told = chain(&error);
        assert!(told.contains("it read nothing for 30s"), "{told}");
        let CallError::Crashed {
            crash,
            delivered,
            tries,
        } = error
        else {
            panic!("{error}");
        };
        assert!(matches!(crash.cause, CrashCause::Stalled { .. }));
        assert_eq!((delivered, tries), (Delivered::InPart, 1));
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_limit_of_none_is_one() {
    alone(async || {
        let limits = Helper::builder(sh(ECHO), Words);
        let helper = limits.in_flight_max(0).waiting_max(0).build();
        let tree = guest::run(&helper);
        assert_eq!(helper.call(word("one")).await.unwrap(), "one");
        tree.stop().await.unwrap();
        let stage = stage_with(&[], |builder| builder.tries_max(0));
        let error = stage.ask("exit", "again").await.unwrap_err();
        assert!(
            matches!(error, CallError::Crashed { tries: 1, .. }),
            "{error}"
        );
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn what_is_let_pass_is_counted_for_each_incarnation() {
    // From its first word on.
    alone(async || {
        let stage = stage_with(&["junk"], |builder| builder.stray_max(2));
        for _ in 0..2 {
            stage.ask("words", "none").await.unwrap();
            stage.ask("exit", "").await.unwrap_err();
        }
        stage.ask("words", "none").await.unwrap();
        let error = stage.ask("words", "none").await.unwrap_err();
        let CallError::Crashed { crash, .. } = error else {
            panic!("{error}");
        };
        let CrashCause::Protocol(ProtocolError::Malformed { excerpt, .. }) = &crash.cause else {
            panic!("{crash}");
        };
        assert_eq!(excerpt, "none");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn an_answer_to_nobody_is_not_let_pass() {
    alone(async || {
        let stage = stage_with(&[], |builder| builder.stray_max(9));
        let error = stage.ask("stranger", "").await.unwrap_err();
        let CallError::Crashed { crash, .. } = error else {
            panic!("{error}");
        };
        let is_told = matches!(
            crash.cause,
            CrashCause::Protocol(ProtocolError::Stranger { id: 1_000_000 })
        );
        assert!(is_told, "{crash}");
        stage.tree.stop().await.unwrap();
    });
}

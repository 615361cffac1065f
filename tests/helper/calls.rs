//! Calls and their answers.

use std::cell::Cell;
use std::fs;
use std::time::Duration;

use futures::future::join_all;
use perennial::helper::{CallError, Delivered};

use crate::common::{alone, until};
use crate::script::{Ask, python, stage, stage_with};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn helper_11_each_caller_gets_its_own_answer_in_any_order() {
    // Any order of answers.
    alone(async || {
        let stage = stage(&[]);
        let held = join_all((0..100).map(|_| stage.ask("hold", "")));
        let release = async {
            while stage.ask("count", "").await.unwrap() != "100" {}
            stage.ask("release", "").await.unwrap();
        };
        let (held, ()) = tokio::join!(held, release);
        assert!(held.into_iter().all(|answer| answer.unwrap() == "released"));
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_13_what_it_cannot_do_is_not_sent() {
    // Helper_14 as well: an error of the program's is its answer, and the next call works.
    alone(async || {
        let stage = stage(&["no-close"]);
        let error = stage.ask("fail", "never said").await.unwrap_err();
        assert!(matches!(error, CallError::Unsupported { .. }), "{error}");
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        assert_eq!(stage.restarts().await, 0);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_14_an_error_of_the_program_is_an_answer() {
    // Remote errors never restart.
    alone(async || {
        let stage = stage(&[]);
        let error = stage.ask("fail", "disk full").await.unwrap_err();
        assert_eq!(error.to_string(), format!("{} says: disk full", python()));
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        assert_eq!(stage.restarts().await, 0);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn what_it_may_not_say_is_a_crash_of_it_alone() {
    // Helper_15, 16, 18, 22. Calls in flight fail, and the next incarnation answers.
    for (what, text, why) in [
        (
            "stranger",
            "",
            "an answer to call 1000000, which waits for none",
        ),
        ("words", "warming up", "no message: warming up"),
        ("words", "{\"id\": true}", "it has no id"),
        ("long", "5000", "a message is longer than 4096 bytes"),
    ] {
        alone(async || {
            let stage = stage_with(&[], |builder| builder.message_length_max(4096));
            let error = stage.ask(what, text).await.unwrap_err();
            let CallError::Crashed {
                crash,
                delivered,
                tries,
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!((delivered, tries), (Delivered::Whole, 1));
            let cause = std::error::Error::source(&crash.cause).unwrap().to_string();
            assert!(cause.contains(why), "{cause}");
            assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
            assert_eq!(stage.restarts().await, 1);
            stage.tree.stop().await.unwrap();
        });
    }
}

#[test]
fn helper_16_of_two_answers_the_first_one_counts() {
    // Each call ends once.
    alone(async || {
        let stage = stage(&[]);
        let mut events = stage.tree.events();
        assert_eq!(stage.ask("twice", "").await.unwrap(), "first");
        // A call before that would be one that the crash takes along.
        while stage.restarts().await == 0 {
            events.next().await;
        }
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        assert_eq!(stage.restarts().await, 1);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_18_some_stray_lines_can_be_let_pass() {
    // Tolerant, within a bound.
    alone(async || {
        let stage = stage_with(&[], |builder| builder.stray_max(2).message_length_max(4096));
        assert_eq!(stage.ask("words", "warming up").await.unwrap(), "said");
        assert_eq!(stage.ask("long", "10000").await.unwrap(), "said");
        assert_eq!(stage.restarts().await, 0);
        stage.ask("words", "once too often").await.unwrap_err();
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_19_a_late_answer_is_dropped_and_the_next_call_is_fine() {
    // Time limits, and no harm by them.
    alone(async || {
        let stage = stage(&[]);
        stage.ask("echo", "up").await.unwrap();
        let error = stage.helper.call_within(Ask("hold", ""), SHORT).await;
        let error = error.unwrap_err();
        let told = format!("no answer from {} within 100ms", python());
        assert_eq!(error.to_string(), told);
        stage.ask("release", "").await.unwrap();
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        assert_eq!(stage.restarts().await, 0);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_20_a_call_that_was_given_up_before_it_was_sent_is_never_sent() {
    // Cancel safety. It is given up while the program has not said hello.
    alone(async || {
        let stage = stage(&["late"]);
        let soon = Duration::from_millis(1);
        let given_up = stage.helper.call_within(Ask("hold", ""), soon).await;
        assert!(
            matches!(given_up, Err(CallError::Timeout { .. })),
            "{given_up:?}"
        );
        assert_eq!(stage.ask("count", "").await.unwrap(), "0");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_21_the_program_is_told_of_a_call_that_was_given_up() {
    // Once, and only of one that was sent.
    alone(async || {
        let stage = stage(&[]);
        stage.ask("echo", "up").await.unwrap();
        let sent = stage.helper.call_within(Ask("hold", ""), SHORT).await;
        sent.unwrap_err();
        let cancelled = stage.folder.path().join("cancelled");
        until("it has heard of it", || cancelled.exists()).await;
        stage.ask("echo", "after it").await.unwrap();
        assert_eq!(fs::read_to_string(cancelled).unwrap().lines().count(), 1);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_23_a_request_that_is_too_long_is_refused_here() {
    // Nothing was sent, and nobody else is harmed.
    alone(async || {
        let stage = stage_with(&[], |builder| builder.message_length_max(200));
        let text = "a text that is longer than a message may be, with the words around it: \
                    0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \
                    0123456789 0123456789 0123456789";
        let error = stage.ask("echo", text).await.unwrap_err();
        assert!(
            matches!(error, CallError::TooLong { max: 200, .. }),
            "{error}"
        );
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_28_small_calls_wait_behind_a_large_one() {
    // The documented limit: one message is written at a time, whole, in the order of the calls.
    alone(async || {
        static LARGE: [u8; 8_000_000] = [b'x'; 8_000_000];
        let stage = stage(&[]);
        let large = str::from_utf8(&LARGE).unwrap();
        let ended = Cell::new(0);
        let ask = async |text| {
            let answer = stage.ask("echo", text).await.unwrap();
            assert!(answer == text);
            ended.replace(ended.get() + 1)
        };
        let calls = [large].into_iter().chain([""; 50]);
        let places = join_all(calls.map(ask)).await;
        assert_eq!(places, (0..51).collect::<Vec<_>>());
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn calls_that_find_no_room_are_refused() {
    // Bounded memory: what waits, waits in a queue of a known length.
    alone(async || {
        let stage = stage_with(&["mute"], |builder| builder.waiting_max(3));
        let waiting = join_all((0..3).map(|_| stage.ask("echo", "")));
        let refused = async {
            let error = stage.ask("echo", "").await.unwrap_err();
            assert!(
                matches!(error, CallError::Full { waiting: 3, .. }),
                "{error}"
            );
        };
        tokio::select! {
            biased;
            _ = waiting => panic!("nobody answers"),
            () = refused => {}
        }
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn calls_that_were_given_up_take_no_room() {
    // Bounded memory, without harm to those who come later.
    alone(async || {
        let stage = stage_with(&["mute"], |builder| builder.waiting_max(3));
        for _ in 0..10 {
            let soon = Duration::from_millis(1);
            let given_up = stage.helper.call_within(Ask("echo", ""), soon).await;
            let is_late = matches!(given_up, Err(CallError::Timeout { .. }));
            assert!(is_late, "{given_up:?}");
        }
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_49_a_flood_of_standard_error_holds_nothing_up() {
    // No deadlock, and the tail is kept.
    alone(async || {
        let stage = stage(&[]);
        assert_eq!(stage.ask("flood", "500000").await.unwrap(), "flooded");
        let error = stage.ask("exit", "the flood").await.unwrap_err();
        let CallError::Crashed { crash, .. } = error else {
            panic!("{error}");
        };
        assert!(crash.last_words.ends_with("dying of the flood"), "{crash}");
        assert!(crash.last_words.len() <= 1000);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn a_flood_of_notices_holds_no_call_up() {
    // D5: none is kept, and each call has its turn.
    alone(async || {
        let stage = stage(&[]);
        let floods = join_all((0..5).map(|_| stage.ask("notices", "20000")));
        let calls = join_all((0..5).map(|_| stage.ask("echo", "fine")));
        let (floods, calls) = tokio::join!(floods, calls);
        assert!(floods.into_iter().all(|answer| answer.unwrap() == "told"));
        assert!(calls.into_iter().all(|answer| answer.unwrap() == "fine"));
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn what_is_malformed_is_told_and_the_next_answer_is_heard() {
    // D1, in tolerance: also what is nested a hundred thousand deep.
    alone(async || {
        static DEEP: [u8; 100_000] = [b'['; 100_000];
        let lines = [
            "{",
            "{\"id\": 1",
            "\u{feff}{\"id\": 1}",
            "{\"id\": 1,}",
            "{\"id\": NaN}",
            "null",
            std::str::from_utf8(&DEEP).unwrap(),
        ];
        let stage = stage_with(&[], |builder| builder.stray_max(lines.len() as u32));
        for line in lines {
            assert_eq!(stage.ask("words", line).await.unwrap(), "said");
        }
        assert_eq!(stage.restarts().await, 0);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn an_answer_to_a_call_that_was_given_up_goes_to_nobody() {
    // D2: neither to its caller nor to the next one, and it is no crash.
    alone(async || {
        let stage = stage(&[]);
        stage.ask("echo", "up").await.unwrap();
        let given_up = stage.ask("hold", "");
        tokio::select! {
            biased;
            held = given_up => panic!("{held:?}"),
            () = async { while stage.ask("count", "").await.unwrap() != "1" {} } => {}
        }
        assert_eq!(stage.ask("release", "").await.unwrap(), "");
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        assert_eq!(stage.restarts().await, 0);
        stage.tree.stop().await.unwrap();
    });
}

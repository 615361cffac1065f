//! Programs that crash, and what becomes of the calls.

use std::time::{Duration, Instant};

use futures::future::join_all;
use perennial::helper::{CallError, Delivered};

use crate::common::alone;
use crate::script::{Ask, stage, stage_with};

/// The crash that a call has failed with, and how often it was made.
#[track_caller]
fn crashed(result: Result<String, CallError>) -> (String, u32) {
    match result {
        Err(CallError::Crashed { crash, tries, .. }) => (crash.to_string(), tries),
        other => panic!("{other:?}"),
    }
}

#[test]
fn helper_30_all_calls_in_flight_fail_and_the_next_one_waits_for_the_next_incarnation() {
    // L3: each call ends once. R5, R6.
    alone(async || {
        let stage = stage(&[]);
        stage.ask("echo", "").await.unwrap();
        let calls = join_all([
            stage.ask("mute", ""),
            stage.ask("exit", "hunger"),
            stage.ask("echo", "behind it"),
        ]);
        let calls = calls.await;
        let (crash, tries) = crashed(calls[1].clone());
        assert_eq!(crash, "exited with code 5: dying of hunger");
        assert_eq!(tries, 1);
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_31_the_signal_that_ended_it_is_told() {
    // The cause is shown.
    for (signal, name) in [("9", "SIGKILL"), ("11", "SIGSEGV")] {
        alone(async || {
            let stage = stage(&[]);
            let (crash, _) = crashed(stage.ask("signal", signal).await);
            assert!(crash.contains(name), "{crash}");
            assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
            stage.tree.stop().await.unwrap();
        });
    }
}

#[test]
fn a_program_that_hangs_up_has_crashed() {
    // D7: no answer can come any more.
    alone(async || {
        let stage = stage(&[]);
        let (crash, _) = crashed(stage.ask("hang up", "").await);
        assert!(
            crash.starts_with("it hung up, ended by SIGTERM as told"),
            "{crash}"
        );
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_33_an_idempotent_call_is_made_again_and_answered_once() {
    // Idempotent calls go to the next incarnation; others do not.
    alone(async || {
        let stage = stage(&[]);
        stage.ask("echo", "").await.unwrap();
        let held = stage.ask("hold", "");
        let crash = async {
            while stage.ask("count", "").await.unwrap() != "1" {}
            crashed(stage.ask("exit", "").await);
            while stage.ask("count", "").await.unwrap() != "1" {}
            stage.ask("release", "").await.unwrap();
        };
        let (held, ()) = tokio::join!(held, crash);
        assert_eq!(held.unwrap(), "released");
        assert_eq!(stage.restarts().await, 1);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn calls_that_are_made_again_keep_their_order() {
    // And go before those that were not sent: the order is that of the callers.
    alone(async || {
        let stage = stage(&[]);
        stage.ask("echo", "").await.unwrap();
        let held = join_all(["a", "b", "c"].map(|text| stage.ask("hold", text)));
        let crash = async {
            while stage.ask("count", "").await.unwrap() != "3" {}
            crashed(stage.ask("exit", "").await);
            while stage.ask("count", "").await.unwrap() != "3" {}
            assert_eq!(stage.ask("texts", "").await.unwrap(), "a b c");
            stage.ask("release", "").await.unwrap();
        };
        let (held, ()) = tokio::join!(held, crash);
        assert!(held.into_iter().all(|answer| answer.unwrap() == "released"));
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn a_number_is_not_used_again_by_another_incarnation() {
    // L10. What is said late of an earlier call is never taken for a later one.
    alone(async || {
        let stage = stage(&[]);
        let number = async || {
            let answer = stage.ask("number", "").await.unwrap();
            answer.parse::<u64>().unwrap()
        };
        let before = number().await;
        crashed(stage.ask("exit", "").await);
        assert!(number().await > before + 1);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_34_a_poisonous_request_is_not_made_for_ever() {
    // A budget for each call, so that one cannot eat up that of the node.
    alone(async || {
        let stage = stage_with(&[], |builder| builder.tries_max(3));
        let (_, tries) = crashed(stage.ask("exit", "again").await);
        assert_eq!(tries, 3);
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        assert_eq!(stage.restarts().await, 3);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_36_the_next_incarnation_may_be_able_to_do_less() {
    // What can be done is asked of the incarnation that does it.
    alone(async || {
        let stage = stage(&["changing"]);
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        crashed(stage.ask("exit", "").await);
        let error = stage.ask("echo", "not any more").await.unwrap_err();
        assert!(matches!(error, CallError::Unsupported { .. }), "{error}");
        assert_eq!(stage.helper.capabilities().await.unwrap(), ["hold"]);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_29_a_program_that_reads_nothing_has_stalled() {
    // L9. A pipe holds 64 KiB; what is written beyond that waits.
    alone(async || {
        let stage = stage_with(&[], |builder| {
            builder.write_timeout(Duration::from_millis(200))
        });
        assert_eq!(stage.ask("deaf", "").await.unwrap(), "deaf");
        static LONG: [u8; 200_000] = [b'x'; 200_000];
        let long = std::str::from_utf8(&LONG).unwrap();
        let stalled = stage.ask("echo", long).await;
        let (crash, _) = crashed(stalled.clone());
        assert!(crash.starts_with("it read nothing for 200ms"), "{crash}");
        let in_part = matches!(stalled, Err(CallError::Crashed { delivered, .. })
            if delivered == Delivered::InPart);
        assert!(in_part, "{stalled:?}");
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn calls_that_all_have_given_up_do_not_fill_a_program_for_ever() {
    // Bounded memory: an answer that never comes is not waited for without end.
    alone(async || {
        let stage = stage_with(&[], |builder| builder.in_flight_max(2));
        stage.ask("echo", "up").await.unwrap();
        for _ in 0..2 {
            let short = Duration::from_millis(50);
            let error = stage.helper.call_within(Ask("hold", ""), short).await;
            assert!(matches!(error, Err(CallError::Timeout { .. })), "{error:?}");
        }
        assert_eq!(stage.ask("echo", "fine").await.unwrap(), "fine");
        let exit = stage.last_exit().await;
        assert!(exit.contains("2 calls were given up unanswered"), "{exit}");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_35_a_helper_that_is_down_refuses_all_at_once() {
    // R9. Those who wait hear of it, too.
    alone(async || {
        use perennial::{Context, Intensity, OnSpent, RunError, Supervisor};
        let stage = stage(&[]);
        let helper = perennial::helper::Helper::new(
            perennial::process::Command::new("false"),
            crate::script::Script,
        );
        let declared = helper.clone();
        let root = move |ctx: Context| {
            let budget = Intensity::new(2, Duration::from_secs(60)).unwrap();
            let node = declared.clone().runnable().intensity(budget);
            let node = node
                .backoff(perennial::Backoff::none())
                .on_spent(OnSpent::StayDown);
            async move {
                ctx.run("helper", node)?;
                ctx.done();
                Ok::<(), RunError>(())
            }
        };
        let tree = Supervisor::new(root).start();
        let waiting = join_all((0..10).map(|_| helper.call(Ask("echo", "")))).await;
        for answer in waiting {
            assert!(matches!(answer, Err(CallError::Down { .. })), "{answer:?}");
        }
        let late = helper.call(Ask("echo", "")).await;
        assert!(matches!(late, Err(CallError::Down { .. })), "{late:?}");
        helper.close().await.unwrap_err();
        drop(tree.stop().await);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn n_calls_in_flight_have_n_ends_whenever_it_dies() {
    // D7: n of n, at any moment. The moments are drawn by the order of the requests.
    alone(async || {
        let stage = stage(&[]);
        for dies_at in [0, 1, 7, 31] {
            let calls = (0..32).map(|at| match at == dies_at {
                true => stage.ask("signal", "9"),
                false => stage.ask("echo", "x"),
            });
            let ends = join_all(calls).await;
            crashed(ends[dies_at].clone());
            let answered = ends.iter().filter(|end| end.is_ok()).count();
            assert!(answered >= dies_at, "{answered} of 32");
            let is_crash = |end: &&Result<_, _>| matches!(end, Err(CallError::Crashed { .. }));
            assert_eq!(answered + ends.iter().filter(is_crash).count(), 32);
        }
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn a_call_to_a_program_that_reads_nothing_ends_in_its_time() {
    // D6: at most 10 ms late, but for what the machine is late itself; so the best of some counts.
    alone(async || {
        // A close of it would wait for nothing.
        let soon = Duration::from_millis(50);
        let stage = stage_with(&[], |builder| {
            builder.drain_timeout(soon).close_timeout(soon)
        });
        assert_eq!(stage.ask("deaf", "").await.unwrap(), "deaf");
        static LONG: [u8; 200_000] = [b'x'; 200_000];
        let long = Ask("echo", std::str::from_utf8(&LONG).unwrap());
        let within = Duration::from_millis(20);
        let mut late = Duration::MAX;
        for _ in 0..10 {
            let begun = Instant::now();
            let error = stage.helper.call_within(long, within).await.unwrap_err();
            assert!(matches!(error, CallError::Timeout { .. }), "{error}");
            late = late.min(begun.elapsed() - within);
        }
        assert!(late <= Duration::from_millis(10), "{late:?}");
        stage.tree.stop().await.unwrap();
    });
}

//! How a helper is closed, by its users and by the tree.

use std::time::Duration;

use perennial::helper::{CallError, CloseAnswer, Helper};
use perennial::process::{Command, Ladder, Rung, Signal};
use perennial::{Context, Down, RunError, State, Supervisor};

use crate::common::{alone, children};
use crate::script::{Ask, Script, Stage, stage, stage_with};

#[test]
fn helper_38_a_close_waits_for_the_answers_and_ends_in_order() {
    // New calls are refused, those in flight are answered, close comes last.
    alone(async || {
        let stage = stage(&[]);
        let late = stage.ask("later", "");
        let close = async {
            // It was sent after the other one.
            stage.ask("echo", "").await.unwrap();
            stage.helper.close().await.unwrap()
        };
        let (late, report) = tokio::join!(late, close);
        assert_eq!(late.unwrap(), "late");
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.answer, CloseAnswer::Closed);
        assert_eq!(report.gone.exit.code(), Some(0));
        // Helper_46.
        let error = stage.ask("echo", "").await.unwrap_err();
        assert!(matches!(error, CallError::Closed { .. }), "{error}");
        stage.tree.settled().await;
        let snapshot = stage.tree.snapshot().await;
        assert_eq!(snapshot.find("root.helper").unwrap().state, State::Done);
        drop(stage.tree.stop().await);
    });
}

#[test]
fn what_a_program_says_to_a_close_is_told() {
    // Helper_39, 40, 43, 44.
    for (args, answer, code) in [
        (["ok", "exit"], CloseAnswer::Ended, 0),
        (
            ["ok", "error"],
            CloseAnswer::Failed("disk full".to_owned()),
            0,
        ),
        (["ok", "nine"], CloseAnswer::Closed, 9),
        (["no-close", "ok"], CloseAnswer::NotAsked, 0),
    ] {
        alone(async || {
            let stage = stage(&args);
            stage.helper.capabilities().await.unwrap();
            let report = stage.helper.close().await.unwrap();
            assert_eq!(report.answer, answer, "{args:?}: {report}");
            assert_eq!(report.gone.exit.code(), Some(code), "{report}");
            let failed = code != 0 || matches!(answer, CloseAnswer::Failed(_));
            assert_eq!(report.is_clean(), !failed, "{report}");
            drop(stage.tree.stop().await);
        });
    }
}

#[test]
fn a_program_that_says_nothing_is_not_waited_for_without_end() {
    // L9.
    alone(async || {
        let stage = stage_with(&["ok", "silent"], |builder| {
            builder.close_timeout(Duration::from_millis(100))
        });
        stage.helper.capabilities().await.unwrap();
        let report = stage.helper.close().await.unwrap();
        assert_eq!(report.answer, CloseAnswer::Silent);
        assert_eq!(report.gone.exit.code(), Some(0), "{report}");
        drop(stage.tree.stop().await);
    });
}

#[test]
fn helper_42_a_program_that_ignores_the_end_of_its_input_goes_by_the_ladder() {
    // The report tells which rung.
    alone(async || {
        let stage = stage(&["ok", "lazy"]);
        stage.helper.capabilities().await.unwrap();
        let report = stage.helper.close().await.unwrap();
        assert_eq!(report.gone.exit.signal(), Some(Signal::TERM), "{report}");
        assert!(!report.is_clean());
        drop(stage.tree.stop().await);
    });
}

#[test]
fn a_close_refuses_what_was_not_sent() {
    // Who waits is told at once; the program has not even said hello.
    alone(async || {
        let stage = stage(&["late"]);
        let waits = stage.ask("echo", "");
        let (waits, report) = tokio::join!(waits, stage.helper.close());
        assert!(matches!(waits, Err(CallError::Closed { .. })), "{waits:?}");
        let report = report.unwrap();
        assert!(report.is_clean(), "{report}");
        drop(stage.tree.stop().await);
    });
}

#[test]
fn a_program_that_crashes_as_it_is_closed_is_not_started_again() {
    // Only to be closed. The report tells of the crash.
    alone(async || {
        let stage = stage(&[]);
        let dies = stage.ask("exit later", "");
        let close = async {
            // It was sent after the other one.
            stage.ask("echo", "").await.unwrap();
            stage.helper.close().await.unwrap()
        };
        let (dies, report) = tokio::join!(dies, close);
        dies.unwrap_err();
        assert_eq!(report.answer, CloseAnswer::Ended, "{report}");
        assert_eq!(report.gone.exit.code(), Some(5), "{report}");
        assert_eq!(report.unanswered, 1);
        drop(stage.tree.stop().await);
    });
}

#[test]
fn helper_45_all_who_close_get_one_report() {
    // Idempotent and shared.
    alone(async || {
        let stage = stage(&[]);
        stage.helper.capabilities().await.unwrap();
        let (first, second) = tokio::join!(stage.helper.close(), stage.helper.close());
        let third = stage.helper.close().await.unwrap();
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(std::sync::Arc::ptr_eq(&first, &second));
        assert!(std::sync::Arc::ptr_eq(&first, &third));
        drop(stage.tree.stop().await);
    });
}

#[test]
fn a_close_that_nobody_answers_in_time_says_how_many() {
    // What was still in flight.
    alone(async || {
        let stage = stage_with(&[], |builder| {
            builder.drain_timeout(Duration::from_millis(100))
        });
        let held = stage.ask("hold", "");
        let close = async {
            while stage.ask("count", "").await.unwrap() != "1" {}
            stage.helper.close().await.unwrap()
        };
        let (held, report) = tokio::join!(held, close);
        assert!(matches!(held, Err(CallError::Closed { .. })), "{held:?}");
        assert_eq!(report.unanswered, 1, "{report}");
        drop(stage.tree.stop().await);
    });
}

#[test]
fn a_call_that_is_made_once_and_cut_off_by_a_close_says_that() {
    // L3. Nothing crashed, and nobody aborted it.
    alone(async || {
        let stage = stage_with(&[], |builder| {
            builder.drain_timeout(Duration::from_millis(100))
        });
        let unanswered = stage.ask("mute", "");
        let close = async {
            // After it, so that it was sent.
            stage.ask("echo", "").await.unwrap();
            stage.helper.close().await.unwrap()
        };
        let (unanswered, report) = tokio::join!(unanswered, close);
        assert!(
            matches!(unanswered, Err(CallError::Closed { .. })),
            "{unanswered:?}"
        );
        assert_eq!(report.unanswered, 1, "{report}");
        drop(stage.tree.stop().await);
    });
}

#[test]
fn a_stop_of_the_tree_closes_the_program_in_order() {
    // R10, L9. Who waits is told that it was stopped.
    alone(async || {
        let stage = stage_with(&[], |builder| {
            builder.drain_timeout(Duration::from_millis(100))
        });
        stage.ask("echo", "").await.unwrap();
        let waits = stage.helper.call(Ask("mute", ""));
        let stops = async { stage.tree.stop().await };
        let (waits, report) = tokio::join!(waits, stops);
        let report = report.unwrap();
        assert!(report.stops.is_empty(), "{report}");
        let error = waits.unwrap_err();
        let told = matches!(error, CallError::Crashed { .. } | CallError::Down { .. });
        assert!(told, "{error:?}");
    });
}

#[test]
fn helper_47_one_that_nobody_has_any_more_is_closed_with_its_tree() {
    // L9. The node has it; handles only call it.
    alone(async || {
        let Stage {
            folder,
            helper,
            tree,
        } = stage(&["ok", "noted"]);
        helper.capabilities().await.unwrap();
        drop(helper);
        let report = tree.stop().await.unwrap();
        assert!(report.stops.is_empty(), "{report}");
        assert!(folder.path().join("closed").exists());
    });
}

#[test]
fn helper_50_an_interrupt_of_our_group_does_not_reach_the_program() {
    // L1. It has a group of its own, so that it is closed in order when we are interrupted.
    alone(async || {
        use rustix::process::{Pid, getpgid};
        let stage = stage(&[]);
        stage.helper.capabilities().await.unwrap();
        let programs: Vec<_> = children().into_iter().filter_map(Pid::from_raw).collect();
        assert_eq!(programs.len(), 1);
        // It leads its own.
        assert_eq!(getpgid(Some(programs[0])).unwrap(), programs[0]);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn a_node_that_is_ordered_down_leaves_calls_no_hope() {
    // R16.
    alone(async || {
        let stage = stage(&[]);
        stage.ask("echo", "").await.unwrap();
        stage.tree.node("root.helper").terminate().await.unwrap();
        let snapshot = stage.tree.snapshot().await;
        let down = snapshot.find("root.helper").map(|node| node.down);
        assert!(
            matches!(down, None | Some(Some(Down::Terminated))),
            "{down:?}"
        );
        let error = stage.ask("echo", "").await.unwrap_err();
        assert!(matches!(error, CallError::Down { .. }), "{error}");
        drop(stage.tree.stop().await);
    });
}

#[test]
fn each_rung_is_taken_only_if_the_one_before_it_did_not_do() {
    // D9: the end of the input, SIGTERM, SIGKILL.
    const HELLO: &str = "echo '{\"can\":[\"hold\"]}'";
    let term = Rung::Signal(Signal::TERM);
    for (script, rungs) in [
        ("exec cat", &[Rung::CloseStdin][..]),
        ("exec sleep 100", &[Rung::CloseStdin, term]),
        (
            "trap '' TERM; while :; do sleep 0.05; done",
            &[Rung::CloseStdin, term, Rung::Kill],
        ),
    ] {
        alone(async || {
            let time = match rungs {
                // What does not end by itself need not be waited for.
                [.., Rung::Kill] => Duration::from_millis(20),
                _ => Duration::from_millis(500),
            };
            let ladder = Ladder::new().close_stdin(time).signal(Signal::TERM, time);
            let command = Command::new("sh").args(["-c", &format!("{HELLO}; {script}")]);
            let helper = Helper::new(command.ladder(ladder), Script);
            let declared = helper.clone();
            let tree = Supervisor::new(move |ctx: Context| {
                let helper = declared.clone();
                async move {
                    ctx.run("helper", helper)?;
                    ctx.done();
                    Ok::<(), RunError>(())
                }
            })
            .start();
            helper.capabilities().await.unwrap();
            let report = helper.close().await.unwrap();
            let taken: Vec<_> = report.gone.rungs.iter().map(|taken| taken.rung).collect();
            assert_eq!(taken, rungs, "{report}");
            drop(tree.stop().await);
        });
    }
}

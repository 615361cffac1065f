//! How a helper comes up, or does not.

use std::time::Duration;

use perennial::helper::Protocol;
use perennial::helper::gocache::Asking;

use crate::common::alone;
use crate::script::{Stage, python, stage, stage_with};

/// Waits until an incarnation has failed, and says how.
async fn failed(stage: &Stage) -> String {
    let mut events = stage.tree.events();
    while stage.last_exit().await.is_empty() {
        events.next().await;
    }
    stage.last_exit().await
}

#[test]
fn helper_01_a_hello_tells_what_can_be_done() {
    // R12: healthy when it has said hello. Helper_08: unknown fields are let be.
    alone(async || {
        let stage = stage(&[]);
        let can = stage.helper.capabilities().await.unwrap();
        assert_eq!(can, ["echo", "fail", "hold", "close"]);
        stage.tree.settled().await;
        assert_eq!(stage.ask("echo", "a word").await.unwrap(), "a word");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn the_hold_of_a_helper_tells_how_well_it_is_contained() {
    // Shown by the snapshot, as that of a program is.
    alone(async || {
        let stage = stage(&[]);
        stage.helper.capabilities().await.unwrap();
        let level = perennial::process::containment();
        let snapshot = stage.tree.snapshot().await;
        let holds = &snapshot.find("root.helper").unwrap().holds;
        assert_eq!(*holds, [format!("helper {} ({level})", python())]);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_02_a_hello_may_come_late() {
    // In time is in time.
    alone(async || {
        let stage = stage(&["late"]);
        assert_eq!(stage.ask("echo", "early").await.unwrap(), "early");
        assert_eq!(stage.restarts().await, 0);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn helper_03_a_hello_that_does_not_come_is_a_failure() {
    // L9. The program is stopped by its ladder, and nothing of it is left.
    alone(async || {
        let stage = stage_with(&["mute"], |builder| {
            builder.handshake_timeout(Duration::from_millis(200))
        });
        let failed = failed(&stage).await;
        assert!(failed.contains("no hello within 200ms"), "{failed}");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn what_is_wrong_with_a_hello_is_told() {
    // Helper_04, 05, 07, 09. A failure, with its reason, the exit and the last words.
    for (hello, said) in [
        ("exit", &["exited with code 3", "out of order"][..]),
        ("empty", &["it broke the protocol", "it can do nothing"]),
        ("unable", &["it broke the protocol", "it cannot hold"]),
        (
            "junk",
            &[
                "it broke the protocol",
                "no message: this is no hello!!!",
                "...",
            ],
        ),
    ] {
        alone(async || {
            let stage = stage(&[hello]);
            let failed = failed(&stage).await;
            assert!(
                said.iter().all(|said| failed.contains(said)),
                "{hello}: {failed}"
            );
            assert!(failed.len() < 600, "{failed}");
            stage.tree.stop().await.unwrap();
        });
    }
}

#[test]
fn helper_06_a_hello_is_no_answer_to_a_call() {
    // The hello of GOCACHEPROG has an id that no call ever has.
    let read = |hello: &[u8]| Asking::default().read_hello(hello);
    read(br#"{"ID":0,"KnownCommands":["get"]}"#).unwrap();
    let error = read(br#"{"ID":7,"KnownCommands":["get"]}"#).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("the id of a hello is 0"), "{error}");
}

#[test]
fn helper_10_a_second_hello_is_a_crash_and_no_end_of_ours() {
    // R5.
    alone(async || {
        let stage = stage(&["twice"]);
        let failed = failed(&stage).await;
        assert!(failed.contains("out of turn: a second hello"), "{failed}");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn a_stop_in_the_middle_of_a_handshake_ends_in_order() {
    // L9.
    alone(async || {
        let stage = stage(&["mute"]);
        let mut events = stage.tree.events();
        events.next().await;
        let report = stage.tree.stop().await.unwrap();
        assert!(report.stops.is_empty(), "{report}");
    });
}

#[test]
fn a_program_that_is_missing_is_not_tried_again() {
    // R8: what a start cannot change gives up.
    alone(async || {
        use perennial::helper::Helper;
        use perennial::process::Command;
        use perennial::{Context, OnSpent, RunError, Supervisor};
        let helper = Helper::new(Command::new("no-such-program"), crate::script::Script);
        let declared = helper.clone();
        let root = move |ctx: Context| {
            let node = declared.clone().runnable().on_spent(OnSpent::StayDown);
            async move {
                ctx.run("helper", node)?;
                ctx.done();
                Ok::<(), RunError>(())
            }
        };
        let tree = Supervisor::new(root).start();
        let error = helper
            .call(crate::script::Ask("echo", ""))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "no-such-program is down");
        drop(tree.stop().await);
    });
}

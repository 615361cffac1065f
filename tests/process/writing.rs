//! Writing to programs.

use std::time::Duration;

use perennial::process::{Signal, Status, Stdin, WriteError};
use tokio::time::timeout;

use crate::common::{alone, sh, start, up};

#[test]
fn proc_14_closing_the_input_ends_what_reads_it() {
    // L9. The descriptor is dropped: a shutdown alone would do nothing.
    alone(async || {
        let process = start(sh("exec cat").stdin(Stdin::Piped)).await;
        process.stdin().unwrap().close();
        let gone = process.watch().gone().await;
        assert_eq!(gone.exit.code(), Some(0));
    });
}

#[test]
fn proc_15_writers_come_and_go() {
    // L10. Dropping one does not end the input.
    alone(async || {
        let process = start(sh("exec cat").stdin(Stdin::Piped)).await;
        for _ in 0..2 {
            let writer = process.clone().stdin().unwrap();
            writer.write("hello\n").await.unwrap();
        }
        process.stdin().unwrap().close();
        process.watch().gone().await;
        assert_eq!(process.stdout().text(), "hello\nhello\n");
        let late = process.stdin().unwrap().write("late").await;
        assert!(late.is_err());
    });
}

#[test]
fn proc_39_a_program_that_reads_nothing_holds_only_its_writer_up() {
    // L9. The caller's time limit holds, the program can be stopped, and the next write fails.
    alone(async || {
        let process = start(sh("exec sleep 30").stdin(Stdin::Piped)).await;
        let writer = process.stdin().unwrap();
        let write = writer.write(vec![b'x'; 1_000_000]);
        timeout(Duration::from_millis(100), write)
            .await
            .expect_err("nobody reads");
        let gone = process.stop().await;
        assert!(!gone.was_killed(), "{gone}");
        let error = writer.write("more").await.expect_err("it is dead");
        assert!(matches!(error, WriteError::Broken), "{error}");
    });
}

#[test]
fn a_write_that_was_given_up_is_not_torn() {
    // L6. The frame arrives whole, and the next one after it.
    alone(async || {
        let script = "echo up; sleep 0.2; wc -c";
        let process = up(sh(script).stdin(Stdin::Piped)).await;
        let writer = process.stdin().unwrap();
        let write = writer.write(vec![b'x'; 300_000]);
        timeout(Duration::from_millis(20), write)
            .await
            .expect_err("it reads later");
        writer.write("0123456789").await.unwrap();
        writer.close();
        process.watch().gone().await;
        assert_eq!(process.stdout().text(), "up\n300010\n");
    });
}

#[test]
fn a_program_that_has_closed_its_input_breaks_the_pipe() {
    // L9. An error, and no SIGPIPE for us.
    alone(async || {
        let script = "exec 0<&-; echo up; exec sleep 30";
        let process = up(sh(script).stdin(Stdin::Piped)).await;
        let writer = process.stdin().unwrap();
        let error = writer
            .write("into nothing")
            .await
            .expect_err("it is closed");
        assert!(matches!(error, WriteError::Broken), "{error}");
        assert!(matches!(process.status(), Status::Running));
        process.signal(Signal::KILL).unwrap();
        process.watch().gone().await;
    });
}

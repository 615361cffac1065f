//! Starting a program, and why it could not be.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, panic};

use perennial::process::{Command, Containment, ExitCause, Ready, StartError, Stdin, containment};
use tempfile::TempDir;

use crate::common::{alone, run, sh, start};

async fn refused(command: Command) -> StartError {
    command.create().start().await.expect_err("it cannot start")
}

/// A file of this content, that may be run or not.
fn file(folder: &TempDir, name: &str, content: &str, mode: u32) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("the folder is ours");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the file is ours");
    path.to_str().expect("it is text").to_owned()
}

#[test]
fn proc_08_a_program_that_is_missing_is_named() {
    // L3. The watch from before tells the same as the start.
    alone(async || {
        for program in ["no-such-program", "/no/such/program", ""] {
            let created = Command::new(program).create();
            let watch = created.watch();
            let error = created.start().await.expect_err("there is none");
            assert!(
                matches!(error, StartError::ProgramMissing { .. }),
                "{error}"
            );
            assert!(error.is_permanent() && error.to_string().ends_with(program));
            let exit = watch.exited().await;
            let ExitCause::NeverStarted(told) = exit.cause else {
                panic!("{exit}");
            };
            assert_eq!(told.to_string(), error.to_string());
        }
    });
}

#[test]
fn proc_09_a_failed_start_is_no_exit() {
    // L3. What never ran has neither a code nor a signal, then or later.
    alone(async || {
        let created = Command::new("no-such-program").create();
        let watch = created.watch();
        created.start().await.expect_err("there is none");
        let gone = watch.gone().await;
        assert!(matches!(gone.exit.cause, ExitCause::NeverStarted(_)));
        assert_eq!((gone.exit.code(), gone.exit.signal()), (None, None));
    });
}

#[test]
fn proc_22_a_failed_start_leaks_nothing() {
    // L1. Neither descriptors nor processes.
    alone(async || {
        for _ in 0..50 {
            refused(Command::new("no-such-program").stdin(Stdin::Piped)).await;
        }
    });
}

#[test]
fn proc_46_each_refusal_says_what_is_wrong() {
    // R17. The system says "no such file" to three different things.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let cases = [
            (
                sh("true").current_dir("/no/such"),
                "there is no directory /no/such to run sh in",
            ),
            (Command::new("/tmp"), "/tmp may not be run"),
            (
                Command::new("sh").arg("a\0b"),
                "an argument of sh holds a NUL byte",
            ),
        ];
        for (command, text) in cases {
            let error = refused(command).await;
            assert_eq!(error.to_string(), text);
            assert!(error.is_permanent());
        }
        let files = [
            (
                "bad-line",
                "#!/no/such/shell\n",
                0o755,
                "its interpreter is missing",
            ),
            (
                "no-magic",
                "just text\n",
                0o755,
                "the system knows no such format",
            ),
            ("plain", "#!/bin/sh\n", 0o644, "may not be run"),
        ];
        for (name, content, mode, text) in files {
            let error = refused(Command::new(file(&folder, name, content, mode))).await;
            assert!(error.to_string().ends_with(text), "{error}");
            assert!(error.is_permanent());
        }
        let in_path = Command::new("plain").env("PATH", folder.path());
        assert!(matches!(refused(in_path).await, StartError::Denied { .. }));
    });
}

#[test]
fn a_refusal_is_known_without_a_start() {
    // Bad input is told before anything is done.
    let nul = [
        sh("true").env("NAME", "a\0b"),
        sh("true").env("a\0b", ""),
        sh("a\0b"),
        Command::new("a\0b"),
    ];
    for command in nul {
        let error = command.look_up().unwrap_err();
        assert!(matches!(error, StartError::Nul { .. }), "{error}");
    }
    let missing = Command::new("no-such-program").look_up().unwrap_err();
    assert!(
        matches!(missing, StartError::ProgramMissing { .. }),
        "{missing}"
    );
}

#[test]
fn proc_17_a_large_argument_works_and_one_too_large_is_refused() {
    // R17. The limit is the system's: 128 KiB for one argument.
    alone(async || {
        let long = "x".repeat(20_000);
        let process = start(Command::new("printf").args(["%s", &long])).await;
        process.watch().gone().await;
        assert_eq!(process.stdout().text(), long);
        let error = refused(Command::new("printf").arg("x".repeat(200_000))).await;
        assert!(matches!(error, StartError::TooLong { .. }), "{error}");
    });
}

#[test]
fn proc_27_a_created_program_starts_once() {
    // L1. `start` consumes it; the documentation of `Created::start` has the test that a second
    // one does not compile. A clone of the command is another program.
    alone(async || {
        let command = sh("exit 3");
        let first = start(command.clone()).await;
        let second = start(command).await;
        assert_ne!(first.id(), second.id());
        first.watch().gone().await;
        second.watch().gone().await;
    });
}

#[test]
fn a_program_is_looked_for_in_the_path_that_it_is_given() {
    // R17. So that a clean environment costs no fork, and its error is ours.
    alone(async || {
        let folder = TempDir::new().unwrap();
        file(&folder, "own", "#!/bin/sh\necho $0 $1\n", 0o755);
        let own = Command::new("own").arg("hello").env("PATH", folder.path());
        let process = start(own.env_clean()).await;
        process.watch().gone().await;
        let path = folder.path().display();
        assert_eq!(process.stdout().text(), format!("{path}/own hello\n"));
        assert!(matches!(
            refused(Command::new("own")).await,
            StartError::ProgramMissing { .. }
        ));
        // A relative path starts where the program does.
        let relative = Command::new("./own").current_dir(folder.path());
        start(relative).await.watch().gone().await;
    });
}

#[test]
fn without_a_guard_what_needs_one_is_refused_by_name() {
    // R17. Neither weaker in silence nor a hang.
    alone(async || {
        assert_eq!(containment(), Containment::ProcessGroup);
        let contained = sh("true").require(Containment::Guard);
        let error = refused(contained).await;
        let text = "sh requires containment by guard, and there is only process group";
        assert_eq!(error.to_string(), text);
        let error = refused(sh("true").ready(Ready::descriptor())).await;
        let text = "a ready descriptor needs `perennial::process::guard()` first in main";
        assert_eq!(error.to_string(), text);
    });
}

#[test]
fn a_line_makes_a_program_ready() {
    // R4. The sign is positive: it was written, and nothing else counts.
    alone(async || {
        let ready = Ready::line(|line| line.text.starts_with("listening"));
        let script = "echo starting; echo listening on 80 >&2; exec sleep 30";
        let process = start(sh(script).ready(ready.clone())).await;
        assert!(process.stderr().text().contains("listening"));
        process.kill().await;

        let error = refused(sh("echo no; exit 3").ready(ready)).await;
        let text = "sh was not ready when it exited with code 3";
        assert_eq!(error.to_string(), text);
        assert!(!error.is_permanent());
    });
}

#[test]
fn a_probe_is_asked_until_it_says_yes() {
    // R4. For what tells nothing by itself.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("here");
        let script = format!("sleep 0.1; echo > {}; exec sleep 30", path.display());
        let ready = Ready::probe(move || std::future::ready(path.exists()));
        let process = start(sh(&script).ready(ready)).await;
        assert!(folder.path().join("here").exists());
        process.kill().await;
    });
}

#[test]
fn proc_24_what_is_not_ready_in_time_is_stopped() {
    // L9. Nothing is left of it when the error comes.
    alone(async || {
        let begun = Instant::now();
        let time = Duration::from_millis(200);
        let mute = sh("exec sleep 30").ready(Ready::line(|_| true));
        let error = refused(mute.ready_timeout(time)).await;
        assert_eq!(error.to_string(), "sh was not ready within 200ms");
        assert!(begun.elapsed() >= time);
    });
}

#[test]
fn a_start_that_was_given_up_leaves_nothing() {
    // L1. Dropped while it waits for the sign, it kills what was started.
    alone(async || {
        let created = sh("exec sleep 1000").ready(Ready::line(|_| true)).create();
        let watch = created.watch();
        let start = tokio::time::timeout(Duration::from_millis(50), created.start());
        start.await.expect_err("it never becomes ready");
        assert!(watch.gone().await.exit.requested);
    });
}

#[test]
fn no_descriptor_of_ours_is_inherited() {
    // L1. But for what somebody else has left open for all programs, such as our own parent.
    alone(async || {
        let ours = tempfile::NamedTempFile::new().unwrap();
        let theirs = run("for fd in /proc/$$/fd/*; do readlink $fd; done").await;
        let text = theirs.stdout().text();
        let ours = ours.path().to_str().unwrap();
        for secret in [ours, "eventpoll", "eventfd", "pidfd"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.matches("pipe:").count() >= 2, "{text}");
    });
}

#[test]
fn a_relative_directory_is_meant_once() {
    // R17. The program is looked for in it, and then started in it.
    alone(async || {
        let here = std::env::current_dir().unwrap();
        let folder = TempDir::new().unwrap();
        // Deeper than we are: from there the same path does not lead back by way of the root.
        let below: PathBuf = here.components().map(|_| "deep").collect();
        fs::create_dir_all(folder.path().join(&below)).unwrap();
        let name = below.join("own");
        file(&folder, name.to_str().unwrap(), "#!/bin/sh\npwd\n", 0o755);
        let place = folder.path().join(&below).canonicalize().unwrap();
        let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
        let relative = up.join(place.strip_prefix("/").unwrap());
        let by_path = Command::new("./own").env_clean();
        let by_name = Command::new("own").env("PATH", ".");
        for command in [by_path, by_name] {
            let process = start(command.current_dir(&relative)).await;
            assert_eq!(process.watch().gone().await.exit.code(), Some(0));
            assert_eq!(process.stdout().text().trim(), place.to_str().unwrap());
        }
    });
}

#[test]
fn a_sign_within_a_burst_is_not_missed() {
    // R4. Who listens to lines hears the last of them; the sign may have come before.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let noise = "noise\n".repeat(1000);
        let path = file(
            &folder,
            "burst",
            &format!("{noise}listening\n{noise}"),
            0o644,
        );
        let is_first = AtomicBool::new(true);
        let ready = Ready::line(move |line| {
            // All of it is there before the second line is looked at.
            let begun = Instant::now();
            let is_first = is_first.swap(false, Ordering::Relaxed);
            while is_first && begun.elapsed() < Duration::from_millis(200) {}
            &*line.text == "listening"
        });
        let burst = sh(&format!("cat {path}; exec sleep 1000")).ready(ready);
        let process = start(burst.ready_timeout(Duration::from_secs(5))).await;
        process.kill().await;
        // What is not among it is not found, either: here the half of a line that was dropped.
        let script = "printf 'not up\n'; seq 1000; exec sleep 1000";
        let ready = Ready::line(|line| &*line.text == "up");
        let time = Duration::from_millis(300);
        let error = refused(sh(script).ready(ready).ready_timeout(time)).await;
        assert!(matches!(error, StartError::ReadyTimeout { .. }), "{error}");
    });
}

//! What `examples/gocache` shows to those who wait.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};

use perennial::store::{Limits, Store};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::TempDir;

use crate::common::alone;
use crate::program;

/// A folder with a store that holds a body.
async fn folder() -> TempDir {
    let folder = TempDir::new().expect("there is room");
    let store = Store::open(folder.path(), Limits::default()).await;
    let put = store.expect("it is new").put(4, &b"body"[..]).await;
    put.expect("there is room");
    folder
}

fn gocache(verb: &str, folder: &Path) -> Command {
    let mut command = Command::new(program::path("gocache", "helper,store"));
    command.arg(verb).arg("--dir").arg(folder);
    command.env("TERM", "xterm");
    command
}

/// Our end of a terminal, and the other one.
fn terminal() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    tcsetwinsize(
        theirs.as_fd(),
        Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )?;
    Ok((ours, theirs))
}

#[test]
fn a_terminal_shows_how_far_it_is_and_is_left_clean() {
    // On standard error: standard output has the result alone.
    alone(async || {
        let folder = folder().await;
        for (verb, shown, said) in [
            ("verify", "0 B of 4 B", "1 outputs and 0 actions are sound"),
            (
                "prune",
                "making room",
                "0 removed, 0 bytes; 4 bytes are left",
            ),
        ] {
            let (ours, theirs) = terminal().expect("terminals are there");
            let mut command = gocache(verb, folder.path());
            let output = command.stderr(theirs).output().unwrap();
            // The other end is closed with the command.
            drop(command);
            let output = String::from_utf8(output.stdout).unwrap();
            assert!(output.starts_with(said), "{output}");
            let mut bytes = Vec::new();
            // It ends in an error when nobody has the other end.
            let _ = File::from(ours).read_to_end(&mut bytes);
            let seen = String::from_utf8(bytes).unwrap();
            assert!(seen.contains(shown), "{verb}: {seen:?}");
            assert!(seen.ends_with("\r\u{1b}[2K"), "{verb}: {seen:?}");
        }
    });
}

#[test]
fn who_is_no_terminal_is_shown_the_result_alone() {
    // So that logs and pipes have nothing to filter.
    alone(async || {
        let folder = folder().await;
        for verb in ["verify", "prune", "stat"] {
            let mut command = gocache(verb, folder.path());
            let output = command.stderr(Stdio::piped()).output().unwrap();
            assert_eq!(output.stderr, b"", "{verb}");
            assert_eq!(
                output.stdout.iter().filter(|byte| **byte == b'\n').count(),
                1
            );
        }
    });
}

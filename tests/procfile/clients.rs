//! Clients that ask for much, for nothing, or at the wrong time.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use crate::daemon::{Daemon, Place};
use crate::until;

/// How many clients are answered at a time.
const CLIENTS_MAX: usize = 64;

fn up(text: &str) -> Daemon {
    Place::new("Procfile", text).up()
}

fn client(daemon: &Daemon) -> UnixStream {
    UnixStream::connect(daemon.socket()).expect("it is up")
}

/// A client of `logs --follow`.
fn follow(daemon: &Daemon, name: &str) -> Child {
    let mut command = daemon.place().command(&["logs", name, "--follow"]);
    let child = command.stdout(Stdio::piped()).spawn();
    child.expect("the program can be started")
}

#[test]
fn clients_that_say_nothing_are_given_up() {
    // What a client can hold has a bound, and each has a time.
    let daemon = up("web: sleep 1000\n");
    let mut silent: Vec<_> = (0..=CLIENTS_MAX).map(|_| client(&daemon)).collect();
    let mut last = silent.pop().expect("there are some");
    let mut answer = String::new();
    last.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("too many ask at once"), "{answer}");
    until("the others are given up", || {
        daemon.place().run(&["status"]).status.success()
    });
    for mut client in silent {
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "nothing is said to it");
    }
    daemon.down();
}

#[test]
fn a_client_that_says_too_much_is_refused() {
    // Bad input has a bound.
    let daemon = up("web: sleep 1000\n");
    let mut client = client(&daemon);
    // It reads no more than it needs, so not all is taken.
    let _ = client.write_all(&vec![b'x'; 1 << 20]);
    let mut answer = String::new();
    BufReader::new(client).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("{\"refused\""), "{answer}");
    daemon.told(&["status"]);
    daemon.down();
}

#[test]
fn a_follower_that_hangs_up_is_forgotten() {
    // The program says nothing more, so nothing is written by which it would be noticed.
    let daemon = up("web: sleep 1000\n");
    for _ in 0..2 * CLIENTS_MAX {
        let mut client = client(&daemon);
        writeln!(client, "{{\"logs\":{{\"name\":\"web\",\"follow\":true}}}}").unwrap();
        // All that there is, so that it hangs up while nothing is on its way.
        let mut lines = BufReader::new(client).lines();
        assert!(lines.any(|line| line.unwrap().contains("\"started\"")));
    }
    until("all are forgotten", || {
        daemon.place().run(&["status"]).status.success()
    });
    assert!(!daemon.shown().contains("clients"), "{}", daemon.shown());
    daemon.down();
}

#[test]
fn a_follower_is_told_what_comes_until_the_daemon_ends() {
    // What a program says last is told, too, and its end is no failure of the follower.
    let script = "trap \"echo bye; exit\" TERM; echo hello; while :; do sleep 0.05; done";
    let daemon = up(&format!("web: {script}\n"));
    let mut follower = follow(&daemon, "web");
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap() == "hello"));
    daemon.down();
    assert!(lines.any(|line| line.unwrap() == "bye"));
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

#[test]
fn output_that_nobody_reads_holds_up_nothing() {
    // R17. Who writes for the tree must not wait for anybody.
    let mut daemon = Place::new("Procfile", "flood: yes\nweb: sleep 1000\n").start_unread();
    until("it is up", || {
        daemon.place().run(&["status"]).status.success()
    });
    let web = daemon.pid("web");
    until("the pipe is full", || {
        let kept = daemon.told(&["logs", "flood"]);
        kept.lines().filter(|line| *line == "y").count() > 900
    });
    daemon.told(&["restart", "web"]);
    assert_ne!(daemon.pid("web"), web);
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_daemon_can_be_asked_while_it_stops() {
    // R10. Who provides for others stops after them.
    let text = "\
[programs.web]
command = 'trap : TERM; until [ -e go ]; do sleep 0.05; done'
stop = [{ signal = 'TERM', wait = 100.0 }]
";
    let mut daemon = Place::new("all.toml", text).up();
    daemon.signal("TERM");
    until("it stops", || daemon.status("web").0 == "stopping");
    let output = daemon.place().run(&["restart", "web"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "procfile: all.toml: the daemon stops\n");
    let output = daemon.place().run(&["up"]);
    assert_eq!(output.status.code(), Some(2));
    fs::write(daemon.place().folder().join("go"), "").unwrap();
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_daemon_is_found_by_the_name_of_its_file_whatever_becomes_of_that() {
    // What runs can be stopped.
    let daemon = up("web: sleep 1000\n");
    let file = daemon.place().file();
    let other = file.with_file_name("other");
    fs::rename(&file, &other).unwrap();
    assert_eq!(daemon.status("web").0, "healthy");
    symlink(&other, &file).unwrap();
    assert_eq!(daemon.status("web").0, "healthy");
    fs::remove_file(&file).unwrap();
    daemon.down();
}

#[test]
fn a_folder_that_cannot_be_used_for_the_socket_is_told() {
    // Nothing is started that could not be spoken to.
    let place = Place::new("Procfile", "web: touch started\n");
    let long = "x".repeat(100);
    let folders = [
        ("/no/such", "No such file"),
        ("/proc/self", "cannot be used"),
        (&*long, "shorter than SUN_LEN"),
    ];
    fs::create_dir(place.folder().join(&long)).unwrap();
    for (folder, why) in folders {
        let mut command = place.command(&["up"]);
        let command = command.env("XDG_RUNTIME_DIR", place.folder().join(folder));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.starts_with("procfile: Procfile: ") && said.contains(why),
            "{said}"
        );
    }
    assert!(!place.folder().join("started").exists());
}

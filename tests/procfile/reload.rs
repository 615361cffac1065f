//! SIGHUP: the file is read again, and the difference is made.

use crate::daemon::{Place, kill};
use crate::until;

const BEFORE: &str = "same: sleep 1000\nchanged: sleep 1000\ngone: sleep 1000\n";

#[test]
fn only_the_difference_is_stopped_and_started() {
    // Cost does not grow with what did not change, and neither does harm.
    let daemon = Place::new("Procfile", BEFORE).up();
    let (same, changed) = (daemon.pid("same"), daemon.pid("changed"));
    daemon
        .place()
        .write("# moved\n\nsame: sleep 1000\nnew: sleep 1000\nchanged: sleep 2000\n");
    daemon.signal("HUP");
    daemon.until_shown("programs are up", 2);
    assert_eq!(daemon.pid("same"), same);
    assert_ne!(daemon.pid("changed"), changed);
    daemon.pid("new");
    let status = daemon.told(&["status"]);
    assert!(!status.contains("gone"), "{status}");
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", daemon.pid("changed")));
    assert_eq!(line.unwrap(), ["sleep", "2000", ""].join("\0"));
    daemon.down();
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    // Bad input gets a clear error and loses nothing.
    let daemon = Place::new("Procfile", BEFORE).up();
    let before = ["same", "changed", "gone"].map(|name| daemon.pid(name));
    daemon
        .place()
        .write("same: sleep 1000\nnew: no-such-program\n");
    daemon.signal("HUP");
    daemon.until_shown("not reloaded", 1);
    let fault = "Procfile:2: new could not be started: there is no program no-such-program";
    daemon.until_shown(fault, 1);
    let after = ["same", "changed", "gone"].map(|name| daemon.pid(name));
    assert_eq!(after, before);
    daemon.down();
}

#[test]
fn a_program_may_keep_its_port_when_it_is_changed() {
    // The port is taken, but by us.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port();
    drop(port);
    let text = |name: &str| {
        let command = format!("python3 -u -m http.server {number} --bind 127.0.0.1");
        format!(
            "[programs.web]\ncommand = '{command}'\nready = {{ port = {number} }}\n\
             env = {{ NAME = '{name}' }}\n"
        )
    };
    let daemon = Place::new("all.toml", text("a")).up();
    let before = daemon.pid("web");
    daemon.place().write(text("b"));
    daemon.signal("HUP");
    daemon.until_shown("programs are up", 2);
    until("it is another one", || daemon.pid("web") != before);
    daemon.down();
}

#[test]
fn a_program_waits_for_one_that_was_ready_once_and_is_down() {
    // R12. What was is not what is.
    let db = "[programs.db]\ncommand = './db'\n";
    let script = "#!/bin/sh\necho read\nexec sleep 1000\n";
    let place = Place::new("all.toml", db);
    place.write_script("db", script);
    let daemon = place.up();
    daemon.until_shown("| read", 1);
    std::fs::remove_file(daemon.place().folder().join("db")).unwrap();
    kill("KILL", daemon.pid("db"));
    daemon.until_shown("down: gave up", 1);
    let web = "[programs.web]\ncommand = 'sleep 1000'\nafter = ['db']\n";
    daemon.place().write(format!("{db}{web}"));
    daemon.signal("HUP");
    daemon.until_shown("not started yet: web", 1);
    assert_eq!(daemon.status("web").0, "not started");
    daemon.place().write_script("db", script);
    daemon.told(&["restart", "db"]);
    daemon.pid("web");
    daemon.down();
}

#[test]
fn a_program_that_is_stopped_holds_up_who_waits_for_it() {
    // R16. It is neither the end of all nor ready.
    let never = "[programs.never]\ncommand = 'sleep 1000'\nready = { line = 'up' }\n";
    let db = "[programs.db]\ncommand = 'sleep 1000'\n";
    let web = "[programs.web]\ncommand = 'sleep 1000'\nafter = ['db', 'never']\n";
    let daemon = Place::new("all.toml", format!("{never}{db}{web}")).start();
    daemon.until_shown("| started", 2);
    daemon.told(&["stop", "db"]);
    daemon.told(&["stop", "never"]);
    daemon
        .place()
        .write(format!("{db}{web}").replace(", 'never'", ""));
    daemon.signal("HUP");
    daemon.until_shown("root.programs.db is down; not started yet: web", 1);
    daemon.told(&["restart", "db"]);
    daemon.pid("web");
    daemon.down();
}

#[test]
fn a_reload_frees_who_waited_in_vain() {
    // A file can be mended while not all of it is up.
    let never = "[programs.never]\ncommand = 'sleep 1000'\nready = { line = 'up' }\n";
    let web = "[programs.web]\ncommand = 'sleep 1000'\n";
    let text = format!("{never}{web}after = ['never']\n");
    let daemon = Place::new("all.toml", text).start();
    until("it has begun", || daemon.shown().contains("| started"));
    let output = daemon.place().run(&["restart", "web"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("web was not started yet: it waits for others"),
        "{said}"
    );
    daemon.told(&["stop", "never"]);
    daemon.place().write(format!("{never}{web}"));
    // More than one, as an editor with a hook may send.
    for _ in 0..10 {
        daemon.signal("HUP");
    }
    daemon.pid("web");
    daemon.down();
}

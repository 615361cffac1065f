//! Files that are wrong: an error with the line, exit code 2, and nothing started.

use std::net::TcpListener;

use crate::daemon::Place;

/// What `up` says about a file, which is to be refused.
#[track_caller]
fn refused(name: &'static str, text: impl AsRef<[u8]>) -> String {
    let place = Place::new(name, text);
    let output = place.run(&["up"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!place.folder().join("started").exists(), "it was started");
    let said = String::from_utf8(output.stderr).expect("it is text");
    said.strip_prefix("procfile: ")
        .expect("it says who speaks")
        .trim_end()
        .to_owned()
}

const GOOD: &str = "first: touch started";

#[test]
fn each_fault_of_a_procfile_is_told_with_its_line() {
    // Bad input is told whole, and nothing is done.
    for (line, fault) in [
        ("no colon", "Procfile:2: a line is `name: command`"),
        ("web:", "Procfile:2: the command of web is empty"),
        (
            "web: echo 'a",
            "Procfile:2: the command of web has a quote that is not closed",
        ),
        (
            "first: true",
            "Procfile:2: first is declared twice, first in line 1",
        ),
        (
            "web: no-such-program --port 1",
            "Procfile:2: web could not be started: there is no program no-such-program",
        ),
        (
            "web: no-such-program $PORT | cat",
            "Procfile:2: web could not be started: there is no program no-such-program",
        ),
    ] {
        assert_eq!(refused("Procfile", format!("{GOOD}\n{line}\n")), fault);
    }
    let name = refused("Procfile", format!("{GOOD}\nWeb: true\n"));
    assert!(
        name.starts_with("Procfile:2: ") && name.contains("Web"),
        "{name}"
    );
    assert_eq!(
        refused("Procfile", "# nothing\n\n"),
        "Procfile: names no program"
    );
}

#[test]
fn a_file_that_is_no_text_is_told_with_its_line() {
    // Bad input: bytes.
    let said = refused("Procfile", b"first: touch started\n\nweb: ca\xff\n");
    assert_eq!(said, "Procfile:3: this is not UTF-8");
}

#[test]
fn all_faults_are_told_at_once() {
    // Whoever mends a file wants to know the rest, too.
    let said = refused("Procfile", "a: no-such-a\nb: no-such-b\nc: touch started\n");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with("Procfile:1: a ") && lines[1].starts_with("Procfile:2: b "));
}

#[test]
fn a_file_that_is_missing_is_told() {
    // Bad input: the file itself.
    let place = Place::new("Procfile", GOOD);
    std::fs::remove_file(place.file()).unwrap();
    for verb in ["up", "status", "down"] {
        let output = place.run(&[verb]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("Procfile") && said.contains("No such file"),
            "{said}"
        );
    }
}

/// What may stand in lines 4 and on of a table, the line that is wrong, and what is said of it.
const FAULTS: &[(&str, usize, &str)] = &[
    (
        "command = 'true'\ncolour = 'red'",
        5,
        "unknown field `colour`",
    ),
    ("command = ", 4, "string"),
    ("command = 7", 4, "a command is a line or a list of words"),
    ("command = []", 4, "the command of web is empty"),
    ("command = 'true'\n[programs.web]", 5, "duplicate key"),
    (
        "command = 'true'\nafter = ['db']",
        5,
        "web starts after db, which is no program here",
    ),
    (
        "command = 'true'\ngroup = 'all'",
        5,
        "web is of the group all, which is not declared",
    ),
    (
        "command = 'true'\nready_timeout = -1.0",
        5,
        "web has a time that is none: -1 seconds",
    ),
    (
        "command = 'true'\nstop = [{ signal = 'NONE', wait = 1.0 }]",
        5,
        "web knows no signal NONE",
    ),
    (
        "command = 'true'\nrestart = 'never'",
        5,
        "unknown variant `never`",
    ),
    (
        "command = 'true'\ncwd = '/no/such'",
        5,
        "web could not be started: ",
    ),
    (
        "command = 'no-such-program'",
        4,
        "web could not be started: there is no program no-such-program",
    ),
    (
        "command = 'true'\n[groups.first]\nstrategy = 'one_for_all'",
        5,
        "first is a group, and a program in line 1",
    ),
    (
        "command = 'true'\nready = { port = 1 }\n[programs.b]\ncommand = 'true'\n\
             ready = { port = 1 }",
        8,
        "the port of b is that of web, too: 1",
    ),
    (
        "command = 'true'\nready = { port = 0 }",
        5,
        "integer `0`, expected a nonzero u16",
    ),
    ("restart = 'temporary'", 3, "missing field `command`"),
    (
        "command = 'true'\nafter = ['web']",
        5,
        "waits for itself: web -> web",
    ),
    (
        "command = 'true'\nafter = ['b']\n[programs.b]\ncommand = 'true'\nafter = ['c']\n\
             [programs.c]\ncommand = 'true'\nafter = ['web']",
        5,
        "waits for itself: web -> b -> c -> web",
    ),
];

#[test]
fn each_fault_of_a_table_is_told_with_its_line() {
    // Bad input is told whole, and nothing is done.
    let good = "[programs.first]\ncommand = 'touch started'\n[programs.web]\n";
    for (lines, line, fault) in FAULTS {
        let said = refused("all.toml", format!("{good}{lines}\n"));
        let place = format!("all.toml:{line}: ");
        assert!(
            said.starts_with(&place) && said.contains(fault),
            "{said:?} of {lines:?}"
        );
    }
}

#[test]
fn an_order_within_a_group_is_that_of_the_group() {
    // Bad input: two that would wait for each other, once as a group and once as programs.
    let text = "[groups.g]\nstrategy = 'one_for_all'\n[programs.a]\ncommand = 'touch started'\n\
                group = 'g'\n[programs.b]\ncommand = 'true'\ngroup = 'g'\nafter = ['a']\n";
    let fault = "all.toml:9: b starts after a of its own group: their order is that of the group";
    assert_eq!(refused("all.toml", text), fault);
}

#[test]
fn a_cycle_through_a_group_is_found() {
    // Bad input: a group starts whole, so it waits for what any of it waits for.
    let text = "[groups.g]\nstrategy = 'one_for_all'\n[programs.a]\ncommand = 'touch started'\n\
                group = 'g'\n[programs.b]\ncommand = 'true'\ngroup = 'g'\nafter = ['c']\n\
                [programs.c]\ncommand = 'true'\nafter = ['a']\n";
    let said = refused("all.toml", text);
    assert!(said.contains("waits for itself: "), "{said}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    // Bad input: the program would fail, or another one would seem to be it.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = format!(
        "[programs.first]\ncommand = 'touch started'\n[programs.web]\ncommand = 'sleep 100'\n\
         ready = {{ port = {port} }}\n"
    );
    let fault = format!("all.toml:5: the port of web is taken: {port}");
    assert_eq!(refused("all.toml", &text), fault);
}

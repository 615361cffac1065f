//! Groups: programs that share their fate, and nobody else's.

use crate::daemon::{Place, kill};
use crate::until;

#[test]
fn a_group_falls_and_rises_together() {
    // L5, R6.
    let text = "\
[groups.pair]
strategy = 'one_for_all'
in_order = true
[programs.a]
command = 'sleep 1000'
group = 'pair'
[programs.b]
command = 'sleep 1000'
group = 'pair'
[programs.c]
command = 'sleep 1000'
";
    let daemon = Place::new("all.toml", text).up();
    let before = ["a", "b", "c"].map(|name| daemon.pid(name));
    kill("KILL", before[0]);
    until("both are others", || {
        let after = ["a", "b"].map(|name| daemon.pid(name));
        after[0] != before[0] && after[1] != before[1]
    });
    assert_eq!(daemon.pid("c"), before[2]);
    daemon.down();
}

/// A group in order, of a first program and what else is said, beside a program of its own.
fn with_group(members: &str) -> String {
    format!(
        "[groups.pair]\nstrategy = 'one_for_all'\nin_order = true\n\
         [programs.a]\ncommand = 'sleep 1000'\ngroup = 'pair'\n{members}\
         [programs.c]\ncommand = 'sleep 1000'\n"
    )
}

fn member(name: &str, command: &str) -> String {
    format!("[programs.{name}]\ncommand = '{command}'\ngroup = 'pair'\nready = {{ line = 'up' }}\n")
}

#[test]
fn a_group_may_have_other_programs_after_a_reload() {
    // R1. The label of a group is never free again where it was declared.
    let daemon = Place::new("all.toml", with_group("")).up();
    let (a, c) = (daemon.pid("a"), daemon.pid("c"));
    let up = member("b", "echo up; exec sleep 1000");
    for (times, members) in [(2, &*up), (3, ""), (4, &*up)] {
        daemon.place().write(with_group(members));
        daemon.signal("HUP");
        daemon.until_shown("programs are up", times);
        let status = daemon.told(&["status"]);
        assert_eq!(status.contains("\nb "), !members.is_empty(), "{status}");
    }
    assert_ne!(daemon.pid("a"), a);
    assert_eq!(daemon.pid("c"), c);
    daemon.down();
}

#[test]
fn a_program_may_enter_a_group_and_leave_it() {
    // R1. Its name is free as soon as what had it is gone.
    let alone = "[programs.b]\ncommand = 'echo up; exec sleep 1000'\n";
    let daemon = Place::new("all.toml", with_group(alone)).up();
    let mut pids = vec![daemon.pid("b")];
    let inside = member("b", "echo up; exec sleep 1000");
    for (times, text) in [(2, &*inside), (3, alone)] {
        daemon.place().write(with_group(text));
        daemon.signal("HUP");
        daemon.until_shown("programs are up", times);
        let pid = daemon.pid("b");
        assert!(!pids.contains(&pid), "{pid} is one of {pids:?}");
        pids.push(pid);
    }
    daemon.down();
}

#[test]
fn a_group_that_cannot_start_is_not_the_end_of_the_others_and_can_be_restarted() {
    // R10b, R9. What is new in a file does no harm to what runs.
    let daemon = Place::new("all.toml", with_group("")).up();
    let c = daemon.pid("c");
    let late = member("b", "test -e ok && echo up && exec sleep 1000");
    daemon.place().write(with_group(&late));
    daemon.signal("HUP");
    daemon.until_shown("down: b", 1);
    until("the group is down", || {
        daemon.status("a").0 == "not started"
    });
    assert_eq!(daemon.pid("c"), c);
    std::fs::write(daemon.place().folder().join("ok"), "").unwrap();
    daemon.told(&["restart", "b"]);
    daemon.pid("a");
    daemon.pid("b");
    daemon.down();
}

//! What is told and asked for from another terminal.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::daemon::{Daemon, Place, kill};
use crate::until;

const TWO: &str = "web: echo web is here; exec sleep 1000\nworker: sleep 2000\n";

fn two() -> Daemon {
    Place::new("Procfile", TWO).up()
}

#[test]
fn each_program_is_told_with_its_state_and_its_number() {
    // R12: what runs is to be seen.
    let daemon = two();
    for name in ["web", "worker"] {
        let pid = daemon.pid(name);
        assert_eq!(daemon.status(name).0, "healthy");
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(line.starts_with("sleep"), "{line:?}");
    }
    daemon.down();
}

#[test]
fn a_program_that_is_killed_is_back_and_the_others_are_untouched() {
    // R5, R6.
    let daemon = two();
    let (web, worker) = (daemon.pid("web"), daemon.pid("worker"));
    kill("KILL", web);
    until("it is another one", || {
        let (state, pid) = daemon.status("web");
        state == "healthy" && pid != web.to_string()
    });
    assert_eq!(daemon.pid("worker"), worker);
    assert!(
        daemon.shown().contains("ended by SIGKILL"),
        "{}",
        daemon.shown()
    );
    daemon.down();
}

#[test]
fn a_program_is_restarted_and_stopped_on_demand() {
    // R16.
    let daemon = two();
    let web = daemon.pid("web");
    daemon.told(&["restart", "web"]);
    assert_ne!(daemon.pid("web"), web);
    daemon.told(&["stop", "web"]);
    assert!(
        daemon.status("web").0.starts_with("down"),
        "{:?}",
        daemon.status("web")
    );
    assert_eq!(daemon.status("worker").0, "healthy");
    daemon.told(&["restart", "web"]);
    daemon.pid("web");
    daemon.down();
}

#[test]
fn what_a_program_wrote_is_shown_again() {
    // What a program says is kept across its restarts.
    let daemon = two();
    daemon.until_shown("web is here", 2);
    daemon.told(&["restart", "web"]);
    until("it was said twice", || {
        let logs = daemon.told(&["logs", "web"]);
        logs.lines().filter(|line| *line == "web is here").count() == 2
    });
    assert!(!daemon.told(&["logs", "worker"]).contains("web is here"));
    daemon.down();
}

#[test]
fn who_is_asked_for_in_vain_is_told_with_exit_code_2() {
    // Bad input: a name.
    let daemon = two();
    for verb in ["restart", "stop", "logs"] {
        let output = daemon.place().run(&[verb, "wbe"]);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            said,
            "procfile: there is no program wbe, only web, worker\n"
        );
    }
    daemon.down();
}

#[test]
fn a_file_that_is_up_is_not_started_twice() {
    // L1: of a thing that is exclusive there are never two.
    let daemon = two();
    // What it lacks by now tells nothing new.
    daemon
        .place()
        .write(format!("{TWO}other: no-such-program\n"));
    let output = daemon.place().run(&["up"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "procfile: Procfile: it is up already\n");
    daemon.down();
}

#[test]
fn a_file_that_is_not_up_can_not_be_asked() {
    // The exit code tells that nothing was done.
    let place = Place::new("Procfile", TWO);
    for verb in ["status", "down"] {
        let output = place.run(&[verb]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "procfile: Procfile: it is not up\n");
    }
}

#[test]
fn a_daemon_that_was_killed_leaves_nothing_in_the_way() {
    // No orphans: the programs end with the daemon, and the next one starts.
    let mut daemon = two();
    let pid = daemon.pid("worker");
    daemon.signal("KILL");
    daemon.ended();
    until("the program has ended, too", || {
        !PathBuf::from(format!("/proc/{pid}")).exists()
    });
    let output = daemon.place().run(&["status"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_daemon_that_was_killed_is_started_again_at_once() {
    // No orphans: what is left of it ends in a moment, and that is waited for.
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port();
    drop(port);
    let text = format!(
        "[programs.web]\ncommand = 'python3 -u -m http.server {number} --bind 127.0.0.1'\n\
         ready = {{ port = {number} }}\n"
    );
    let mut daemon = Place::new("all.toml", &text).up();
    for _ in 0..3 {
        daemon.kill_and_start();
        daemon.until_shown("programs are up", 1);
    }
    daemon.down();
}

#[test]
fn a_signal_stops_all_and_is_no_failure() {
    // R11.
    let mut daemon = two();
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.shown());
}

#[test]
fn a_second_signal_does_not_wait_for_programs() {
    // R11.
    let text = "\
[programs.web]
command = 'trap : TERM; while :; do sleep 0.05; done'
stop = [{ signal = 'TERM', wait = 1000.0 }]
";
    let mut daemon = Place::new("all.toml", text).up();
    let web = daemon.pid("web");
    daemon.signal("TERM");
    until("it stops", || daemon.status("web").0 == "stopping");
    daemon.signal("INT");
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.shown());
    assert!(!PathBuf::from(format!("/proc/{web}")).exists());
}

#[test]
fn a_daemon_that_is_not_up_yet_can_be_stopped() {
    // R11, and its programs are stopped in whatever state they are.
    let text = "\
[programs.never]
command = 'sleep 1000'
ready = { line = 'up' }
[programs.web]
command = 'sleep 1000'
after = ['never']
";
    let daemon = Place::new("all.toml", text).start();
    daemon.until_shown("| started", 1);
    daemon.down();
}

#[test]
fn the_socket_is_the_owners_alone_and_takes_no_other_word() {
    // A socket that others reach would be theirs to command.
    let daemon = two();
    let socket = daemon.socket();
    for folder in socket.ancestors().skip(1).take(2) {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    for word in ["\"down\"x", "\"halt\"", "{\"stop\":{}}", "", "\u{0}"] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        writeln!(stream, "{word}").unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        assert!(answer.starts_with("{\"refused\""), "{answer:?} to {word:?}");
    }
    assert_eq!(daemon.status("web").0, "healthy");
    daemon.down();
}

#[test]
fn programs_start_when_those_are_ready_that_they_wait_for() {
    // R12: an order of readiness, not of time.
    let text = "\
[programs.web]
command = 'echo web starts; exec sleep 1000'
after = ['db', 'cache']
[programs.db]
command = 'sleep 0.2; echo db is ready; exec sleep 1000'
ready = { line = 'is ready' }
[programs.cache]
command = 'echo up >&3; echo cache is ready; exec sleep 1000'
ready = 'descriptor'
after = ['db']
";
    let daemon = Place::new("all.toml", text).up();
    let lines = ["| db is ready", "| cache is ready", "| web starts"];
    for line in lines {
        daemon.until_shown(line, 1);
    }
    let shown = daemon.shown();
    assert!(lines.map(|line| shown.find(line)).is_sorted(), "{shown}");
    daemon.down();
}

#[test]
fn what_the_file_says_of_a_program_holds() {
    // Environment, directory, ladder and restart type.
    let text = r#"
[programs.told]
command = ['sh', '-c', '''
trap "echo got it; exit" INT
echo $GREETING $PWD
while :; do sleep 0.05; done
''']
env = { GREETING = 'hello' }
cwd = '/'
stop = [{ signal = 'INT', wait = 10.0 }]
[programs.once]
command = 'exit 3'
restart = 'temporary'
"#;
    let daemon = Place::new("all.toml", text).start();
    daemon.until_shown("| hello /\n", 1);
    until("it has failed for good", || {
        daemon.status("once").0.starts_with("down")
    });
    daemon.told(&["stop", "told"]);
    daemon.until_shown("| got it", 1);
    daemon.down();
}

#[test]
fn a_program_that_can_never_run_ends_all_with_exit_code_1() {
    // R9: what gives up escalates, and the exit code tells of it.
    let place = Place::new("Procfile", "web: ./script\nworker: sleep 1000\n");
    place.write_script("script", "#!/no/such/interpreter\n");
    let mut daemon = place.start();
    assert_eq!(daemon.ended().code(), Some(1), "{}", daemon.shown());
    assert!(
        daemon.shown().contains("its interpreter is missing"),
        "{}",
        daemon.shown()
    );
}

//! Many clients at one server.

use crate::project::{Counts, Project, is_alive};
use crate::until;

/// A target that says that it runs, and ends when it may.
const GATED: &str = "\
[targets.a]
command = 'echo x >> runs; echo $$ > pid; until [ -e go ]; do sleep 0.02; done; echo a > a'
outputs = ['a']

[targets.b]
command = 'cat a > b'
inputs = ['a']
outputs = ['b']
";

const ASK: [&str; 4] = ["run", "-v", "--server", "server"];

fn pid(project: &Project) -> String {
    until("the command runs", || project.path("pid").exists());
    until("it says which", || project.read("pid").ends_with('\n'));
    project.read("pid").trim().to_owned()
}

#[test]
fn two_clients_at_once_share_one_run() {
    // Rules 1 and 9 of the solver: each has the whole story.
    let project = Project::new(GATED);
    let server = project.serve();
    let mut clients = [project.start("one", &ASK), project.start("two", &ASK)];
    clients
        .iter()
        .for_each(|client| client.until_said("a begins"));
    project.write("go", "");
    for client in &mut clients {
        assert!(client.ended().success(), "{}", client.said());
        let counts = Counts::read(&client.said());
        assert_eq!((counts.ran, counts.stored), (2, 0));
    }
    assert_eq!(project.read("runs"), "x\n");
    assert_eq!(project.read("b"), "a\n");
    server.signal("TERM");
}

#[test]
fn who_leaves_takes_only_what_nobody_else_wants() {
    // Rule 2 of the solver. As with Ctrl-C, which some that start tests have ignored.
    let project = Project::new(GATED);
    let mut server = project.serve();
    let (mut one, mut two) = (project.start("one", &ASK), project.start("two", &ASK));
    one.until_said("a begins");
    two.until_said("a begins");
    let pid = pid(&project);
    one.signal("TERM");
    assert_eq!(one.ended().code(), None, "it ends by the signal");
    let mut three = project.start("three", &ASK);
    three.until_said("a begins");
    assert!(is_alive(&pid), "others want it");
    assert_eq!(project.read("runs"), "x\n");
    two.signal("TERM");
    three.signal("TERM");
    two.ended();
    three.ended();
    until("the command is gone", || !is_alive(&pid));
    assert!(!project.path("a").exists());
    server.signal("TERM");
    assert!(server.ended().success(), "{}", server.said());
}

#[test]
fn who_comes_after_a_change_joins_nothing_of_before() {
    // A vertex holds what files were when its job began, and two do not meet in one output.
    let project = Project::new(
        "[targets.a]\ninputs = ['in']\noutputs = ['a']\ncommand = '''\n\
         mkdir busy || touch met\ncp in copy\n\
         until [ -e go ]; do sleep 0.02; done\n\
         sleep 0.2; cp copy a; rmdir busy\n'''\n",
    );
    project.write("in", "before");
    // Two at once, so that nothing but the output keeps them apart.
    let _server = project.serve();
    let mut one = project.start("one", &ASK);
    until("the first copies", || project.path("copy").exists());
    project.write("in", "after");
    let mut two = project.start("two", &ASK);
    two.until_said("a begins");
    project.write("go", "");
    assert_eq!(one.ended().code(), Some(1));
    assert!(one.said().contains("in was changed while it was used"));
    assert!(two.ended().success(), "{}", two.said());
    assert_eq!(project.read("a"), "after");
    assert!(!project.path("met").exists(), "both were in one output");
}

#[test]
fn a_server_that_stops_says_so_to_those_who_wait() {
    // Rule 10 of the solver.
    let project = Project::new(GATED);
    let mut server = project.serve();
    let mut client = project.start("one", &ASK);
    client.until_said("a begins");
    let pid = pid(&project);
    server.signal("TERM");
    assert_eq!(client.ended().code(), Some(3), "{}", client.said());
    assert!(server.ended().success(), "{}", server.said());
    assert!(!is_alive(&pid));
}

#[test]
fn a_build_of_its_own_is_stopped_by_a_signal() {
    // Its command ends before it does.
    let project = Project::new(GATED);
    let mut build = project.start("one", &["run", "-v"]);
    build.until_said("a begins");
    let pid = pid(&project);
    build.signal("INT");
    assert_eq!(build.ended().code(), Some(130), "{}", build.said());
    assert!(!is_alive(&pid));
}

#[test]
fn a_second_build_in_the_same_folder_waits_for_the_first() {
    // No two write to the same files.
    let project = Project::new(GATED);
    let mut one = project.start("one", &["run", "-v"]);
    one.until_said("a begins");
    let mut two = project.start("two", &["run"]);
    two.until_said("another build is on its way here");
    project.write("go", "");
    assert!(one.ended().success() && two.ended().success());
    assert_eq!(Counts::read(&two.said()).ran, 0);
}

//! Programs that are killed at any moment.

use std::fs;

use crate::project::{Counts, Project, is_alive, send};
use crate::until;

/// One target that ends at once, and one that has half of it written when it waits.
const HALF: &str = "\
[targets.first]
command = 'echo first > first'
outputs = ['first']

[targets.second]
command = '''
printf half > second; echo $$ > pid
until [ -e go ]; do sleep 0.02; done
echo second > second
'''
inputs = ['first']
outputs = ['second']
";

fn pid(project: &Project) -> String {
    until("the command runs", || project.path("pid").exists());
    until("it says which", || project.read("pid").ends_with('\n'));
    project.read("pid").trim().to_owned()
}

#[test]
fn a_server_that_was_killed_finds_what_was_finished_and_nothing_else() {
    // SIGKILL of the server, in the middle of a build and of a file, and again.
    let project = Project::new(HALF);
    for _ in 0..2 {
        let mut server = project.serve();
        let mut client = project.start("one", &["run", "-v", "--server", "server"]);
        client.until_said("second begins");
        let pid = pid(&project);
        server.signal("KILL");
        server.ended();
        assert_eq!(client.ended().code(), Some(3), "{}", client.said());
        until("the command has ended with it", || !is_alive(&pid));
        assert_eq!(project.read("second"), "half");
        fs::remove_file(project.path("pid")).unwrap();
    }
    project.write("go", "");
    let _server = project.serve();
    let counts = project.build(&["--server", "server"]);
    assert_eq!((counts.ran, counts.stored), (1, 1));
    assert_eq!(project.read("second"), "second\n");
}

#[test]
fn a_command_that_was_killed_is_told_and_run_again() {
    // SIGKILL of a command: the server goes on.
    let project = Project::new(HALF);
    let _server = project.serve();
    let mut client = project.start("one", &["run", "-v", "--server", "server"]);
    send("KILL", &pid(&project));
    assert_eq!(client.ended().code(), Some(1));
    let said = client.said();
    let why = "build.toml:5: second: the command ended by SIGKILL";
    assert!(said.contains(why), "{said}");
    project.write("go", "");
    let again = project.start("two", &["run", "-v", "--server", "server"]);
    again.until_said("built in");
    assert_eq!(Counts::read(&again.said()).ran, 1);
    assert_eq!(project.read("second"), "second\n");
}

//! Commands that fail: told with the line of their target, exit code 1.

use crate::project::Project;

/// What is said of a target `a` with this command.
#[track_caller]
fn failed(command: &str) -> String {
    let project = Project::new(&format!(
        "[targets.a]\ncommand = {command}\noutputs = ['a']\ndepfile = 'd'\n\
         [targets.b]\ncommand = 'touch b'\noutputs = ['b']\n"
    ));
    project.fail(1, &["a"])
}

#[test]
fn a_command_that_fails_is_told_with_its_line() {
    // Bad input: what a target names and what it does.
    for (command, why) in [
        ("'exit 3'", "the command exited with code 3"),
        (
            "['no-such-program']",
            "the command cannot be started: there is no program no-such-program",
        ),
        ("'true'", "the command has made no a"),
        ("'touch a'", "the command has written no depfile d"),
        ("'echo > a; echo x > d'", "the depfile d is not one"),
        (
            "'echo > a; echo a: b > d; echo > b'",
            "it reads b, which b makes, and has to depend on that",
        ),
        ("'kill -9 $$'", "the command ended by SIGKILL"),
    ] {
        assert_eq!(failed(command), format!("build.toml:1: a: {why}"));
    }
}

#[test]
fn what_a_command_says_is_shown_and_what_needs_it_is_not_run() {
    // A failure is told once, and is not kept.
    let project = Project::new(
        "[targets.a]\ncommand = 'echo broken >&2; exit 1'\noutputs = ['a']\n\
         [targets.b]\ncommand = 'touch b'\noutputs = ['b']\ndepends = ['a']\n",
    );
    for _ in 0..2 {
        let output = project.run(&["run"]);
        assert_eq!(output.status.code(), Some(1));
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains("a: broken\n"), "{shown}");
        assert!(!project.path("b").exists());
    }
}

#[test]
fn a_file_that_changes_while_it_is_used_is_told() {
    // What came of it may be of neither, and is not kept.
    let project = Project::new(
        "[targets.a]\ncommand = 'cat in > a; echo more >> in'\ninputs = ['in']\noutputs = ['a']\n",
    );
    project.write("in", "first\n");
    let said = project.fail(1, &[]);
    assert!(said.ends_with("in was changed while it was used"), "{said}");
}

#[test]
fn a_command_sees_no_other_environment() {
    // Whoever asks, it is the same command.
    let project = Project::new("[targets.a]\ncommand = 'env > a'\noutputs = ['a']\n");
    let mut command = project.command(&["run"]);
    assert!(
        command
            .env("SECRET", "1")
            .output()
            .unwrap()
            .status
            .success()
    );
    let seen = project.read("a");
    let mut names: Vec<_> = seen
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    // The shell adds its own.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names, ["PATH"]);
}

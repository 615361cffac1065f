//! Build files that are wrong: an error with the line, exit code 2, and nothing begun.

use crate::project::Project;

const GOOD: &str = "[targets.a]\ncommand = 'touch a'\noutputs = ['a']\n";

/// What is said of a file, which is to be refused.
#[track_caller]
fn refused(text: &str) -> String {
    let project = Project::new(text);
    let said = project.fail(2, &[]);
    assert!(!project.path("a").exists(), "it was begun");
    said
}

#[test]
fn each_fault_of_a_build_file_is_told_with_its_line() {
    // Bad input is told whole, and nothing is done.
    let cases = [
        (
            "[targets.b]\ncommand = 'touch b'\noutputs = ['./a']\n",
            "build.toml:6: b makes a, and so does a in line 1",
        ),
        (
            "[targets.b]\ncommand = 'touch b'\noutputs = ['b']\ndepfile = 'a'\n",
            "build.toml:4: b makes a, and so does a in line 1",
        ),
        (
            "[targets.b]\ncommand = 'touch b'\ninputs = ['gone']\noutputs = ['b']\n",
            "build.toml:6: b needs gone, which is missing, and which no target makes",
        ),
        (
            "[targets.b]\ncommand = 'touch b'\noutputs = ['b']\ndepends = ['c']\n",
            "build.toml:7: b depends on c, which is no target here",
        ),
        (
            "[targets.b]\ncommand = ''\noutputs = ['b']\n",
            "build.toml:5: the command of b is empty",
        ),
        (
            "[targets.b]\ncommand = 'true'\n",
            "build.toml:4: b makes nothing: it has no outputs",
        ),
        (
            "[targets.b]\ncommand = 'touch b'\ninputs = ['c']\noutputs = ['b']\n\
             [targets.c]\ncommand = 'touch c'\noutputs = ['c']\ndepends = ['b']\n",
            "build.toml:4: needs itself: b -> c -> b",
        ),
        (
            "[targets.b]\ncommand = 'touch b'\ninputs = ['b']\noutputs = ['b']\n",
            "build.toml:4: needs itself: b -> b",
        ),
    ];
    for (more, fault) in cases {
        assert_eq!(refused(&format!("{GOOD}{more}")), fault);
    }
}

#[test]
fn what_is_no_build_file_is_told_with_its_line() {
    // Bad input: syntax, unknown words, bytes, nothing.
    let said = refused(&format!("{GOOD}[targets.b\n"));
    assert!(said.starts_with("build.toml:4: "), "{said}");
    let said = refused(&format!("{GOOD}output = ['b']\n"));
    assert!(
        said.starts_with("build.toml:4: unknown field `output`"),
        "{said}"
    );
    let said = refused("[targets.a]\ncommand = 3\noutputs = ['a']\n");
    assert!(said.starts_with("build.toml:2: "), "{said}");
    assert!(
        said.ends_with("expected a line for the shell or a list of words"),
        "{said}"
    );
    assert_eq!(refused("# nothing\n"), "build.toml: names no target");
    let project = Project::new(GOOD);
    let said = project.fail(2, &["-f", "other.toml"]);
    assert!(said.starts_with("other.toml: cannot be read: "), "{said}");
    let said = project.fail(2, &["a", "b", "c"]);
    assert_eq!(
        said,
        "build.toml: there is no target b\nbuild.toml: there is no target c"
    );
    std::fs::write(project.path("build.toml"), b"# \xff\n").unwrap();
    assert_eq!(project.fail(2, &[]), "build.toml:1: this is not UTF-8");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    // Nothing is built without one.
    let project = Project::new(GOOD);
    let said = project.fail(2, &["--server", "server"]);
    assert_eq!(said, "server: it is not up");
    assert!(!project.path("server").exists(), "nothing is made for it");
}

#[test]
fn a_graph_is_written_in_dot() {
    // Names are quoted, whatever is in them.
    let project = Project::new(
        "[targets.'a \"b\"']\ncommand = 'touch a'\noutputs = ['a']\n\
         [targets.c]\ncommand = 'touch c'\ninputs = ['a']\noutputs = ['c']\n",
    );
    let drawn = project.run(&["graph"]);
    assert!(drawn.status.success());
    let dot = String::from_utf8(drawn.stdout).unwrap();
    assert!(dot.contains("\"a \\\"b\\\"\" -> \"c\";"), "{dot}");
    let mut command = project.command(&["graph", "--svg"]);
    let without = command.env("PATH", project.folder()).output().unwrap();
    assert_eq!(without.status.code(), Some(1));
    let said = String::from_utf8(without.stderr).unwrap();
    assert!(said.contains("there is no program dot"), "{said}");
}

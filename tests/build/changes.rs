//! What is run again after a change, and what is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::project::{Counts, Project};

/// So many were run, and so many were in the store.
fn counts(counts: Counts) -> (usize, usize) {
    (counts.ran, counts.stored)
}

fn hello(project: &Project) -> String {
    let output = Command::new(project.path("hello")).output();
    let output = output.expect("it is a program");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn only_what_a_change_has_reached_is_made_again() {
    // Rules 4 and 5 of the solver, with a compiler.
    let project = Project::in_c();
    assert_eq!(counts(project.build(&[])), (3, 0));
    assert_eq!(hello(&project), "hello\n");

    let nothing = project.build(&[]);
    let (ran, stored, unneeded, files_read) = (0, 1, 2, 0);
    let expected = Counts {
        ran,
        stored,
        unneeded,
        files_read,
    };
    assert_eq!(nothing, expected, "nothing is run, and nothing is read");

    let main = project.read("main.c");
    project.write("main.c", &main.replace("return 0", "say(WORD); return 0"));
    assert_eq!(
        counts(project.build(&[])),
        (2, 1),
        "its object and the link"
    );
    assert_eq!(hello(&project), "hello\nhello\n");

    project.write(
        "say.h",
        "#define WORD \"bye\"\nvoid say(const char *word);\n",
    );
    assert_eq!(
        counts(project.build(&[])),
        (3, 0),
        "a header is read by both"
    );
    assert_eq!(hello(&project), "bye\nbye\n");

    project.write("say.c", &format!("{}// a comment\n", project.read("say.c")));
    let cut = project.build(&[]);
    assert_eq!(
        counts(cut),
        (1, 1),
        "what has become the same is not linked again"
    );

    project.write("main.c", &main);
    project.write(
        "say.h",
        "#define WORD \"hello\"\nvoid say(const char *word);\n",
    );
    project.build(&[]);
    assert_eq!(hello(&project), "hello\n");
}

#[test]
fn a_header_that_comes_back_is_found_in_the_store() {
    // What was made of it once is not made again.
    let project = Project::in_c();
    project.build(&[]);
    let header = project.read("say.h");
    project.write("say.h", &header.replace("hello", "bye"));
    assert_eq!(project.build(&[]).ran, 3);
    project.write("say.h", &header);
    assert_eq!(project.build(&[]).ran, 0);
    assert_eq!(hello(&project), "hello\n");
}

#[test]
fn what_a_command_has_read_once_is_no_proof_of_what_it_reads_now() {
    // The file that it reads is another one each time, and one of them has changed meanwhile.
    let project = Project::new(
        "[targets.a]\ncommand = 'h=$(cat in); cat $h > a; echo a: $h > d'\n\
         inputs = ['in']\noutputs = ['a']\ndepfile = 'd'\n",
    );
    project.write("x", "x");
    project.write("y", "y, the first");
    for read in ["x", "y", "x"] {
        project.write("in", read);
        project.build(&[]);
        assert!(project.read("a").starts_with(read));
    }
    project.write("y", "y, the second");
    project.write("in", "y");
    project.build(&[]);
    assert_eq!(project.read("a"), "y, the second");
}

#[test]
fn a_command_that_is_another_one_is_run() {
    // What it is counts, with its environment.
    let file = |word: &str, env: &str| {
        format!(
            "[targets.a]\ncommand = 'echo {word} $X > a'\n\
             outputs = ['a']\nenv = {{ X = '{env}' }}\n"
        )
    };
    let project = Project::new(&file("one", "1"));
    for (word, env) in [("one", "1"), ("two", "1"), ("two", "2")] {
        project.write("build.toml", &file(word, env));
        assert_eq!(project.build(&[]).ran, 1);
        assert_eq!(project.read("a"), format!("{word} {env}\n"));
    }
    project.write("build.toml", &file("one", "1"));
    assert_eq!(project.build(&[]).ran, 0);
    assert_eq!(project.read("a"), "one 1\n", "it is put in its place");
}

#[test]
fn what_is_not_in_its_place_is_put_there() {
    // Nothing is run for it, whatever became of the file.
    let project = Project::new(
        "[targets.deep]\ncommand = 'echo \"echo hi\" > sub/a; chmod 755 sub/a'\n\
         outputs = ['sub/a']\n",
    );
    project.build(&[]);
    let file = project.path("sub/a");
    let is_right = || {
        let mode = file.metadata().unwrap().permissions().mode();
        project.read("sub/a") == "echo hi\n" && mode & 0o111 != 0
    };
    assert!(is_right());
    fs::remove_dir_all(project.path("sub")).unwrap();
    assert_eq!(project.build(&[]).ran, 0);
    assert!(is_right());
    project.write("sub/a", "echo ho\n");
    assert_eq!(project.build(&[]).ran, 0);
    assert!(is_right());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(project.build(&[]).ran, 0);
    assert!(is_right());
}

#[test]
fn a_store_that_lost_its_files_is_made_up_for() {
    // Rule 7 of the solver.
    let project = Project::new("[targets.a]\ncommand = 'echo x > a'\noutputs = ['a']\n");
    project.build(&[]);
    fs::remove_file(project.path("a")).unwrap();
    for blob in fs::read_dir(project.path(".build/store/blobs")).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
    assert_eq!(project.build(&[]).ran, 1);
    assert_eq!(project.read("a"), "x\n");
}

#[test]
fn half_a_line_of_the_memory_is_forgotten() {
    // Who is killed while it writes leaves that.
    let project = Project::in_c();
    project.build(&[]);
    let memory = project.read(".build/memory");
    let half = &memory[..memory.len() - 10];
    fs::write(project.path(".build/memory"), half).unwrap();
    assert_eq!(project.build(&[]).ran, 0);
    fs::write(project.path(".build/memory"), "no record\n").unwrap();
    let again = counts(project.build(&[]));
    assert_eq!(
        again,
        (2, 1),
        "what they read is not known; what they make is"
    );
    assert_eq!(hello(&project), "hello\n");
}

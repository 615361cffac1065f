//! Files, links and stores that are not as they should be.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::project::Project;

/// One target that counts how often it is run.
const ONE: &str = "\
[targets.one]
command = 'echo run >> runs; cp in out'
inputs = ['in']
outputs = ['out']
";

fn one() -> Project {
    let project = Project::new(ONE);
    project.write("in", "sound");
    project.build(&[]);
    project
}

fn runs(project: &Project) -> usize {
    project.read("runs").lines().count()
}

/// The blobs that the store has with these bytes.
fn blobs(project: &Project, bytes: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![project.path(".build/store")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it is there").path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).expect("it is there") == bytes.as_bytes() {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "there is none");
    found
}

#[test]
fn what_has_vanished_from_the_store_is_made_again() {
    // Rule 7 of the solver. It has vanished from its place, too.
    let project = one();
    for blob in blobs(&project, "sound") {
        fs::remove_file(blob).unwrap();
    }
    fs::remove_file(project.path("out")).unwrap();
    project.build(&[]);
    assert_eq!((project.read("out").as_str(), runs(&project)), ("sound", 2));
}

#[test]
fn what_was_damaged_in_the_store_is_put_nowhere() {
    // Rule 7 of the solver. It has its size still; it is told once, and made again.
    let project = one();
    for blob in blobs(&project, "sound") {
        fs::remove_file(&blob).unwrap();
        fs::write(blob, "wrong").unwrap();
    }
    fs::remove_file(project.path("out")).unwrap();
    let said = project.fail(1, &[]);
    assert!(said.contains("out was damaged in the store"), "{said}");
    assert!(!project.path("out").exists());
    project.build(&[]);
    assert_eq!((project.read("out").as_str(), runs(&project)), ("sound", 2));
}

#[test]
fn an_output_in_the_place_of_a_folder_is_told_with_its_path() {
    // Bad input. What is in the folder is left alone.
    let project = Project::new(ONE);
    project.write("in", "sound");
    fs::create_dir(project.path("out")).unwrap();
    project.write("out/precious", "kept");
    let said = project.fail(1, &[]);
    assert!(said.contains("out: Is a directory"), "{said}");
    assert_eq!(project.read("out/precious"), "kept");
}

#[test]
fn a_memory_that_is_torn_is_read_as_far_as_it_is_sound() {
    // SIGKILL, or a full disk, in the middle of a record. Others come after it.
    let project = one();
    let memory = project.path(".build/memory");
    let text = fs::read_to_string(&memory).unwrap();
    let (half, _) = text.split_at(text.len() / 2);
    fs::write(&memory, format!("{half}\0\u{7f}{text}")).unwrap();
    project.build(&[]);
    assert_eq!((project.read("out").as_str(), runs(&project)), ("sound", 1));
    assert_eq!(project.build(&[]).files_read, 0);
}

#[test]
fn a_file_that_was_changed_with_its_time_kept_is_read_again() {
    // Clocks. Of the same size, too.
    let project = one();
    let as_before = project.path("as-before");
    let touch = |what: PathBuf, like: PathBuf| {
        let done = Command::new("touch").arg("-r").args([like, what]).status();
        assert!(done.unwrap().success());
    };
    fs::write(&as_before, "").unwrap();
    touch(as_before.clone(), project.path("in"));
    project.write("in", "other");
    touch(project.path("in"), as_before);
    project.build(&[]);
    assert_eq!(project.read("out"), "other");
}

#[test]
fn an_output_that_is_a_link_is_what_it_leads_to() {
    // Links. It is taken away as a link, and what it leads to is left alone.
    let project = Project::new(
        "[targets.one]\ncommand = 'ln -s in out'\ninputs = ['in']\noutputs = ['out']\n",
    );
    project.write("in", "first");
    assert_eq!(project.build(&[]).ran, 1);
    assert_eq!(project.build(&[]).ran, 0);
    project.write("in", "second");
    assert_eq!(project.build(&[]).ran, 1);
    assert_eq!(project.read("out"), "second");
    assert_eq!(project.read("in"), "second");
}

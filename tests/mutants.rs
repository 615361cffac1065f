//! The list of planted bugs stays in step with the source and the tests. `cargo test --test hunt`
//! plants each of them and sees it found.

#[path = "mutants/list.rs"]
mod list;

use std::collections::BTreeSet;
use std::fs;

use list::{Finder, mutants};

/// One mutant in so many may be found by nobody.
const LOST_IN: usize = 20;

fn read(file: &str) -> String {
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The text of all files of a folder.
fn read_all(folder: &str) -> String {
    let path = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(path).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let rust = names.filter(|name| name.ends_with(".rs"));
    rust.map(|name| read(&format!("{folder}/{name}"))).collect()
}

#[test]
fn every_mutant_changes_one_place_of_the_source() {
    // L1, L2, L3, L5, L6, L9, L10. Else it would prove nothing.
    for mutant in mutants() {
        let times = read(mutant.file).matches(mutant.old).count();
        assert_eq!(times, 1, "{:?} in {}", mutant.name, mutant.file);
        assert_ne!(mutant.old, mutant.new, "{:?}", mutant.name);
    }
}

#[test]
fn every_mutant_is_found_by_a_test_that_is_there() {
    // L1, L2, L3, L5, L6, L9, L10. But for one in twenty, which says why.
    let names: BTreeSet<_> = mutants().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), mutants().count(), "a name stands twice");
    let mut lost = 0;
    for mutant in mutants() {
        let (tests, test) = match mutant.found_by {
            Finder::Lib(file, test) => (read(&format!("src/tree/tests/{file}.rs")), test),
            Finder::Unit(file, test) => (read(&format!("src/{file}_tests.rs")), test),
            Finder::Test(file, test) => (read(&format!("tests/{file}.rs")), test),
            Finder::Schedules(test) => (read_all("tests/schedules"), test),
            Finder::Nobody(why) => {
                println!("{}: {why}", mutant.name);
                lost += 1;
                continue;
            }
        };
        let is_there = tests.contains(&format!("fn {test}("));
        assert!(
            is_there,
            "{:?} is found by {test}, which is gone",
            mutant.name
        );
    }
    assert!(
        names.len() >= LOST_IN && lost * LOST_IN <= names.len(),
        "{lost} are lost"
    );
}

//! The style guide, executed: each test is a rule of `CONTRIBUTING.md`, and each failure names the
//! file, the line and what to do instead.
//!
//! The checks are functions of sources, so `planted` runs them over faults it makes up: a check
//! that cannot fail is a defect.

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/seam.rs"]
mod seam;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

use layers::House;
use shape::Exceptions;
use source::{Fault, Source};

/// Files that need a function no safe crate offers.
const UNSAFE: Exceptions<'_> = &[];

/// Files outside of the runtime that start something.
const SPAWNING: Exceptions<'_> = &[(
    "src/store/handle.rs",
    "file work on blocking threads: short, whole whoever waits for it, and not for abort",
)];

/// Tests that cannot put the clock on pause, because somebody outside the process has it.
const SLEEPING: Exceptions<'_> = &[
    (
        "tests/daemons/until.rs",
        "the daemon under test is a process of its own, reached through sockets",
    ),
    ("tests/process/common.rs", PROGRAMS),
    ("tests/process/guarded/matrix.rs", PROGRAMS),
    ("tests/process/guarded/owner.rs", PROGRAMS),
    ("tests/process/nodes.rs", PROGRAMS),
];

const PROGRAMS: &str = "programs of the system have the system's clock";

#[test]
fn every_module_knows_only_the_layers_below_it() {
    let house = House::new(&Source::read("src/lib.rs"), &Source::read("Cargo.toml"));
    expect_none(layers::check(&house, &Source::all("src", ".rs")));
}

#[test]
fn lib_holds_no_logic() {
    expect_none(shape::logic_in_lib(&Source::read("src/lib.rs")));
}

#[test]
fn every_line_fits_in_a_hundred_characters() {
    expect_none(shape::long_lines(&rust()));
}

#[test]
fn every_file_of_the_crate_fits_in_five_hundred_lines() {
    expect_none(shape::long_files(&Source::all("src", ".rs")));
}

#[test]
fn nothing_is_left_unfinished() {
    expect_none(shape::unfinished(&rust()));
}

#[test]
fn no_lint_is_switched_off_without_a_reason() {
    expect_none(shape::lints_switched_off(&rust()));
}

#[test]
fn nothing_is_unsafe() {
    expect_none(shape::unsafe_code(&rust(), UNSAFE));
}

#[test]
fn every_file_of_the_crate_is_declared() {
    expect_none(shape::dead_files(&Source::all("src", ".rs")));
}

#[test]
fn tasks_are_spawned_in_one_file_of_the_runtime() {
    expect_none(shape::spawning(&Source::all("src", ".rs"), SPAWNING));
}

#[test]
fn what_the_runtime_shares_comes_through_its_seam() {
    expect_none(seam::beside_the_seam(&Source::all("src", ".rs")));
}

#[test]
fn no_test_sleeps_for_real() {
    expect_none(shape::real_sleeps(&rust(), SLEEPING));
}

#[test]
fn every_document_has_one_title() {
    expect_none(shape::titles(&documents()));
}

#[test]
fn every_rule_is_defined_once() {
    expect_none(rules::defined_twice(&semantics()));
}

#[test]
fn every_rule_that_is_cited_exists() {
    expect_none(rules::unknown_citations(&semantics(), &rust()));
}

#[test]
fn every_rule_is_tested_or_said_to_be_missing() {
    expect_none(rules::untested(&semantics(), &rust()));
}

/// Every Rust file we wrote.
fn rust() -> Vec<Source> {
    let folders = ["src", "tests", "examples", "benches", "fuzz/fuzz_targets"];
    folders
        .iter()
        .flat_map(|folder| Source::all(folder, ".rs"))
        .collect()
}

fn documents() -> Vec<Source> {
    let guides = Source::all("docs", ".md");
    Source::beside(".", ".md")
        .into_iter()
        .chain(guides)
        .collect()
}

fn semantics() -> Source {
    Source::read("docs/semantics.md")
}

#[track_caller]
fn expect_none(faults: Vec<Fault>) {
    let list: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(
        list.is_empty(),
        "{} to put right:\n{}",
        list.len(),
        list.join("\n")
    );
}

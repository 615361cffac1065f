//! The same histories on supervisors of Erlang's OTP and here: who starts, who stops and in which
//! order, what an order is answered, and what is there after each step.
//!
//! The scripts are in `differential/scripts/`, and some are drawn from a seed. Where the two sides
//! differ, `differential/differences.txt` says why they do; a difference that is not told there
//! fails, and so does one that is told and not found.
//!
//! `DIFFERENTIAL_SEED` sets the first seed, and `DIFFERENTIAL_SCRIPTS` how many are drawn.
#![cfg(feature = "testing")]

use std::collections::BTreeSet;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

#[path = "differential/compare.rs"]
mod compare;
#[path = "differential/otp.rs"]
mod otp;
#[path = "differential/ours.rs"]
mod ours;
#[path = "differential/player.rs"]
mod player;
#[path = "differential/random.rs"]
mod random;
#[path = "differential/script.rs"]
mod script;
#[path = "differential/step.rs"]
mod step;

use compare::{Comparison, Intended};
use script::Script;

const SCRIPTS: [&str; 8] = [
    include_str!("differential/scripts/starting.txt"),
    include_str!("differential/scripts/endings.txt"),
    include_str!("differential/scripts/strategies.txt"),
    include_str!("differential/scripts/intensity.txt"),
    include_str!("differential/scripts/nested.txt"),
    include_str!("differential/scripts/stopping.txt"),
    include_str!("differential/scripts/orders.txt"),
    include_str!("differential/scripts/significant.txt"),
];

const DIFFERENCES: &str = include_str!("differential/differences.txt");

/// The first seed, and how many scripts are drawn, unless the environment says otherwise.
const SEED: u64 = 0;
const DRAWN: u64 = 20;

#[test]
fn supervisors_do_here_what_they_do_in_otp_or_what_is_told() {
    // R5, R6, R9, R10, R10b, R10c, R16. All scripts, those of the files and those drawn.
    let begun = Instant::now();
    let (seed, count) = (
        number("DIFFERENTIAL_SEED", SEED),
        number("DIFFERENTIAL_SCRIPTS", DRAWN),
    );
    println!("DIFFERENTIAL_SEED={seed}, DIFFERENTIAL_SCRIPTS={count}");
    let mut scripts: Vec<_> = SCRIPTS.iter().flat_map(|text| Script::read(text)).collect();
    scripts.extend((seed..seed + count).map(random::script));
    let otp = otp::play(otp::ESCRIPT, &scripts).unwrap_or_else(|why| panic!("{why}"));
    let intended = Intended::read(DIFFERENCES);
    let mut comparison = Comparison::default();
    for script in &scripts {
        let theirs = otp.get(&script.name).expect("each script has its trace");
        comparison.add(&intended, &script.name, theirs, &play(script));
    }
    let names: BTreeSet<_> = scripts.iter().map(|script| script.name.as_str()).collect();
    assert_eq!(
        names.len(),
        scripts.len(),
        "each script has a name of its own"
    );
    comparison.finish(&intended, &names);
    let Comparison {
        lines,
        differences,
        faults,
        ..
    } = comparison;
    println!(
        "{} scripts compared, {lines} lines, {differences} intended differences in {:.1} s",
        scripts.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(
        faults.is_empty(),
        "{} to explain:\n\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Plays a script here. What broke it is printed by the harness, and the others are played, too.
fn play(script: &Script) -> Vec<String> {
    let played = catch_unwind(AssertUnwindSafe(|| player::play(script)));
    played.unwrap_or_else(|_| {
        vec![format!(
            "broken here: see what is printed about {}",
            script.name
        )]
    })
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let value = env::var(variable).ok();
    value.map_or(otherwise, |value| value.parse().expect("a number"))
}

#[test]
fn an_erlang_that_is_missing_is_asked_for_in_words() {
    // R5. Without the other side nothing is compared, which must not look like agreement.
    let why = otp::play("no-such-escript", &[]).unwrap_err();
    assert!(why.contains("install erlang-base"), "{why}");
}

#[test]
fn a_script_that_cannot_be_played_there_is_named() {
    // R5. A trace that is not there must not look like agreement, either.
    let script = Script::read("script odd\nsup one_for_one 1/1000\nchild a\n> start z");
    let why = otp::play(otp::ESCRIPT, &script).unwrap_err();
    assert!(why.contains("odd"), "{why}");
}

const TOLD: &str = "\
# A comment.

script one
why R6. The reason.
  start a
- start b
+ = gone

everywhere kept
why R16. The reason.
";

/// What is wrong with these traces of the script `one`.
fn compare(otp: &[&str], ours: &[&str]) -> Vec<String> {
    let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut comparison = Comparison::default();
    let intended = Intended::read(TOLD);
    comparison.add(&intended, "one", &lines(otp), &lines(ours));
    comparison.add(&intended, "two", &lines(&["="]), &lines(&["= x kept"]));
    comparison.finish(&intended, &BTreeSet::from(["one", "two"]));
    comparison.faults
}

#[test]
fn a_difference_that_is_told_is_no_fault() {
    // R6. As the entry says.
    assert!(compare(&["start a", "start b"], &["start a", "= gone"]).is_empty());
}

#[test]
fn a_difference_that_is_told_and_gone_is_a_fault() {
    // R6. An entry that is not true any more has to go.
    let faults = compare(&["start a"], &["start a"]);
    assert!(faults[0].contains("does not"), "{faults:?}");
}

#[test]
fn a_difference_of_another_kind_is_a_fault() {
    // R6. The same script, and a line more.
    let faults = compare(&["start a", "start b"], &["start a", "= gone", "start b"]);
    assert!(faults[0].contains("another way"), "{faults:?}");
}

#[test]
fn a_difference_that_nobody_has_told_is_a_fault() {
    // R6. Nothing is intended here.
    let mut comparison = Comparison::default();
    comparison.add(&Intended::default(), "one", &["start a".into()], &[]);
    assert!(
        comparison.faults[0].contains("nobody"),
        "{:?}",
        comparison.faults
    );
}

#[test]
fn an_entry_of_no_script_is_a_fault() {
    // R6. Such as one whose script has another name now.
    let intended = Intended::read(TOLD);
    let mut comparison = Comparison::default();
    comparison.finish(&intended, &BTreeSet::from(["two"]));
    let faults = comparison.faults;
    assert_eq!(
        faults.len(),
        2,
        "the script, and what is nowhere: {faults:?}"
    );
}

//! Some worlds in each run of the tests, and proof that what goes wrong is noticed.

use std::hash::{BuildHasher as _, RandomState};

use crate::naive::{FLAWS, Flaw};
use crate::planted::{LIES, Planted};
use crate::seed::{Broken, COMPARED_ONE_IN, Trial, play_seed, play_trees};
use crate::shrink::{play, shrink, tell};

/// How many worlds are played, each with as many faults.
const WORLDS: u64 = 24;
const FAULTS: u64 = 100;

/// Within how many worlds something planted has to be noticed.
const WORLDS_TO_NOTICE_MAX: u64 = 400;

/// A history that was cut down has no more acts than this.
const ACTS_MAX: usize = 12;

/// What has to be in the log of some worlds.
const REACHED: [&str; 36] = [
    " down: budget spent",
    " down: start failed",
    " down: terminated",
    " exited: ",
    " was not healthy within ",
    " ordered to be removed",
    " ordered to restart",
    " ordered to start",
    " ordered to terminate",
    " removed\n",
    " stopping, told by order restart ",
    " stopping, told by significant children ",
    " absorbed by the restart of ",
    " aborted\n",
    " budget spent: ",
    " down: failed",
    " down: finished",
    " down: gave up",
    " down: leaked",
    " down: stopped",
    " down: temporary",
    " escalated to ",
    " escalated: the tree ends",
    " fell with group ",
    " finishing",
    " leak ended",
    " leaked\n",
    " restart cut short",
    " signal healthy ignored",
    " started again",
    " stopping, told by group ",
    " stopping, told by parent ",
    " stopping, told by itself ",
    " ended: finished",
    " ended: stopped",
    " the processor is late",
];

fn trial(planted: Option<Planted>) -> Trial {
    Trial {
        faults: 30,
        is_compared: matches!(planted, Some(Planted::Flaw(_))),
        planted,
    }
}

/// The first world in which something planted is noticed for such a reason.
fn noticed(planted: Planted, reason: &str) -> Option<Box<Broken>> {
    let trial = trial(Some(planted));
    let mut broken =
        (0..WORLDS_TO_NOTICE_MAX).filter_map(|seed| play_trees(seed, trial, &mut None).err());
    broken.find(|broken| broken.reason.starts_with(reason))
}

#[test]
fn the_core_keeps_the_laws_in_every_world() {
    // L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, R13,
    // R10b, R10c, R14, R16. And it agrees with the naive tree. Two worlds are drawn, the others
    // are always the same.
    let drawn = RandomState::new().hash_one(0) >> 32;
    for seed in (0..WORLDS).chain([drawn, drawn * COMPARED_ONE_IN]) {
        if let Err(broken) = play_seed(seed, Trial::of(seed, FAULTS)) {
            let command = format!("--example simulate -- --seed {seed} --faults {FAULTS}");
            panic!("cargo run {command}: {}", broken.reason);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_log() {
    // L7. To the byte; and another seed another one.
    let log = |seed| {
        let mut log = Some(String::new());
        play_trees(seed, trial(None), &mut log).unwrap();
        log.unwrap()
    };
    assert_eq!(log(7), log(7));
    assert_ne!(log(7), log(8));
}

#[test]
fn the_worlds_reach_all_that_can_happen() {
    // L2, L3, L4, R2, R6, R9, R10, R10b, R10c, R11, R16. What is never played is never checked.
    let mut log = Some(String::new());
    for seed in 0..WORLDS {
        play_trees(seed, Trial::of(seed, FAULTS), &mut log).unwrap();
    }
    let log = log.unwrap();
    let missing = REACHED.iter().filter(|what| !log.contains(**what));
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "no world reaches {missing:?}");
}

#[test]
fn a_lie_about_what_the_core_did_breaks_its_law() {
    // L1, L2, L3, L4, L5, L6, L8, L9, L10, R9, R10, R10b. A law that cannot be broken is a defect.
    for (lie, law) in LIES {
        let broken = noticed(Planted::Lie(lie), &format!("{law}:"));
        assert!(broken.is_some(), "{lie:?} does not break {law}");
    }
}

#[test]
fn a_wrong_reading_of_the_rules_is_noticed() {
    // R4, R5, R6, R8, R9, R10, R10b, R10c, R11, R13, R16. A comparison that cannot fail is a
    // defect.
    // Nobody beats here: `tests/model.rs` has nodes that do.
    for flaw in FLAWS
        .into_iter()
        .filter(|flaw| *flaw != Flaw::BeatsAreNotHeard)
    {
        let broken = noticed(Planted::Flaw(flaw), "");
        assert!(broken.is_some(), "{flaw:?} is not noticed");
    }
}

#[test]
fn a_tree_that_does_not_settle_is_noticed() {
    // R12. The storm is over, and nobody behaves.
    assert!(noticed(Planted::Grudge, "liveness:").is_some());
}

#[test]
fn a_failing_history_is_cut_down_to_few_acts() {
    // L3, L9. It fails as before, and says how.
    for (lie, law) in LIES {
        let planted = Planted::Lie(lie);
        let Broken {
            history, reason, ..
        } = *noticed(planted, &format!("{law}:")).unwrap();
        let shrunk = shrink(history.unwrap(), &reason, Some(planted));
        let why = play(&shrunk, Some(planted)).unwrap_err();
        assert!(why.starts_with(law), "{lie:?}: {why}");
        assert!(
            shrunk.acts.len() <= ACTS_MAX,
            "{lie:?}: {}",
            tell(&shrunk, Some(planted))
        );
    }
}

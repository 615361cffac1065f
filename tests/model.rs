//! Random histories, played to the core and to a naive second implementation of the rules, which
//! have to agree after every step; and the laws, asserted on what the core is seen to do.
//!
//! `PROPTEST_CASES` sets how many histories are played, and `PROPTEST_RNG_SEED` repeats a run.

#[path = "model/actions.rs"]
mod actions;
#[path = "model/acts.rs"]
mod acts;
#[path = "../examples/simulate/choices.rs"]
mod choices;
#[path = "model/declare.rs"]
mod declare;
#[path = "model/groups.rs"]
mod groups;
#[path = "model/history.rs"]
mod history;
#[path = "model/laws.rs"]
mod laws;
#[path = "model/moments.rs"]
mod moments;
#[path = "../examples/simulate/naive/mod.rs"]
mod naive;
#[path = "model/options.rs"]
mod options;
#[path = "model/orders.rs"]
mod orders;
#[path = "model/planted.rs"]
mod planted;
#[path = "model/shrink.rs"]
mod shrink;
#[path = "model/world.rs"]
mod world;

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use world::{Planted, Tally, play};

/// How many histories are played unless the environment says otherwise.
const CASES: u32 = 600;

/// Within how many histories something planted has to be noticed.
const CASES_TO_NOTICE_MAX: usize = 3000;

/// What has to happen somewhere in [`CASES`] histories.
const REACHED: [&str; 37] = [
    "Aborted",
    "Absorbed",
    "BudgetSpent",
    "CutShort",
    "Down { reason: Failed }",
    "Down { reason: Finished }",
    "Down { reason: GaveUp }",
    "Down { reason: Leaked }",
    "Down { reason: Spent }",
    "Down { reason: StartFailed }",
    "Down { reason: Stopped }",
    "Down { reason: Temporary }",
    "Down { reason: Terminated }",
    "End Failure",
    "End Finished",
    "End Stopped",
    "Escalated",
    "Fell",
    "Finishing",
    "LeakEnded",
    "Leaked",
    "Order Remove",
    "Order Restart",
    "Order Start",
    "Order Terminate",
    "OwnedPanicked",
    "Refusal Gone",
    "Refusal Leaked",
    "Refusal Root",
    "Refusal Running",
    "Refusal Stopping",
    "Refusal TreeStops",
    "Removed",
    "RestartScheduled",
    "SignalIgnored",
    "StartedAgain",
    "Stopping",
];

fn config() -> Config {
    let config = Config::default();
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(0),
    };
    Config {
        cases: if is_set { config.cases } else { CASES },
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 0,
        ..config
    }
}

/// Whether one of some histories goes wrong, and for such a reason.
fn is_noticed(planted: Planted, reason: &str) -> bool {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(5),
        ..Config::default()
    });
    let histories = history::histories();
    (0..CASES_TO_NOTICE_MAX).any(|_| {
        let history = histories
            .new_tree(&mut runner)
            .expect("nothing is filtered")
            .current();
        let broken = play(&history, Some(planted)).err();
        broken.is_some_and(|broken| broken.reason.starts_with(reason))
    })
}

/// Plays histories of one seed, and counts what happened in them.
fn play_all(config: Config, tally: &RefCell<Tally>) {
    let seed = config.rng_seed;
    let result = TestRunner::new(config).run(&history::histories(), |history| {
        let played = play(&history, None);
        for (what, times) in played.iter().flatten() {
            *tally.borrow_mut().entry(what.clone()).or_default() += times;
        }
        played
            .map(|_| ())
            .map_err(|broken| TestCaseError::fail(broken.reason))
    });
    if let Err(TestError::Fail(_, history)) = result {
        let broken = play(&shrink::shrink(history), None);
        let broken = broken.expect_err("it went wrong before");
        panic!("PROPTEST_RNG_SEED is {seed:?}, and the shortest history found is\n{broken}");
    }
}

#[test]
fn the_core_agrees_with_the_rules_in_every_history() {
    // L1, L2, L3, L4, L5, L6, L10, R2, R3, R4, R5, R6, R7, R8, R9, R10, R10b, R10c, R11, R12, R14,
    // R16. Compared with the naive tree after every fact and every pass.
    let config = config();
    let tally = RefCell::new(Tally::new());
    play_all(config.clone(), &tally);
    println!("{:?}: {:#?}", config.rng_seed, tally.borrow());
}

#[test]
fn the_histories_reach_everything_that_the_rules_speak_of() {
    // L1, L2, L3, L4, L5, L6, L10, R10b. The seed is fixed: what is rare is missed by some seeds.
    let config = Config {
        cases: CASES,
        rng_seed: RngSeed::Fixed(5),
        ..config()
    };
    let tally = RefCell::new(Tally::new());
    play_all(config, &tally);
    let tally = tally.take();
    let is_missing = |what: &&&str| !tally.contains_key(**what);
    let missing: Vec<_> = REACHED.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "no history reaches {missing:?}");
}

#[test]
fn a_wrong_reading_of_the_rules_is_noticed() {
    // R4, R5, R6, R8, R9, R10, R10b, R10c, R11, R13, R16. A comparison that cannot fail is a
    // defect.
    for flaw in naive::FLAWS {
        assert!(
            is_noticed(Planted::Flaw(flaw), ""),
            "{flaw:?} is not noticed"
        );
    }
}

#[test]
fn a_lie_about_what_the_core_did_breaks_its_law() {
    // L1, L2, L3, L4, L5, L6, L10, R10b. An assertion that cannot fail is a defect.
    for (lie, law) in planted::LIES {
        let is_noticed = is_noticed(Planted::Lie(lie), &format!("{law}:"));
        assert!(is_noticed, "{lie:?} does not break {law}");
    }
}

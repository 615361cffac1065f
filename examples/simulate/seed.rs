//! What is played from one seed: tree after tree, until there were enough faults.

use rand::rngs::Xoshiro256PlusPlus as Rng;
use rand::{RngExt, SeedableRng};

use crate::act::History;
use crate::planted::Planted;
use crate::tally::Tally;
use crate::tree::play_tree;

/// One seed in this many is played beside the naive tree.
pub(crate) const COMPARED_ONE_IN: u64 = 4;

/// One seed in this many is played twice more, and the logs are compared (L7).
pub(crate) const TWICE_ONE_IN: u64 = 32;

/// What went wrong, and where.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) seed: u64,
    pub(crate) reason: String,
    /// The tree in which it did, unless it is no matter of one.
    pub(crate) history: Option<History>,
}

/// How a seed is to be played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    /// At least as many faults.
    pub(crate) faults: u64,
    pub(crate) is_compared: bool,
    pub(crate) planted: Option<Planted>,
}

impl Trial {
    /// What this seed is played for in a run of many.
    pub(crate) const fn of(seed: u64, faults: u64) -> Self {
        Self {
            faults,
            is_compared: seed.is_multiple_of(COMPARED_ONE_IN),
            planted: None,
        }
    }
}

/// Plays a seed, and if its turn has come, plays it twice more.
pub(crate) fn play_seed(seed: u64, trial: Trial) -> Result<Tally, Box<Broken>> {
    let tally = play_trees(seed, trial, &mut None)?;
    if seed % TWICE_ONE_IN == 1 {
        return Ok(tally.merged(&play_twice(seed, trial)?));
    }
    Ok(tally)
}

/// L7: the same seed gives the same log, to the byte.
fn play_twice(seed: u64, trial: Trial) -> Result<Tally, Box<Broken>> {
    let log = || {
        let mut log = Some(String::new());
        play_trees(seed, trial, &mut log).map(|_| log.unwrap_or_default())
    };
    let (first, second) = (log()?, log()?);
    if first == second {
        return Ok(Tally {
            twice: 1,
            bytes: first.len(),
            ..Tally::default()
        });
    }
    let lines = first.lines().zip(second.lines());
    let differ = lines.into_iter().find(|(first, second)| first != second);
    let (first, second) = differ.unwrap_or_default();
    Err(Box::new(Broken {
        seed,
        reason: format!("L7: played twice, it is not the same\n  {first}\n  {second}"),
        history: None,
    }))
}

/// Plays the trees of a seed, and writes their log if one is wanted.
pub(crate) fn play_trees(
    seed: u64,
    trial: Trial,
    log: &mut Option<String>,
) -> Result<Tally, Box<Broken>> {
    let mut tally = Tally {
        worlds: 1,
        ..Tally::default()
    };
    let mut trees = Rng::seed_from_u64(seed);
    while tally.faults.total() < trial.faults {
        let wanted = Trial {
            faults: trial.faults - tally.faults.total(),
            ..trial
        };
        let one = play_tree(trees.random(), wanted, log);
        tally = tally.merged(&one.map_err(|(reason, history)| {
            Box::new(Broken {
                seed,
                reason,
                history: Some(*history),
            })
        })?);
    }
    Ok(tally)
}

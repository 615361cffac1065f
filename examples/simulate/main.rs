//! Plays random worlds to the pure core of the supervision tree, without tokio: trees of all
//! shapes, whose nodes fail, hang, leak, give up and restart, in simulated time.
//!
//! After every call the invariants of the core are asserted and the laws are checked; some of the
//! worlds are played beside the naive tree, a second implementation of the rules that has to agree
//! after every step, and some twice, to be the same to the byte (L7). When the faults stop, each
//! tree has to settle or to end within a bound; then it is stopped, and has to end in time.
//!
//! ```sh
//! cargo run --release --example simulate -- --seconds 60
//! cargo run --release --example simulate -- --seed 42     # one world, with all that happens
//! ```
//!
//! A failure prints its seed and the shortest history found that fails in the same way, and the
//! exit code is 1.

mod args;
mod crew;
mod tally;

mod panics;
mod seed;
mod shrink;
mod tree;

mod act;
mod calm;
mod draw;
mod faults;
mod storm;
mod taste;
mod world;

mod call;
mod deeds;
mod player;

mod monitor;
mod twin;

mod choices;
mod naive;
mod planted;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use crate::args::Args;
use crate::panics::keep_panics;
use crate::seed::{Broken, Trial, play_seed, play_trees};

fn main() -> ExitCode {
    let args = Args::parse();
    keep_panics();
    let broken = match args.seed {
        Some(seed) => play_one(seed, args.faults),
        None => play_many(&args),
    };
    match broken {
        None => ExitCode::SUCCESS,
        Some(broken) => {
            report(&broken, args.faults);
            ExitCode::FAILURE
        }
    }
}

/// Plays one world, and prints what happens.
fn play_one(seed: u64, faults: u64) -> Option<Box<Broken>> {
    let trial = Trial::of(seed, faults);
    let mut log = Some(String::new());
    let start = Instant::now();
    let result = play_trees(seed, trial, &mut log);
    print!("{}", log.unwrap_or_default());
    match result.and_then(|tally| play_seed(seed, trial).map(|_| tally)) {
        Ok(tally) => {
            println!("{}nothing is wrong", tally.table(start.elapsed()));
            None
        }
        Err(broken) => Some(broken),
    }
}

fn play_many(args: &Args) -> Option<Box<Broken>> {
    let start = Instant::now();
    let (tally, broken) = crew::play(args);
    print!("{}", tally.table(start.elapsed()));
    broken
}

fn report(broken: &Broken, faults: u64) {
    let Broken {
        seed,
        reason,
        history,
    } = broken;
    println!("\nworld {seed} fails: {reason}");
    println!("cargo run --release --example simulate -- --seed {seed} --faults {faults}\n");
    let Some(history) = history else { return };
    let shrunk = shrink::shrink(history.clone(), reason, None);
    let (from, to) = (history.acts.len(), shrunk.acts.len());
    println!("shrunk from {from} acts to {to}:");
    println!("{}", shrink::tell(&shrunk, None));
}

#[cfg(test)]
mod tests;

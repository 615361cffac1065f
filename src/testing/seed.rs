//! Where the seed of a test comes from, and how a failure is played again.

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::thread;

/// The environment variable that sets the seed of every test, to play a failure again.
pub const SEED_VARIABLE: &str = "PERENNIAL_SEED";

/// The seed of a test: from the environment, as chosen, or drawn.
///
/// # Panics
///
/// If the environment holds no number.
pub(super) fn seed(chosen: Option<u64>) -> u64 {
    let given = env::var(SEED_VARIABLE).ok().map(|text| {
        let seed = text.parse();
        seed.unwrap_or_else(|_| {
            panic!("{SEED_VARIABLE} is {text:?}, which is no number of 64 bits")
        })
    });
    // The seeds of hash maps are random.
    let drawn = || RandomState::new().hash_one(0);
    given.or(chosen).unwrap_or_else(drawn)
}

/// The command that plays the test of this thread again. Features that the test needs have to be
/// added: a test does not know them.
pub(super) fn replay(seed: u64) -> String {
    let mut command = format!("{SEED_VARIABLE}={seed} cargo test");
    if let Ok(package) = env::var("CARGO_PKG_NAME") {
        command += &format!(" -p {package}");
    }
    // The test runner names a thread after its test, unless it runs all of them in its own.
    match thread::current().name() {
        Some(test) if test != "main" => command + &format!(" -- --exact {test}"),
        Some(_) | None => command,
    }
}

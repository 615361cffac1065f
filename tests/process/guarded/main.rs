//! Programs with a guard: terminals, ready descriptors, and what becomes of programs when their
//! owner is killed.
//!
//! `guard()` has to be first in `main`, so this has a `main` of its own. The owners that are killed
//! are this binary once more, in another role.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, though none has the attribute"
)]

#[path = "../common.rs"]
mod common;
mod limits;
mod matrix;
mod owner;
mod staged;

use std::env;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

use perennial::process;

type Test = (&'static str, fn());

fn main() -> ExitCode {
    // An owner without a guard is one of the cases.
    if !owner::is_unguarded() {
        process::guard();
    }
    if let Some(role) = owner::role() {
        owner::play(&role);
        return ExitCode::SUCCESS;
    }
    let words: Vec<_> = env::args().skip(1).collect();
    if words.iter().any(|word| word == "--ignored") {
        return ExitCode::SUCCESS;
    }
    let is_chosen = |(name, _): &&Test| {
        let mut words = words
            .iter()
            .filter(|word| !word.starts_with('-'))
            .peekable();
        words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
    };
    let (mut passed, mut failed) = (0, 0);
    let tests = [staged::TESTS, matrix::TESTS, limits::TESTS];
    for (name, test) in tests.into_iter().flatten().filter(is_chosen) {
        let begun = Instant::now();
        let is_passed = catch_unwind(test).is_ok();
        let verdict = if is_passed { "ok" } else { "FAILED" };
        println!("test {name} ... {verdict} ({:?})", begun.elapsed());
        *(if is_passed { &mut passed } else { &mut failed }) += 1;
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

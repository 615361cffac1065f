//! How many instructions each path through the core executes, which no other load of the machine
//! changes: counted by callgrind, and compared with what is kept.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::Walk;

/// What is kept, beside this file.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/tree/instructions.txt");

/// How many nodes the tree has.
const NODES: usize = 1_000;

/// How often a path is gone in the shorter of two runs; the longer one goes it twice as often, so
/// that what a run costs besides cancels out.
const TIMES: usize = 2_000;

/// Counts, and prints what is kept beside it; or keeps it.
///
/// # Errors
///
/// If valgrind is not there or fails, or a file cannot be read or written.
pub(crate) fn compare(keep: bool) -> Result<(), Box<dyn Error>> {
    let kept = if keep { BTreeMap::new() } else { read()? };
    let mut text = String::new();
    println!("instructions of the core, each time, among {NODES} nodes");
    for walk in Walk::ALL {
        let [short, long] = [TIMES, 2 * TIMES].map(|times| count(walk, times));
        let each = (long? - short?) / TIMES as i64;
        let word = walk.word();
        writeln!(text, "{word} {each}")?;
        match kept.get(word) {
            Some(before) => {
                let change = (each - before) as f64 / *before as f64 * 100.0;
                println!("  {word:<8}{each:>8}, kept {before:>8}: {change:+.1} %");
            }
            None => println!("  {word:<8}{each:>8}"),
        }
    }
    if keep {
        fs::write(KEPT, text)?;
    }
    Ok(())
}

fn read() -> Result<BTreeMap<String, i64>, Box<dyn Error>> {
    let text = fs::read_to_string(KEPT)?;
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let parsed = lines.map(|(word, count)| Ok((word.to_owned(), count.parse()?)));
    parsed.collect()
}

fn count(walk: Walk, times: usize) -> Result<i64, Box<dyn Error>> {
    let this = std::env::current_exe()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(this).args(["--walk", walk.word()]);
    command.args([NODES, times].map(|number| number.to_string()));
    let output = command
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.ok_or_else(|| format!("valgrind has counted nothing: {text}"))?;
    Ok(count.1.trim().parse()?)
}

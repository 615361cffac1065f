//! The whole tree beside the floor: bare tokio tasks in a hand-written loop, in the same run.
//!
//! `cargo bench` prints a table. Each measurement runs in a process of its own, the tree's and the
//! floor's in turn, so that neither profits from what the other has warmed or freed; the figures
//! are medians of the rounds. `cargo bench -- start` measures one workload only.

mod floor;
mod measure;
mod tree;

use std::time::Duration;

use measure::{Figure, Flavour, Rounds};

/// How many children start.
const CHILDREN: usize = 100_000;

/// How long idle children are watched.
const IDLE: Duration = Duration::from_secs(10);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        // A measurement in a process of its own.
        ["--measure", side, workload, flavour, children] => {
            let flavour = Flavour::parse(flavour);
            let children = children
                .parse()
                .expect("the number of children is a number");
            println!("{}", run(side, workload, flavour, children));
        }
        chosen => {
            // cargo passes --bench.
            let chosen: Vec<_> = chosen
                .iter()
                .filter(|word| !word.starts_with("--"))
                .collect();
            let wants = |workload| chosen.is_empty() || chosen.contains(&&workload);
            table(wants);
        }
    }
}

fn run(side: &str, workload: &str, flavour: Flavour, children: usize) -> Figure {
    match (side, workload) {
        ("floor", "start") => flavour.block_on(floor::start(children)),
        ("tree", "start") => flavour.block_on(tree::start(children)),
        ("floor", "restart") => flavour.block_on(floor::restart(children)),
        ("tree", "restart") => flavour.block_on(tree::restart(children)),
        ("floor", "idle") => flavour.block_on(floor::idle(children, IDLE)),
        ("tree", "idle") => flavour.block_on(tree::idle(children, IDLE)),
        (side, workload) => panic!("there is no workload {workload} of {side}"),
    }
}

fn table(wants: impl Fn(&'static str) -> bool) {
    if wants("start") {
        println!("start {CHILDREN} children until all run, per child");
        for flavour in Flavour::ALL {
            Rounds::run(5, "start", flavour, CHILDREN).print();
        }
    }
    if wants("restart") {
        println!("one child's exit to its next incarnation, backoff zero");
        for flavour in Flavour::ALL {
            for children in [10, 1_000, 100_000] {
                Rounds::run(5, "restart", flavour, children).print();
            }
        }
    }
    if wants("idle") {
        println!("{CHILDREN} idle children for {IDLE:?}");
        for flavour in Flavour::ALL {
            Rounds::run(1, "idle", flavour, CHILDREN).print();
        }
    }
}

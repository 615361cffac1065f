//! Every history of small trees up to some length, and that each of them comes to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::tree::options::{AtRoot, Strategy};
use crate::tree::tests::essence::essence;
use crate::tree::tests::histories::{Choice, apply, choices, comes_to_rest};
use crate::tree::tests::shape::{Part, Shape};
use crate::tree::tests::world::{World, secs};

const CHAIN: &[Part] = &[Part::Child("root", "a"), Part::Child("a", "b")];
const TALL: &[Part] = &[
    Part::Child("root", "a"),
    Part::Child("a", "b"),
    Part::Child("b", "c"),
];
const FREE: &[Part] = &[Part::Group("root", Strategy::OneForOne, &["a", "b"])];
const BOUND: &[Part] = &[Part::Group("root", Strategy::OneForAll, &["a", "b"])];
const DEEP: &[Part] = &[
    Part::Group("root", Strategy::OneForAll, &["a", "b"]),
    Part::Child("a", "c"),
];
const LOW: &[Part] = &[
    Part::Child("root", "a"),
    Part::Group("a", Strategy::OneForAll, &["b", "c"]),
];
const POOL: &[Part] = &[
    Part::Child("root", "pool"),
    Part::Child("pool", "temporary"),
    Part::Child("temporary", "c"),
];
const KEPT: &[Part] = &[Part::Child("root", "pool"), Part::Child("pool", "c")];
const MIXED: &[Part] = &[Part::Group(
    "root",
    Strategy::OneForAll,
    &["a", "temporary"],
)];

/// Says how a tree came to where it broke.
struct Trace<'a>(&'a [Choice]);

impl Drop for Trace<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the history that failed: {:#?}", self.0);
        }
    }
}

/// A state that was reached, how, and what follows it.
struct Visited {
    world: World,
    history: Vec<Choice>,
    next: Vec<usize>,
}

/// Visits every state that can be reached in so many steps, once: two histories that end in the
/// same essence have the same future.
pub(super) fn explore(label: &str, shape: Shape, mut first: World, depth: usize) {
    first.laws.log.clear();
    let mut known = BTreeMap::from([(essence(&first), 0)]);
    let mut all = vec![Visited {
        world: first,
        history: Vec::new(),
        next: Vec::new(),
    }];
    let mut calm = BTreeSet::new();
    let mut level = 0..1;
    let depth = depth + steps_more();
    for _ in 0..depth {
        for at in level.clone() {
            for choice in choices(&all[at].world, &shape) {
                let mut visited = follow(&all[at], &shape, choice);
                let index = *known.entry(essence(&visited.world)).or_insert(all.len());
                let is_refused = visited.world.laws.log.is_empty();
                if is_refused && matches!(choice, Choice::Order(..)) {
                    assert_eq!(
                        index, at,
                        "R16: {choice:?} is refused and changes something"
                    );
                }
                all[at].next.push(index);
                if index == all.len() {
                    let trace = Trace(&visited.history);
                    comes_to_rest(visited.world.clone(), &mut calm);
                    drop(trace);
                    visited.world.laws.log = Vec::new();
                    all.push(visited);
                }
            }
        }
        level = level.end..all.len();
    }
    let steps = all.iter().map(|visited| visited.next.len()).sum::<usize>();
    let histories = histories(&all, depth);
    println!(
        "{label}: {histories} histories of {depth} steps, {} states, {steps} steps",
        all.len()
    );
}

/// How many steps longer than usual histories are to be; for runs that have time.
#[expect(
    clippy::disallowed_methods,
    reason = "only the core is kept from its environment, its tests are not"
)]
fn steps_more() -> usize {
    std::env::var("EXPLORE_STEPS_MORE").map_or(0, |steps| steps.parse().unwrap())
}

/// Explores a tree of which all nodes are healthy at first.
pub(super) fn explore_up(label: &str, shape: Shape, depth: usize) {
    explore(label, shape, shape.up(), depth);
}

fn follow(from: &Visited, shape: &Shape, choice: Choice) -> Visited {
    let mut history = from.history.clone();
    history.push(choice);
    let mut world = from.world.clone();
    let trace = Trace(&history);
    apply(&mut world, shape, choice);
    drop(trace);
    Visited {
        world,
        history,
        next: Vec::new(),
    }
}

/// How many histories of this length there are, and shorter ones that end there.
fn histories(all: &[Visited], depth: usize) -> u128 {
    let mut ways = vec![1; all.len()];
    for _ in 0..depth {
        let longer = |visited: &Visited| visited.next.iter().map(|next| ways[*next]).sum::<u128>();
        ways = all.iter().map(|visited| longer(visited).max(1)).collect();
    }
    ways[0]
}

#[test]
fn every_history_of_a_tree_that_starts_keeps_the_laws() {
    // L1, L2, L3, L9, R11, R12.
    for (label, parts, depth) in [("chain", CHAIN, 4), ("one-for-all", BOUND, 4)] {
        let shape = Shape::new(parts);
        explore(label, shape, shape.world(0), depth);
    }
}

#[test]
fn every_history_of_a_chain_keeps_the_laws() {
    // L1, L2, L3, L4, L9, R12.
    explore_up("chain", Shape::new(CHAIN), 3);
    explore_up("tall", Shape::new(TALL), 2);
}

#[test]
fn every_history_of_a_one_for_one_group_keeps_the_laws() {
    // L1, L2, L3, R6, R12.
    explore_up("one-for-one", Shape::new(FREE), 3);
}

#[test]
fn every_history_of_a_one_for_all_group_keeps_the_laws() {
    // L1, L2, L3, L5, R6, R12.
    explore_up("one-for-all", Shape::new(BOUND), 3);
    explore_up("one-for-all, deep", Shape::new(DEEP), 2);
    explore_up("one-for-all, low", Shape::new(LOW), 2);
}

#[test]
fn every_history_with_a_backoff_keeps_the_laws() {
    // L1, L2, L3, L5, R8, R12.
    let delay = secs(3);
    explore_up(
        "chain, delayed",
        Shape {
            delay,
            ..Shape::new(CHAIN)
        },
        3,
    );
    explore_up(
        "one-for-all, delayed",
        Shape {
            delay,
            ..Shape::new(BOUND)
        },
        3,
    );
}

#[test]
fn every_history_with_a_wide_pass_keeps_the_laws() {
    // L1, L2, L3, L4, L5, R7, R12.
    let gc_interval = Duration::from_millis(500);
    explore_up(
        "chain, wide",
        Shape {
            gc_interval,
            ..Shape::new(CHAIN)
        },
        3,
    );
    explore_up(
        "one-for-all, wide",
        Shape {
            gc_interval,
            ..Shape::new(BOUND)
        },
        3,
    );
}

#[test]
fn every_history_of_a_pool_keeps_the_laws() {
    // L1, L2, L3, R5, R12, R13.
    explore_up("pool", Shape::new(POOL), 3);
    explore_up("pool of permanent children", Shape::new(KEPT), 4);
    explore_up("temporary member", Shape::new(MIXED), 3);
}

#[test]
fn every_history_with_a_root_that_tries_again_keeps_the_laws() {
    // L1, L2, L3, R9, R11, R12.
    let at_root = AtRoot::Retry;
    explore_up(
        "chain, retried",
        Shape {
            at_root,
            ..Shape::new(CHAIN)
        },
        3,
    );
    explore_up(
        "one-for-all, retried",
        Shape {
            at_root,
            ..Shape::new(BOUND)
        },
        3,
    );
}

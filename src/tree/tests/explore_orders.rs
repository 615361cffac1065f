//! Every short history of small trees whose nodes are ordered about, in every state (R16).

use crate::tree::options::{OnSpent, Options, Strategy};
use crate::tree::tests::explore::{explore, explore_up};
use crate::tree::tests::shape::{Part, Shape};
use crate::tree::tests::world::secs;

const ONE: &[Part] = &[Part::Child("root", "a")];
const CHAIN: &[Part] = &[Part::Child("root", "a"), Part::Child("a", "b")];
const FREE: &[Part] = &[Part::Group("root", Strategy::OneForOne, &["a", "b"])];
const BOUND: &[Part] = &[Part::Group("root", Strategy::OneForAll, &["a", "b"])];
const REST: &[Part] = &[Part::Group("root", Strategy::RestForOne, &["a", "b"])];
const DEEP: &[Part] = &[
    Part::Group("root", Strategy::OneForAll, &["a", "b"]),
    Part::Child("a", "c"),
];
const QUEUE: &[Part] = &[Part::InOrder("root", Strategy::OneForAll, &["a", "b"])];
const LINE: &[Part] = &[Part::InOrder("root", Strategy::OneForOne, &["a", "b"])];
const TAIL: &[Part] = &[Part::InOrder("root", Strategy::RestForOne, &["a", "b"])];
const POOL: &[Part] = &[
    Part::Child("root", "pool"),
    Part::Child("pool", "temporary"),
];
const MIXED: &[Part] = &[Part::Group(
    "root",
    Strategy::OneForAll,
    &["a", "temporary"],
)];
const USED: &[Part] = &[
    Part::Child("root", "a"),
    Part::Child("a", "provider"),
    Part::Child("a", "user"),
];

#[test]
fn every_history_of_one_ordered_node_keeps_the_laws() {
    // R16, L1, L2, L3, R12.
    let shape = Shape::new(ONE).ordered();
    explore("ordered, one, from the start", shape, shape.world(0), 4);
    explore_up("ordered, one", shape, 4);
    let delay = secs(3);
    explore_up("ordered, one, delayed", Shape { delay, ..shape }, 3);
}

#[test]
fn every_history_of_an_ordered_chain_keeps_the_laws() {
    // R16, L1, L2, L3, L4, R12.
    explore_up("ordered, chain", Shape::new(CHAIN).ordered(), 3);
}

#[test]
fn every_history_of_ordered_groups_keeps_the_laws() {
    // R16, L1, L2, L3, L5, R6, R12.
    for (label, parts, depth) in [("free", FREE, 2), ("bound", BOUND, 3), ("rest", REST, 2)] {
        let label = format!("ordered, {label}");
        let shape = Shape::new(parts).ordered();
        explore_up(&label, shape, depth);
        let delay = secs(3);
        explore_up(&format!("{label}, delayed"), Shape { delay, ..shape }, 2);
    }
    explore_up("ordered, deep", Shape::new(DEEP).ordered(), 2);
    explore_up("ordered, temporary", Shape::new(MIXED).ordered(), 2);
}

#[test]
fn every_history_of_ordered_groups_in_order_keeps_the_laws() {
    // R16, R10, R10b, L1, L2, L3, L5, R12.
    for (label, parts, depth) in [("queue", QUEUE, 3), ("line", LINE, 2), ("tail", TAIL, 2)] {
        let label = format!("ordered, {label}");
        let shape = Shape::new(parts).ordered();
        explore(
            &format!("{label}, from the start"),
            shape,
            shape.world(0),
            3,
        );
        explore_up(&label, shape, depth);
    }
}

#[test]
fn every_history_of_other_ordered_trees_keeps_the_laws() {
    // R16, R9, R10, R13, L1, L2, L3, R12.
    explore_up("ordered, pool", Shape::new(POOL).ordered(), 3);
    explore_up("ordered, provider", Shape::new(USED).ordered(), 2);
    let stays_down = Shape {
        alter: |_, options| Options {
            on_spent: OnSpent::StayDown,
            ..options
        },
        ..Shape::new(BOUND).ordered()
    };
    explore_up("ordered, stays down", stays_down, 3);
}

//! Every short history of small trees with each of the policies: strategies, restart types,
//! budgets, order among siblings, significant children, time limits and abandoned leaks.

use crate::tree::options::{OnSpent, Options, Strategy};
use crate::tree::tests::explore::{explore, explore_up};
use crate::tree::tests::shape::{Alter, Part, Shape, restarts};
use crate::tree::tests::world::secs;

const REST: &[Part] = &[Part::Group("root", Strategy::RestForOne, &["a", "b", "c"])];
const LOW: &[Part] = &[
    Part::Child("root", "p"),
    Part::Group("p", Strategy::RestForOne, &["a", "b"]),
];
const ALL_IN_ORDER: &[Part] = &[Part::InOrder("root", Strategy::OneForAll, &["a", "b", "c"])];
const ONE_IN_ORDER: &[Part] = &[Part::InOrder("root", Strategy::OneForOne, &["a", "b", "c"])];
const REST_IN_ORDER: &[Part] = &[Part::InOrder(
    "root",
    Strategy::RestForOne,
    &["a", "b", "c"],
)];
const LOW_IN_ORDER: &[Part] = &[
    Part::Child("root", "p"),
    Part::InOrder("p", Strategy::OneForAll, &["a", "b"]),
    Part::Child("a", "c"),
];
const MIXED_IN_ORDER: &[Part] = &[Part::InOrder(
    "root",
    Strategy::OneForAll,
    &["temporary", "transient", "b"],
)];
const USED: &[Part] = &[
    Part::Child("root", "p"),
    Part::Child("p", "provider"),
    Part::Child("p", "user"),
    Part::Child("provider", "c"),
];
const USED_GROUP: &[Part] = &[
    Part::Child("root", "p"),
    Part::Group("p", Strategy::OneForAll, &["provider", "user"]),
    Part::Child("p", "source"),
];
const TRANSIENT: &[Part] = &[Part::Group(
    "root",
    Strategy::OneForAll,
    &["transient", "b"],
)];
const BOUND: &[Part] = &[
    Part::Child("root", "p"),
    Part::Group("p", Strategy::OneForAll, &["a", "b"]),
];
const ANY: &[Part] = &[
    Part::Child("root", "p"),
    Part::Child("p", "any"),
    Part::Child("p", "b"),
];
const ALL: &[Part] = &[
    Part::Child("root", "p"),
    Part::Group("p", Strategy::OneForOne, &["all", "every"]),
];
const TIMED: &[Part] = &[
    Part::Group("root", Strategy::OneForAll, &["timed", "b"]),
    Part::Child("timed", "c"),
];
const BOUNDED: &[Part] = &[
    Part::Group("root", Strategy::OneForAll, &["bounded", "b"]),
    Part::Child("bounded", "c"),
];
const SILENT: &[Part] = &[
    Part::Group("root", Strategy::RestForOne, &["silent", "b"]),
    Part::Child("silent", "c"),
];
const ABANDONED: &[Part] = &[
    Part::Group("root", Strategy::OneForAll, &["abandoned", "b"]),
    Part::Child("abandoned", "c"),
];

#[test]
fn every_history_of_a_rest_for_one_group_keeps_the_laws() {
    // L1, L2, L3, L5, R6, R12.
    explore_up("rest-for-one", Shape::new(REST), 2);
    explore_up("rest-for-one, low", Shape::new(LOW), 2);
    let delay = secs(3);
    explore_up(
        "rest-for-one, delayed",
        Shape {
            delay,
            ..Shape::new(REST)
        },
        2,
    );
}

#[test]
fn every_history_of_a_group_that_starts_in_order_keeps_the_laws() {
    // L1, L2, L3, L5, R6, R10b, R12.
    for (label, parts) in [
        ("in order, one-for-all", ALL_IN_ORDER),
        ("in order, one-for-one", ONE_IN_ORDER),
        ("in order, rest-for-one", REST_IN_ORDER),
        ("in order, below", LOW_IN_ORDER),
        ("in order, mixed", MIXED_IN_ORDER),
    ] {
        let shape = Shape::new(parts);
        explore(label, shape, shape.world(0), 3);
    }
}

#[test]
fn every_history_of_a_group_in_order_that_is_up_keeps_the_laws() {
    // L1, L2, L3, L5, R6, R10, R10b, R12.
    explore_up("in order, one-for-all", Shape::new(ALL_IN_ORDER), 3);
    for (label, parts) in [
        ("in order, one-for-one", ONE_IN_ORDER),
        ("in order, rest-for-one", REST_IN_ORDER),
        ("in order, below", LOW_IN_ORDER),
        ("in order, mixed", MIXED_IN_ORDER),
    ] {
        explore_up(label, Shape::new(parts), 2);
    }
}

#[test]
fn every_history_of_providers_and_users_keeps_the_laws() {
    // L1, L2, L3, R10, R12.
    explore_up("provider", Shape::new(USED), 2);
    explore_up("provider in a group", Shape::new(USED_GROUP), 2);
}

#[test]
fn every_history_of_budgets_keeps_the_laws() {
    // L1, L2, L3, R9, R12.
    let alters: [(&str, Alter); 3] = [
        ("own", |_, options| Options {
            intensity: Some(restarts(1)),
            ..options
        }),
        ("children's", |_, options| Options {
            children_intensity: Some(restarts(1)),
            on_spent: OnSpent::StayDown,
            ..options
        }),
        ("none left", |node, options| Options {
            intensity: Some(restarts(0)),
            on_spent: if node == "a" {
                OnSpent::StayDown
            } else {
                OnSpent::StopTree
            },
            ..options
        }),
    ];
    for (label, alter) in alters {
        explore_up(
            &format!("budget, {label}"),
            Shape {
                alter,
                ..Shape::new(BOUND)
            },
            2,
        );
    }
    let shared = Some(restarts(1));
    explore_up(
        "budget, shared",
        Shape {
            shared,
            ..Shape::new(LOW)
        },
        3,
    );
    let stays_down = Shape {
        shared: Some(restarts(0)),
        alter: |_, options| Options {
            on_spent: OnSpent::StayDown,
            ..options
        },
        ..Shape::new(REST_IN_ORDER)
    };
    explore_up("budget, shared in order", stays_down, 2);
}

#[test]
fn every_history_of_other_policies_keeps_the_laws() {
    // L1, L2, L3, R5, R10, R10c, R12.
    for (label, parts) in [
        ("transient", TRANSIENT),
        ("significant, any", ANY),
        ("significant, all", ALL),
        ("abandoned", ABANDONED),
    ] {
        explore_up(label, Shape::new(parts), 2);
    }
    for (label, parts) in [
        ("start timeout", TIMED),
        ("run timeout", BOUNDED),
        ("beat timeout", SILENT),
    ] {
        let shape = Shape::new(parts);
        explore(label, shape, shape.world(0), 4);
    }
}

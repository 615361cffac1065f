//! Long random histories of larger trees, where exploration cannot reach.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::tree::options::{AtRoot, OnSpent, Options, Strategy};
use crate::tree::tests::histories::{Choice, apply, choices, comes_to_rest, orders};
use crate::tree::tests::shape::{Alter, Part, Shape, restarts};
use crate::tree::tests::world::{World, secs};

const SEEDS: u64 = 400;
const STEPS: usize = 150;

const SERVICE: &[Part] = &[
    Part::Child("root", "front"),
    Part::Group("root", Strategy::OneForAll, &["store", "index", "pool"]),
    Part::Group("front", Strategy::OneForOne, &["http", "admin"]),
    Part::Child("store", "disk"),
    Part::Child("disk", "cache"),
    Part::Child("pool", "temporary"),
    Part::Group("temporary", Strategy::OneForAll, &["left", "right"]),
];

/// All policies, as far as one tree can have them.
const POLICIES: &[Part] = &[
    Part::Child("root", "provider"),
    Part::InOrder(
        "root",
        Strategy::OneForAll,
        &["store", "transient", "index"],
    ),
    Part::InOrder(
        "root",
        Strategy::RestForOne,
        &["first", "temporary", "abandoned"],
    ),
    Part::Group("store", Strategy::RestForOne, &["source", "timed", "user"]),
    Part::Child("user", "bounded"),
    Part::Child("first", "any"),
    Part::Child("first", "silent"),
    Part::InOrder("silent", Strategy::OneForOne, &["all", "every", "last"]),
    Part::Child("index", "pool"),
    Part::Child("pool", "job"),
    Part::Child("provider", "lender"),
];

/// Says which seed failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed that failed: {}", self.0);
        }
    }
}

/// Mostly good will, so that trees get deep before they fall.
fn weight(choice: &Choice) -> u32 {
    match choice {
        Choice::Declare(_) => 40,
        Choice::Healthy(_) | Choice::Return(_) | Choice::End(_) => 10,
        Choice::Time => 6,
        Choice::Finish(_) | Choice::Fail(_) | Choice::Restart(_) => 3,
        Choice::FailLeaving(_) | Choice::OwnedPanic(_) | Choice::GiveUp(_) => 1,
        Choice::Order(..) => 1,
        Choice::Stop | Choice::StopNow => 0,
    }
}

fn walk(seed: u64, parts: &'static [Part]) {
    let _seed = Seed(seed);
    let mut rng = SmallRng::seed_from_u64(seed);
    let shape = Shape {
        delay: secs(rng.random_range(0..3)),
        gc_interval: Duration::from_millis(rng.random_range(0..2) * 700),
        at_root: *[AtRoot::Fail, AtRoot::Retry].choose(&mut rng).unwrap(),
        ..Shape::new(parts)
    };
    let mut world = shape.world(seed);
    take_steps(&mut world, &shape, &mut rng);
    end(world, &mut rng);
}

/// A tree with all policies, whose nodes are ordered about.
fn walk_ordered(seed: u64) {
    let _seed = Seed(seed);
    let mut rng = SmallRng::seed_from_u64(seed);
    let alters: [Alter; 4] = [
        |_, options| options,
        |node, options| Options {
            on_spent: stays_down(node),
            ..options
        },
        |_, options| Options {
            intensity: Some(restarts(2)),
            ..options
        },
        |node, options| Options {
            children_intensity: Some(restarts(1)),
            on_spent: stays_down(node),
            ..options
        },
    ];
    let shape = Shape {
        delay: secs(rng.random_range(0..3)),
        gc_interval: Duration::from_millis(rng.random_range(0..2) * 700),
        at_root: AtRoot::Retry,
        shared: *[None, None, Some(restarts(2))].choose(&mut rng).unwrap(),
        alter: *alters.choose(&mut rng).unwrap(),
        ..Shape::new(POLICIES).ordered()
    };
    let mut world = shape.world(seed);
    take_steps(&mut world, &shape, &mut rng);
    end(world, &mut rng);
}

/// Some nodes keep their failures to themselves.
fn stays_down(node: &str) -> OnSpent {
    if node.len() > 4 {
        OnSpent::StayDown
    } else {
        OnSpent::Escalate
    }
}

fn take_steps(world: &mut World, shape: &Shape, rng: &mut SmallRng) {
    for _ in 0..rng.random_range(0..STEPS) {
        let choices = choices(world, shape);
        let Ok(choice) = choices.choose_weighted(rng, weight) else {
            break;
        };
        // An order that comes in one batch with something else meets what is not over yet.
        let order = orders(world, shape).choose(rng).copied();
        let order = order.filter(|_| rng.random_range(0..10) == 0);
        world.together(|world| {
            apply(world, shape, *choice);
            if let Some(order) = order {
                apply(world, shape, order);
            }
        });
        world.laws.log.clear();
    }
}

fn end(mut world: World, rng: &mut SmallRng) {
    match rng.random_range(0..4) {
        0 => world.stop(),
        1 => world.stop_within(secs(rng.random_range(0..3))),
        _ => {}
    }
    comes_to_rest(world, &mut BTreeSet::new());
}

#[test]
fn long_random_histories_keep_the_laws() {
    // L1, L2, L3, L5, L9, L10, R12.
    (0..seeds(SEEDS)).for_each(|seed| walk(seed, SERVICE));
}

#[test]
fn long_random_histories_of_all_policies_keep_the_laws() {
    // L1, L2, L3, L5, L9, L10, R5, R6, R9, R10, R10b, R10c, R12.
    (0..seeds(SEEDS)).for_each(|seed| walk(seed, POLICIES));
}

#[test]
fn long_random_histories_with_orders_keep_the_laws() {
    // L1, L2, L3, L5, L9, L10, R5, R6, R9, R10, R10b, R10c, R12, R16.
    (0..seeds(SEEDS)).for_each(walk_ordered);
}

/// How many walks; more for runs that have time.
#[expect(
    clippy::disallowed_methods,
    reason = "only the core is kept from its environment, its tests are not"
)]
fn seeds(usual: u64) -> u64 {
    std::env::var("WALK_SEEDS").map_or(usual, |seeds| seeds.parse().unwrap())
}

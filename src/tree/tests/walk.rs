//! Long random histories of larger trees, where exploration cannot reach.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::tree::options::{AtRoot, Strategy};
use crate::tree::tests::histories::{Choice, Part, Shape, apply, choices, comes_to_rest};
use crate::tree::tests::world::secs;

const SEEDS: u64 = 150;
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
        Choice::Stop | Choice::StopNow => 0,
    }
}

fn walk(seed: u64) {
    let _seed = Seed(seed);
    let mut rng = SmallRng::seed_from_u64(seed);
    let shape = Shape {
        delay: secs(rng.random_range(0..3)),
        gc_interval: Duration::from_millis(rng.random_range(0..2) * 700),
        at_root: *[AtRoot::Fail, AtRoot::Retry].choose(&mut rng).unwrap(),
        ..Shape::new(SERVICE)
    };
    let mut world = shape.world(seed);
    let steps = rng.random_range(0..STEPS);
    for _ in 0..steps {
        let choices = choices(&world, &shape);
        let Ok(choice) = choices.choose_weighted(&mut rng, weight) else {
            break;
        };
        apply(&mut world, &shape, *choice);
    }
    if rng.random() {
        world.stop();
    }
    comes_to_rest(world);
}

#[test]
fn long_random_histories_keep_the_laws() {
    // L1, L2, L3, L5, L9, L10, R12.
    (0..SEEDS).for_each(walk);
}

//! Threads that play world after world, each its own.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::seed::{Broken, Trial, play_seed};
use crate::tally::Tally;

/// What all threads share.
struct Crew {
    first: u64,
    next: AtomicU64,
    worlds: u64,
    faults: u64,
    start: Instant,
    time: Duration,
    found: Mutex<Option<Box<Broken>>>,
}

/// Plays until the time is over, all worlds were played, or one fails.
pub(crate) fn play(args: &Args) -> (Tally, Option<Box<Broken>>) {
    let (time, worlds) = args.amounts();
    // Short enough to be typed.
    let drawn = RandomState::new().hash_one(0) >> 32;
    let crew = Crew {
        first: args.from.unwrap_or(drawn),
        next: AtomicU64::new(0),
        worlds,
        faults: args.faults,
        start: Instant::now(),
        time,
        found: Mutex::new(None),
    };
    println!("worlds from {}, in {} threads", crew.first, args.jobs());
    let tally = thread::scope(|scope| {
        let threads: Vec<_> = (0..args.jobs())
            .map(|_| scope.spawn(|| crew.work()))
            .collect();
        let tallies = threads.into_iter().map(|thread| thread.join());
        tallies.fold(Tally::default(), |all, one| {
            all.merged(&one.expect("whatever a world panics with is caught"))
        })
    });
    let found = crew.found.into_inner();
    (
        tally,
        found.unwrap_or_else(|poisoned| poisoned.into_inner()),
    )
}

impl Crew {
    fn found(&self) -> MutexGuard<'_, Option<Box<Broken>>> {
        self.found.lock().expect("nothing panics while it holds it")
    }

    fn work(&self) -> Tally {
        let mut tally = Tally::default();
        while self.start.elapsed() < self.time && self.found().is_none() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.worlds {
                break;
            }
            let seed = self.first.wrapping_add(number);
            match play_seed(seed, Trial::of(seed, self.faults)) {
                Ok(one) => tally = tally.merged(&one),
                Err(broken) => {
                    self.found().get_or_insert(broken);
                }
            }
        }
        tally
    }
}

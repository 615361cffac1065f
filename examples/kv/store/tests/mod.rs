//! The data, with instants for a clock.

mod expiry;
mod model;
mod operations;

use std::time::{Duration, Instant};

use super::{Condition, Data};

/// `count` milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Data in which each of `pairs` is set for ever, and the time they were set at.
fn data(pairs: &[(&str, &str)]) -> (Data, Instant) {
    let now = Instant::now();
    let mut data = Data::default();
    for (key, value) in pairs {
        set(&mut data, key, value, None, now);
    }
    (data, now)
}

/// Sets a key without a condition.
fn set(data: &mut Data, key: &str, value: &str, due: Option<Instant>, now: Instant) {
    assert!(data.set(
        key.as_bytes(),
        value.as_bytes(),
        due,
        Condition::Always,
        now
    ));
    data.entries.check_invariants();
}

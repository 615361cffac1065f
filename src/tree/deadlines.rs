//! What is due when: one ordered set, so that the processor needs one timer.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::tree::limits::Limit;

/// Something that becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The start of a fall that has risen.
    Rise(usize),
    /// The next rung of the node in this slot.
    Rung(usize),
    /// A time limit of the node in this slot.
    Limit(Limit, usize),
    /// The deadline of the tree's stop.
    Stop,
}

/// How many bits of a key tell what becomes due; the others tell when.
const DUE_BITS: u32 = 33;

/// How many of these tell in which slot.
const SLOT_BITS: u32 = 30;

impl Due {
    /// A number in the same order.
    fn number(self) -> u64 {
        let (kind, slot) = match self {
            Self::Rise(fall) => (0, fall),
            Self::Rung(slot) => (1, slot),
            Self::Limit(Limit::Start, slot) => (2, slot),
            Self::Limit(Limit::Beat, slot) => (3, slot),
            Self::Limit(Limit::Run, slot) => (4, slot),
            Self::Stop => (5, 0),
        };
        let slot = u64::try_from(slot).unwrap_or(u64::MAX);
        assert!(slot >> SLOT_BITS == 0, "a tree has fewer than 2^30 nodes");
        kind << SLOT_BITS | slot
    }

    fn of(number: u64) -> Self {
        let slot = number & ((1 << SLOT_BITS) - 1);
        let slot = usize::try_from(slot).expect("it was a slot");
        match number >> SLOT_BITS {
            0 => Self::Rise(slot),
            1 => Self::Rung(slot),
            2 => Self::Limit(Limit::Start, slot),
            3 => Self::Limit(Limit::Beat, slot),
            4 => Self::Limit(Limit::Run, slot),
            _ => Self::Stop,
        }
    }
}

/// When something becomes due, and what: one number in the order of both, as every child that is
/// asked to stop puts one in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    /// The longest duration has 94 bits of nanoseconds, so both fit.
    fn new(at: Duration, due: Due) -> Self {
        Self(at.as_nanos() << DUE_BITS | u128::from(due.number()))
    }

    fn at(self) -> Duration {
        Duration::from_nanos_u128(self.0 >> DUE_BITS)
    }

    fn due(self) -> Due {
        let number = self.0 & ((1 << DUE_BITS) - 1);
        Due::of(u64::try_from(number).expect("it was one"))
    }
}

/// All that will become due. Bounded by one entry a fall, a rung and three limits a
/// node, and one for the tree's stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(BTreeSet<Key>);

impl Deadlines {
    pub(super) fn insert(&mut self, at: Duration, due: Due) {
        self.0.insert(Key::new(at, due));
    }

    pub(super) fn remove(&mut self, at: Duration, due: Due) {
        self.0.remove(&Key::new(at, due));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first().map(|key| key.at())
    }

    /// Takes the earliest entry that is due at `now`.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Due> {
        let key = *self.0.first()?;
        (key.at() <= now).then(|| {
            self.0.remove(&key);
            key.due()
        })
    }

    pub(super) fn contains(&self, at: Duration, due: Due) -> bool {
        self.0.contains(&Key::new(at, due))
    }
}

//! What is due when: one ordered set, so that the processor needs one timer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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

/// How many bits of a number tell in which slot.
const SLOT_BITS: u32 = 30;

/// How many bits of a key tell what becomes due; the others tell when.
const DUE_BITS: u32 = 27;

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

/// When something becomes due, and what it is, but for the last six bits of its number: those say
/// which bit of a mask it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    fn new(at: Duration, due: Due) -> (Self, u64) {
        let number = due.number();
        // The longest duration has 94 bits of nanoseconds, so both fit.
        let key = at.as_nanos() << DUE_BITS | u128::from(number >> 6);
        (Self(key), 1 << (number & 63))
    }

    fn at(self) -> Duration {
        Duration::from_nanos_u128(self.0 >> DUE_BITS)
    }

    /// What the lowest bit of a mask stands for.
    fn first(self, mask: u64) -> Due {
        let number = self.0 & ((1 << DUE_BITS) - 1);
        let number = u64::try_from(number).expect("it was one");
        Due::of(number << 6 | u64::from(mask.trailing_zeros()))
    }
}

/// All that will become due: at most one entry a fall, a rung and three limits a node, and one for
/// the tree's stop.
///
/// Every child that is asked to stop puts one in, many at the same time. So those in neighbouring
/// slots share a mask, which is never empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(BTreeMap<Key, u64>);

impl Deadlines {
    pub(super) fn insert(&mut self, at: Duration, due: Due) {
        let (key, bit) = Key::new(at, due);
        *self.0.entry(key).or_default() |= bit;
    }

    pub(super) fn remove(&mut self, at: Duration, due: Due) {
        let (key, bit) = Key::new(at, due);
        if let Entry::Occupied(mut mask) = self.0.entry(key) {
            *mask.get_mut() &= !bit;
            if *mask.get() == 0 {
                mask.remove();
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first_key_value().map(|(key, _)| key.at())
    }

    /// Takes the earliest entry that is due at `now`.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Due> {
        let (key, mask) = self.0.first_key_value()?;
        let (at, due) = (key.at(), key.first(*mask));
        (at <= now).then(|| {
            self.remove(at, due);
            due
        })
    }

    pub(super) fn contains(&self, at: Duration, due: Due) -> bool {
        let (key, bit) = Key::new(at, due);
        self.0.get(&key).is_some_and(|mask| mask & bit != 0)
    }
}

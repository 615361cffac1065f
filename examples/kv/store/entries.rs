//! The map and the order of its deadlines, kept in step.
//!
//! D1: `deadlines` holds exactly the pairs of due time and key of the entries that have a due time.
//! D2: `bytes` is the sum of the lengths of all keys and values.
//!
//! Both are kept by [`Entries::put`] and [`Entries::take`], through which every change goes.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use bytes::Bytes;

/// What belongs to a key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The string it stands for.
    pub(super) value: Bytes,
    /// When it expires, if it does.
    pub(super) due: Option<Instant>,
}

impl Entry {
    /// Says whether its time has come.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

/// Entries by key and by deadline.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// For lookup: whoever iterates over it sorts what was found.
    map: HashMap<Bytes, Entry>,
    /// The keys that expire, soonest first.
    deadlines: BTreeSet<(Instant, Bytes)>,
    /// The length of all keys and values.
    bytes: usize,
    /// How many entries have been removed because their time had come.
    expired_count: u64,
}

impl Entries {
    /// The number of entries, due ones included.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// The number of entries that expire.
    pub(super) fn expiring_count(&self) -> usize {
        self.deadlines.len()
    }

    /// The length of all keys and values.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many entries have been removed because their time had come.
    pub(super) fn expired_count(&self) -> u64 {
        self.expired_count
    }

    /// All entries in no order, due ones included.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Bytes, &Entry)> {
        self.map.iter()
    }

    /// The soonest deadline.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// The entry of `key`, which is removed if its time has come.
    pub(super) fn live(&mut self, key: &[u8], now: Instant) -> Option<&Entry> {
        if self.map.get(key)?.is_due(now) {
            self.take(key);
            self.expired_count += 1;
            return None;
        }
        self.map.get(key)
    }

    /// Puts `entry` in the place of whatever `key` had.
    pub(super) fn replace(&mut self, key: &[u8], entry: Entry, now: Instant) {
        let key = match self.take(key) {
            Some((key, previous)) => {
                self.expired_count += u64::from(previous.is_due(now));
                key
            }
            None => Bytes::copy_from_slice(key),
        };
        self.put(key, entry);
    }

    /// Removes the soonest entry if it is due, and says whether it was.
    pub(super) fn expire_first(&mut self, now: Instant) -> bool {
        let due_key = self.deadlines.first().filter(|(due, _)| *due <= now);
        let Some((_, key)) = due_key.cloned() else {
            return false;
        };
        self.take(&key);
        self.expired_count += 1;
        true
    }

    /// Removes all entries and gives their memory back. The count of the past stays.
    pub(super) fn clear(&mut self) {
        let expired_count = self.expired_count;
        *self = Self {
            expired_count,
            ..Self::default()
        };
    }

    /// Adds an entry for a key that has none (D1, D2).
    pub(super) fn put(&mut self, key: Bytes, entry: Entry) {
        self.bytes += key.len() + entry.value.len();
        if let Some(due) = entry.due {
            self.deadlines.insert((due, key.clone()));
        }
        let previous = self.map.insert(key, entry);
        assert!(
            previous.is_none(),
            "D2: an entry was put in the place of another"
        );
    }

    /// Removes the entry of `key`, due or not (D1, D2).
    pub(super) fn take(&mut self, key: &[u8]) -> Option<(Bytes, Entry)> {
        let (key, entry) = self.map.remove_entry(key)?;
        self.bytes -= key.len() + entry.value.len();
        let Some(due) = entry.due else {
            return Some((key, entry));
        };
        let deadline = (due, key);
        let known = self.deadlines.remove(&deadline);
        assert!(known, "D1: an entry that expires had no deadline");
        Some((deadline.1, entry))
    }

    /// Counts everything again and compares (D1, D2).
    #[cfg(test)]
    pub(super) fn check_invariants(&self) {
        let deadlines: BTreeSet<_> = self
            .map
            .iter()
            .filter_map(|(key, entry)| Some((entry.due?, key.clone())))
            .collect();
        assert_eq!(
            self.deadlines, deadlines,
            "D1: the deadlines are not those of the entries"
        );
        let bytes: usize = self
            .map
            .iter()
            .map(|(key, entry)| key.len() + entry.value.len())
            .sum();
        assert_eq!(
            self.bytes, bytes,
            "D2: the bytes are not those of the entries"
        );
    }
}

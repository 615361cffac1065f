//! The operations on keys.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    entries::{Entries, Entry},
    figures::Figures,
};
use crate::{glob, integer};

/// Everything the server knows.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(super) entries: Entries,
    /// How many reads found a value.
    hit_count: u64,
    /// How many reads found none.
    miss_count: u64,
}

impl Data {
    /// Sets `key` to `value` if `condition` holds, and says whether it did.
    ///
    /// The key expires at `due`, or never: what was set before has no influence. Both strings are
    /// copied, since they are usually small pieces of a large buffer.
    pub(crate) fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        due: Option<Instant>,
        condition: Condition,
        now: Instant,
    ) -> bool {
        let allowed = match condition {
            Condition::Always => true,
            Condition::IfAbsent => !self.contains(key, now),
            Condition::IfPresent => self.contains(key, now),
        };
        if allowed {
            let value = Bytes::copy_from_slice(value);
            self.entries.replace(key, Entry { value, due }, now);
        }
        allowed
    }

    /// The value of `key`.
    pub(crate) fn get(&mut self, key: &[u8], now: Instant) -> Option<Bytes> {
        let value = self.entries.live(key, now).map(|entry| entry.value.clone());
        match value {
            Some(_) => self.hit_count += 1,
            None => self.miss_count += 1,
        }
        value
    }

    /// Says whether `key` is there.
    pub(crate) fn contains(&mut self, key: &[u8], now: Instant) -> bool {
        self.entries.live(key, now).is_some()
    }

    /// Removes `key`, and says whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8], now: Instant) -> bool {
        self.contains(key, now) && self.entries.take(key).is_some()
    }

    /// Adds one to the number that `key` holds and answers the sum.
    ///
    /// An absent key counts as zero. One that expires keeps its time.
    pub(crate) fn increment(&mut self, key: &[u8], now: Instant) -> Result<i64, IncrementError> {
        let (number, due) = match self.entries.live(key, now) {
            Some(entry) => (integer::parse(&entry.value), entry.due),
            None => (Some(0), None),
        };
        let number = number.ok_or(IncrementError::NotAnInteger)?;
        let sum = number.checked_add(1).ok_or(IncrementError::Overflow)?;
        let value = Bytes::from(sum.to_string());
        self.entries.replace(key, Entry { value, due }, now);
        Ok(sum)
    }

    /// Makes `key` expire at `due`, and says whether it was there.
    pub(crate) fn expire(&mut self, key: &[u8], due: Instant, now: Instant) -> bool {
        let Some(entry) = self.entries.live(key, now) else {
            return false;
        };
        let entry = Entry {
            due: Some(due),
            ..entry.clone()
        };
        self.entries.replace(key, entry, now);
        true
    }

    /// How long `key` will be there.
    pub(crate) fn lifetime(&mut self, key: &[u8], now: Instant) -> Lifetime {
        match self.entries.live(key, now).map(|entry| entry.due) {
            None => Lifetime::Absent,
            Some(None) => Lifetime::Endless,
            Some(Some(due)) => Lifetime::Left(due.saturating_duration_since(now)),
        }
    }

    /// The keys that match the glob `pattern`, sorted.
    pub(crate) fn keys(&self, pattern: &[u8], now: Instant) -> Vec<Bytes> {
        let mut keys: Vec<_> = self
            .entries
            .iter()
            .filter(|(key, entry)| !entry.is_due(now) && glob::matches(pattern, key))
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort_unstable();
        keys
    }

    /// The number of keys. Removes those that are due, so as not to count them.
    pub(crate) fn key_count(&mut self, now: Instant) -> usize {
        self.expire_due(now, usize::MAX);
        self.entries.len()
    }

    /// Removes all keys and gives their memory back. The counts of the past stay.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Removes at most `limit` of the keys that are due, soonest first, and answers how many.
    ///
    /// Costs time for what it removes only. An answer of `limit` means that there may be more.
    pub(crate) fn expire_due(&mut self, now: Instant, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit && self.entries.expire_first(now) {
            removed += 1;
        }
        removed
    }

    /// When the next key is due. Any operation that sets, expires or removes may change it.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.entries.next_due()
    }

    /// What can be said about the data in numbers.
    pub(crate) fn figures(&mut self, now: Instant) -> Figures {
        Figures {
            key_count: self.key_count(now),
            expiring_count: self.entries.expiring_count(),
            bytes: self.entries.bytes(),
            expired_count: self.entries.expired_count(),
            hit_count: self.hit_count,
            miss_count: self.miss_count,
        }
    }
}

/// When a key may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Whether it is there or not.
    Always,
    /// Only if it is not there.
    IfAbsent,
    /// Only if it is there.
    IfPresent,
}

/// How long a key will be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It is not there.
    Absent,
    /// Until somebody removes it.
    Endless,
    /// For so long.
    Left(Duration),
}

/// Why a value was not counted up. It is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum IncrementError {
    /// The value is not a number of 64 bits.
    #[error("value is not an integer or out of range")]
    NotAnInteger,
    /// The value is the greatest number there is.
    #[error("increment or decrement would overflow")]
    Overflow,
}

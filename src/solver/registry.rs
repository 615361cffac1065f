//! What is live: the states of vertices by digest, and executions by key.
//!
//! It owns nothing. What it names is owned by jobs, by what is made of it, and by runs.

use std::collections::HashMap;
use std::hash::Hash;
use std::ptr;
use std::sync::{Arc, Weak};

use foldhash::fast::RandomState;

use super::execution::Execution;
use super::state::State;
use super::vertex::Freshness;
use crate::store::Digest;

/// Which execution it is: results are the same for the same key. The height keeps those apart of
/// which one may wait for the other.
pub(super) type ExecutionKey = (Digest, u32);

pub(super) struct Registry<V> {
    pub(super) states: Slots<Digest, State<V>>,
    pub(super) executions: Slots<ExecutionKey, Execution<V>>,
}

/// Two places for each key: one for what may come of a store, one for what is made anew.
pub(super) struct Slots<K, T>(HashMap<K, [Weak<T>; 2], RandomState>);

impl<V> Default for Registry<V> {
    fn default() -> Self {
        Self {
            states: Slots(HashMap::default()),
            executions: Slots(HashMap::default()),
        }
    }
}

impl<K: Eq + Hash, T> Slots<K, T> {
    /// What is live and may be joined: what is made anew first; and nothing else by who wants it
    /// made anew.
    pub(super) fn find(&self, key: &K, wanted: Freshness) -> Option<Arc<T>> {
        let [any, fresh] = self.0.get(key)?;
        fresh.upgrade().or_else(|| match wanted {
            Freshness::Any => any.upgrade(),
            Freshness::Fresh => None,
        })
    }

    /// Takes in what is new, unless another thread was faster: then gives what is to be joined.
    pub(super) fn admit(&mut self, key: K, freshness: Freshness, new: &Arc<T>) -> Option<Arc<T>> {
        let other = self.find(&key, freshness);
        if other.is_none() {
            let slots = self.0.entry(key).or_default();
            slots[freshness as usize] = Arc::downgrade(new);
        }
        other
    }

    /// Takes out what is being dropped, unless something else has its place by now.
    pub(super) fn remove(&mut self, key: &K, gone: *const T) {
        let Some(slots) = self.0.get_mut(key) else {
            return;
        };
        for slot in slots.iter_mut() {
            if ptr::eq(slot.as_ptr(), gone) {
                *slot = Weak::new();
            }
        }
        if slots.iter().all(|slot| slot.strong_count() == 0) {
            self.0.remove(key);
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = Arc<T>> {
        self.0.values().flatten().filter_map(Weak::upgrade)
    }
}

//! A store in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::ready;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::ResultStore;
use crate::solver::error::BoxError;
use crate::solver::output::Output;
use crate::store::Digest;

/// How many results a store in memory keeps, unless it is told otherwise.
const RESULTS_MAX: usize = 10_000;

/// How many aliases there may be for each result.
const ALIASES_EACH: usize = 8;

/// Keeps results in memory: those that were used last, 10 000 of them by default.
///
/// It keeps [`Output`]s, so what was opened as a resource is not released before it is forgotten
/// here.
pub struct MemoryStore<V> {
    results: Mutex<Recent<Vec<Output<V>>>>,
    aliases: Mutex<Recent<Digest>>,
}

/// What was used last.
struct Recent<T> {
    most: usize,
    clock: u64,
    by_key: HashMap<Digest, (u64, T)>,
    by_use: BTreeMap<u64, Digest>,
}

impl<V> MemoryStore<V> {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(RESULTS_MAX)
    }

    /// An empty store that keeps no more results than this.
    #[must_use]
    pub fn bounded(results: usize) -> Self {
        Self {
            results: Mutex::new(Recent::new(results)),
            aliases: Mutex::new(Recent::new(results.saturating_mul(ALIASES_EACH))),
        }
    }

    /// How many results it keeps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.lock().by_key.len()
    }

    /// Whether it keeps none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Recent<T> {
    fn new(most: usize) -> Self {
        Self {
            most,
            clock: 0,
            by_key: HashMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    fn get(&mut self, key: Digest) -> Option<&T> {
        let (used, value) = self.by_key.get_mut(&key)?;
        self.clock += 1;
        self.by_use.remove(used);
        *used = self.clock;
        self.by_use.insert(self.clock, key);
        Some(value)
    }

    /// Puts it, and gives what has to go for it.
    fn put(&mut self, key: Digest, value: T) -> Vec<T> {
        self.clock += 1;
        let mut gone = Vec::new();
        if let Some((used, before)) = self.by_key.insert(key, (self.clock, value)) {
            self.by_use.remove(&used);
            gone.push(before);
        }
        self.by_use.insert(self.clock, key);
        while self.by_key.len() > self.most
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            gone.extend(self.by_key.remove(&oldest).map(|(_, value)| value));
        }
        gone
    }
}

impl<V: Send + Sync> ResultStore<V> for MemoryStore<V> {
    fn name(&self) -> &str {
        "memory"
    }

    fn find(&self, key: Digest) -> BoxFuture<'_, Result<bool, BoxError>> {
        let found = self.results.lock().by_key.contains_key(&key);
        ready(Ok(found)).boxed()
    }

    fn load(&self, key: Digest) -> BoxFuture<'_, Result<Option<Vec<Output<V>>>, BoxError>> {
        let found = self.results.lock().get(key).cloned();
        ready(Ok(found)).boxed()
    }

    fn save<'a>(
        &'a self,
        key: Digest,
        outputs: &'a [Output<V>],
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        // A value is dropped without the lock: it may be code of the user's.
        let gone = self.results.lock().put(key, outputs.to_vec());
        drop(gone);
        ready(Ok(())).boxed()
    }

    fn alias(&self, of: Digest) -> BoxFuture<'_, Result<Option<Digest>, BoxError>> {
        let found = self.aliases.lock().get(of).copied();
        ready(Ok(found)).boxed()
    }

    fn set_alias(&self, of: Digest, to: Digest) -> BoxFuture<'_, Result<(), BoxError>> {
        self.aliases.lock().put(of, to);
        ready(Ok(())).boxed()
    }
}

impl<V> Default for MemoryStore<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> fmt::Debug for MemoryStore<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("results", &self.len())
            .finish_non_exhaustive()
    }
}

//! What is done just before a release.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use thiserror::Error;

use crate::Panic;

/// The hooks of one resource, in the order in which they were registered.
pub(super) struct Hooks<T: ?Sized>(Mutex<Registered<T>>);

struct Registered<T: ?Sized> {
    hooks: BTreeMap<u64, Box<Act<T>>>,
    next: u64,
}

pub(super) type Act<T> = dyn FnOnce(&T) + Send;

/// Keeps something to be done before a release; made by
/// [`Shared::before_release`](crate::resource::Shared::before_release).
///
/// When it is dropped, that is not done any more, unless it has begun; nobody waits for it then.
#[must_use = "a hook that is dropped is never run"]
pub struct Hook {
    table: Weak<dyn Unregister>,
    key: u64,
}

trait Unregister: Send + Sync {
    fn unregister(&self, key: u64);
}

impl<T: ?Sized + 'static> Hooks<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Registered {
            hooks: BTreeMap::new(),
            next: 0,
        })))
    }

    pub(super) fn register(self: &Arc<Self>, act: Box<Act<T>>) -> Hook {
        let mut registered = self.0.lock();
        let key = registered.next;
        registered.next += 1;
        registered.hooks.insert(key, act);
        drop(registered);
        let table: Weak<Self> = Arc::downgrade(self);
        Hook { table, key }
    }

    /// Runs all of them, each once. The first panic is the result; each is in the log at once, for
    /// the release may not get as far as to return it.
    pub(super) fn run(&self, name: &str, value: &T) -> Result<(), HookError> {
        let mut result = Ok(());
        while let Some(act) = self.next() {
            if let Err(panic) = Panic::catch(|| act(value)) {
                let source = None;
                let error = HookError { panic, source };
                tracing::warn!(target: "perennial", name, %error, "the release goes on");
                result = result.and(Err(error));
            }
        }
        result
    }

    fn next(&self) -> Option<Box<Act<T>>> {
        // The lock is gone when the hook runs: it may drop other hooks.
        Some(self.0.lock().hooks.pop_first()?.1)
    }
}

impl<T: ?Sized + 'static> Unregister for Hooks<T> {
    fn unregister(&self, key: u64) {
        let act = self.0.lock().hooks.remove(&key);
        // What it captured is dropped without the lock.
        drop(act);
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            table.unregister(self.key);
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

/// That a hook panicked. The release went on.
#[derive(Debug, Error)]
#[error("a hook before the release panicked {panic}")]
pub(super) struct HookError {
    panic: Panic,
    /// Why the release failed, if it did too.
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

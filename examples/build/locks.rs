//! Who may write to which file.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// How many locks there may be before those that nobody has are looked for.
const LOCKS_MIN: usize = 64;

/// A lock for each file that somebody has or waits for.
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<ByPath>);

#[derive(Debug, Default)]
struct ByPath {
    locks: HashMap<PathBuf, Weak<RwLock<()>>>,
    /// With how many it is worth to look for those that nobody has.
    sweep_at: usize,
}

/// Files that are held: nobody writes to those that are read, or touches those that are written.
#[derive(Debug, Default)]
pub(crate) struct Held {
    reads: Vec<OwnedRwLockReadGuard<()>>,
    writes: Vec<OwnedRwLockWriteGuard<()>>,
}

/// What somebody does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Write,
    Read,
}

impl Locks {
    /// Waits for all of these files, in the order of their paths, so that no two wait for each
    /// other.
    pub(crate) async fn hold(
        &self,
        reads: impl IntoIterator<Item = PathBuf>,
        writes: impl IntoIterator<Item = PathBuf>,
    ) -> Held {
        let reads = reads.into_iter().map(|path| (path, Use::Read));
        let writes = writes.into_iter().map(|path| (path, Use::Write));
        let uses: BTreeSet<_> = reads.chain(writes).collect();
        let mut held = Held::default();
        let mut last = None;
        for (path, what) in uses {
            // Whoever writes to it may read it, too: that comes first.
            if last.as_ref() == Some(&path) {
                continue;
            }
            let lock = self.find(&path);
            match what {
                Use::Read => held.reads.push(lock.read_owned().await),
                Use::Write => held.writes.push(lock.write_owned().await),
            }
            last = Some(path);
        }
        held
    }

    fn find(&self, path: &Path) -> Arc<RwLock<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = all.locks.get(path).and_then(Weak::upgrade) {
            return lock;
        }
        if all.locks.len() >= all.sweep_at {
            all.locks.retain(|_, lock| lock.strong_count() > 0);
            all.sweep_at = 2 * all.locks.len() + LOCKS_MIN;
        }
        let lock = Arc::default();
        all.locks.insert(path.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

//! Limits: how many operations of a kind run at once.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::BuildError;

/// The limits of a solver.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<String, (Arc<Semaphore>, u32)>);

/// The permits of one run: held until an attempt needs them no more, but for the time that it waits
/// for sub-builds.
#[derive(Debug, Default)]
pub(super) struct Permits {
    needs: Vec<(Arc<Semaphore>, u32)>,
    hand: Mutex<Hand>,
    /// Held while they are taken: taken by two at once, those of one would be in the way of the
    /// other.
    taking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Hand {
    held: Vec<OwnedSemaphorePermit>,
    /// For how many things the run waits: sub-builds, or its next attempt.
    waiting: usize,
    /// Whether the attempt needs them no more.
    is_done: bool,
}

/// That a run waits for something without its permits.
#[derive(Debug)]
pub(super) struct Lent<'a>(&'a Permits);

impl Limits {
    pub(super) fn set(&mut self, name: String, permits: u32) {
        let semaphore = Arc::new(Semaphore::new(permits as usize));
        self.0.insert(name, (semaphore, permits));
    }

    /// What a run needs, always in the order of the names, so that no two wait for each other.
    pub(super) fn permits(
        &self,
        vertex: &Arc<str>,
        needs: Vec<(String, u32)>,
    ) -> Result<Permits, BuildError> {
        let mut by_name = BTreeMap::<_, u32>::new();
        for (name, permits) in needs {
            let sum = by_name.entry(name).or_default();
            *sum = sum.saturating_add(permits);
        }
        let mut needs = Vec::with_capacity(by_name.len());
        for (limit, permits) in by_name {
            let has = self.0.get(&limit);
            match has {
                Some((semaphore, most)) if permits <= *most => {
                    needs.push((semaphore.clone(), permits));
                }
                _ => {
                    return Err(BuildError::Limit {
                        vertex: vertex.clone(),
                        limit,
                        permits,
                        has: has.map_or(0, |(_, most)| *most),
                    });
                }
            }
        }
        Ok(Permits {
            needs,
            ..Permits::default()
        })
    }
}

impl Permits {
    /// Waits for all of them, unless they are held or are not needed any more.
    pub(super) async fn take(&self) {
        let _taking = self.taking.lock().await;
        if !self.hand.lock().is_open() {
            return;
        }
        let mut taken = Vec::with_capacity(self.needs.len());
        for (semaphore, permits) in &self.needs {
            // No semaphore of ours is ever closed.
            taken.extend(semaphore.clone().acquire_many_owned(*permits).await);
        }
        let mut hand = self.hand.lock();
        if hand.is_open() {
            hand.held = taken;
        }
    }

    /// Hands them back for as long as a sub-build is waited for.
    pub(super) fn lend(&self) -> Lent<'_> {
        self.give_up(|hand| hand.waiting += 1);
        Lent(self)
    }

    /// Hands them back until another attempt.
    pub(super) fn hand_back(&self) {
        self.give_up(|hand| hand.is_done = true);
    }

    /// Hands them back until another attempt begins, which needs them again.
    pub(super) fn lend_between_attempts(&self) -> Lent<'_> {
        let lent = self.lend();
        self.hand.lock().is_done = false;
        lent
    }

    /// What is given up is dropped without the lock: that wakes others.
    fn give_up(&self, why: impl FnOnce(&mut Hand)) {
        let mut hand = self.hand.lock();
        why(&mut hand);
        let held = mem::take(&mut hand.held);
        drop(hand);
        drop(held);
    }
}

impl Hand {
    /// Whether there is nothing in it that should be.
    const fn is_open(&self) -> bool {
        self.waiting == 0 && !self.is_done && self.held.is_empty()
    }
}

impl Lent<'_> {
    /// Takes the permits again, unless the run waits for another sub-build or needs them no more.
    ///
    /// A run that gives up a sub-build, by dropping its future, goes on without them.
    pub(super) async fn take_back(self) {
        let permits = self.0;
        drop(self);
        permits.take().await;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.hand.lock().waiting -= 1;
    }
}

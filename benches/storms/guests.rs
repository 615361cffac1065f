//! Whether code is still there: it keeps a guest, until it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts its guests.
#[derive(Debug)]
pub(crate) struct Guests {
    /// How many are to come in each storm.
    pub(crate) invited: usize,
    present: Arc<AtomicUsize>,
}

/// What code keeps that is counted.
#[derive(Debug)]
pub(crate) struct Guest(Arc<AtomicUsize>);

impl Guests {
    pub(crate) fn new(invited: usize) -> Self {
        Self {
            invited,
            present: Arc::default(),
        }
    }

    /// Lets all come that are invited.
    pub(crate) fn all(&self) -> impl Iterator<Item = Guest> + use<> {
        let present = self.present.clone();
        (0..self.invited).map(move |_| {
            present.fetch_add(1, Ordering::Relaxed);
            Guest(present.clone())
        })
    }

    /// How many are there.
    pub(crate) fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Self(present) = self;
        present.fetch_sub(1, Ordering::Relaxed);
    }
}

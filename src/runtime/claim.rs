//! The claim of a declared node on what it publishes.
//!
//! It travels with the declaration, stays with the place, and is given back when it is dropped:
//! with a refused declaration, a place that is gone, or the whole tree. So whoever waits for a
//! value is told in each of these cases.

use std::sync::Arc;

use crate::runtime::address::Address;
use crate::runtime::panics::shield;
use crate::runtime::sync::{AtomicU64, Ordering};
use crate::tree::View;

/// Counts claims.
static CLAIMS: AtomicU64 = AtomicU64::new(1);

/// What is behind a published value, whatever its type.
pub(super) trait AnyCell: Send + Sync {
    fn declare(&self, claim: u64, address: &Arc<Address>);
    fn start(&self, claim: u64, incarnation: u64);
    fn look(&self, claim: u64, view: &View);
    fn release(&self, claim: u64);
}

/// The claim of a declared node on what it publishes.
pub(crate) struct Claim {
    /// Tells it from all others, of the same node too.
    number: u64,
    cells: Vec<Arc<dyn AnyCell>>,
}

impl Claim {
    /// `None` for the many that publish nothing.
    pub(super) fn new(cells: Vec<Arc<dyn AnyCell>>) -> Option<Box<Self>> {
        let claim = |cells| {
            let number = CLAIMS.fetch_add(1, Ordering::Relaxed);
            Box::new(Self { number, cells })
        };
        Some(cells).filter(|cells| !cells.is_empty()).map(claim)
    }

    /// Makes the node at this address the publisher. Wakes nobody and drops nothing of the user's,
    /// as it is called under the lock of a ledger.
    pub(super) fn declare(&self, address: &Arc<Address>) {
        for cell in &self.cells {
            cell.declare(self.number, address);
        }
    }

    /// Lets an incarnation publish, which starts after this.
    pub(super) fn start(&self, incarnation: u64) {
        self.each(|cell| cell.start(self.number, incarnation));
    }

    /// Takes note of how the node looks now.
    pub(super) fn look(&self, view: &View) {
        self.each(|cell| cell.look(self.number, view));
    }

    /// Whoever waits wakes up, and what is withdrawn is dropped, which runs code of the user's.
    fn each(&self, tell: impl Fn(&dyn AnyCell)) {
        for cell in &self.cells {
            let _ = shield(|| tell(&**cell));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.each(|cell| cell.release(self.number));
    }
}

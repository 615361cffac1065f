//! Waiting for a program.

use std::fmt;
use std::sync::Arc;

use super::cell::{Cell, Facts};
use super::exit::{ExitStatus, Gone};

/// Waits for a program, from before its start or at any time after its end.
///
/// What it waits for is stored, so nothing is missed and nothing depends on when this was made. Any
/// number of them may wait, on any runtime, and none keeps the program alive.
#[derive(Clone)]
pub struct Watch {
    cell: Arc<Cell>,
}

impl Watch {
    pub(super) const fn new(cell: Arc<Cell>) -> Self {
        Self { cell }
    }

    /// Waits until the program itself has ended, or it is certain that it will never start. What it
    /// started may live on, and its output may not be read to the end: see [`gone`](Self::gone).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn exited(&self) -> ExitStatus {
        self.wait(|facts| facts.exit.clone()).await
    }

    /// Waits until nothing of the program is left: it is reaped, its group is empty, and its output
    /// is read to the end, or cut because somebody else keeps it open.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn gone(&self) -> Gone {
        self.wait(|facts| facts.gone.clone()).await
    }

    /// How the program ended, if it has.
    #[must_use]
    pub fn now(&self) -> Option<ExitStatus> {
        self.cell.exit()
    }

    /// Waits until something is known.
    pub(super) async fn wait<T>(&self, known: impl Fn(&Facts) -> Option<T>) -> T {
        let mut facts = self.cell.watch();
        let facts = facts.wait_for(|facts| known(facts).is_some()).await;
        let facts = facts.expect("the cell that we hold has the sender");
        known(&facts).expect("it was waited for")
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("exit", &self.now())
            .finish_non_exhaustive()
    }
}

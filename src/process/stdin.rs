//! Writing to a program's standard input.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use super::error::WriteError;
use super::keeper::{Frame, Keeper, Order};

/// Writes to the standard input of a program; cheap to clone.
///
/// What one call writes is not mixed with what another does, and arrives whole or not at all, as
/// far as the program reads: a caller that gives up has not torn it. One call is on its way at a
/// time, the others wait their turn.
///
/// The writer does not keep the program alive, and dropping it does not end the input:
/// [`close`](Self::close) does.
#[derive(Clone)]
pub struct StdinWriter {
    keeper: Keeper,
    key: u64,
    /// Whose turn it is.
    turn: Arc<Semaphore>,
}

impl StdinWriter {
    pub(super) fn new(keeper: Keeper, key: u64) -> Self {
        Self {
            keeper,
            key,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Writes all of the bytes, and waits until the system has taken them; the program may not have
    /// read them yet. It waits as long as the program reads nothing.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if the input is closed, or the program reads no more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe in that the bytes are written whole, or not at all if it was not their turn.
    pub async fn write(&self, bytes: impl Into<Vec<u8>>) -> Result<(), WriteError> {
        let turn = self.turn.clone().acquire_owned().await;
        let turn = turn.expect("nobody closes the semaphore");
        let (reply, written) = oneshot::channel();
        let frame = Frame::new(bytes.into(), reply, turn);
        let key = self.key;
        self.keeper.order(Order::Write { key, frame });
        written.await.unwrap_or(Err(WriteError::Broken))
    }

    /// Ends the input, after what is on its way: the program reads an end of file.
    pub fn close(&self) {
        self.keeper.order(Order::CloseStdin { key: self.key });
    }
}

impl fmt::Debug for StdinWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinWriter").finish_non_exhaustive()
    }
}

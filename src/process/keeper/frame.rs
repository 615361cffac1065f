//! What one call writes to a standard input.

use std::os::fd::AsFd;

use rustix::io::Errno;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::process::error::WriteError;

/// Bytes on their way, with who waits for them. While it lives, nobody else has their turn.
pub(in crate::process) struct Frame {
    bytes: Vec<u8>,
    written: usize,
    reply: oneshot::Sender<Result<(), WriteError>>,
    _turn: OwnedSemaphorePermit,
}

impl Frame {
    pub(in crate::process) const fn new(
        bytes: Vec<u8>,
        reply: oneshot::Sender<Result<(), WriteError>>,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            bytes,
            written: 0,
            reply,
            _turn: turn,
        }
    }

    /// Writes what fits, and says whether that was all, or why there is no more.
    pub(super) fn write_to(&mut self, fd: impl AsFd) -> Option<Result<(), WriteError>> {
        while self.written < self.bytes.len() {
            match rustix::io::write(&fd, &self.bytes[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return None,
                Err(Errno::PIPE | Errno::IO) => return Some(Err(WriteError::Broken)),
                Err(errno) => {
                    let error = std::sync::Arc::new(errno.into());
                    return Some(Err(WriteError::System(error)));
                }
            }
        }
        Some(Ok(()))
    }

    pub(super) fn finish(self, result: Result<(), WriteError>) {
        // Whoever wrote may have given up.
        let _ = self.reply.send(result);
    }
}

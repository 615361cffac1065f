//! Bodies: what is written behind a request, piece by piece.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use thiserror::Error;
use tokio::time::timeout;

use crate::process::StdinWriter;

use super::error::CrashCause;
use super::framing::Framing;

/// A message that is written behind a request, in pieces, so that it need not be in memory at once.
///
/// Its length is known before, and checked: a body that comes to another length, or fails, cannot
/// be taken back. The program is stopped then, so that it reads nothing else in its place, and the
/// call ends with [`CallError::Body`](super::CallError::Body).
/// A source that may do so is better copied first, as
/// [`Content::spool`](super::gocache::Content::spool) does.
pub struct Body {
    length: u64,
    pieces: BoxStream<'static, io::Result<Bytes>>,
}

/// Why a body could not be written.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It ended before the length that was announced.
    #[error("a body of {length} bytes ended after {found}")]
    Short {
        /// How many bytes were announced.
        length: u64,
        /// How many there were.
        found: u64,
    },
    /// It goes on after the length that was announced.
    #[error("a body is longer than its {length} bytes")]
    Long {
        /// How many bytes were announced.
        length: u64,
    },
    /// It could not be read.
    #[error("a body of {length} bytes cannot be read after {found}")]
    Read {
        /// How many bytes were announced.
        length: u64,
        /// How many were read before.
        found: u64,
        /// What the system says.
        source: Arc<io::Error>,
    },
}

impl Body {
    /// A body of so many bytes, as they are written, without its frame. A piece is in memory at a
    /// time, and the program has the [time limit](super::Builder::write_timeout) for each.
    ///
    /// The source has none: while a piece is waited for, all calls behind it wait, also when its
    /// own caller has given up. One that may fall silent needs a limit of its own, and ends with an
    /// error then.
    pub fn new(
        length: u64,
        pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        let pieces = pieces.boxed();
        Self { length, pieces }
    }

    /// Gives out the next piece, if it fits.
    async fn fitting(&mut self, found: u64) -> Result<Option<Bytes>, BodyError> {
        let length = self.length;
        let piece = match StreamExt::next(self).await {
            None if found < length => return Err(BodyError::Short { length, found }),
            None => return Ok(None),
            Some(piece) => piece.map_err(|error| BodyError::Read {
                length,
                found,
                source: Arc::new(error),
            })?,
        };
        match piece.len() as u64 > length - found {
            true => Err(BodyError::Long { length }),
            false => Ok(Some(piece)),
        }
    }
}

impl Stream for Body {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(context)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Writes messages to a program that may not read them.
pub(super) struct Writer {
    pub(super) stdin: StdinWriter,
    pub(super) framing: Framing,
    /// How long the program may read nothing.
    pub(super) within: Duration,
}

impl Writer {
    /// Writes a message, and the body behind it.
    pub(super) async fn write(
        &self,
        message: Vec<u8>,
        body: Option<Body>,
    ) -> Result<(), CrashCause> {
        self.piece(self.framing.frame(message)).await?;
        match body {
            Some(body) => self.body(body).await,
            None => Ok(()),
        }
    }

    async fn body(&self, mut body: Body) -> Result<(), CrashCause> {
        self.piece(self.framing.before(body.length)).await?;
        let mut found = 0;
        while let Some(piece) = body.fitting(found).await? {
            found += piece.len() as u64;
            self.piece(piece.into()).await?;
        }
        self.piece(self.framing.after().to_vec()).await
    }

    async fn piece(&self, bytes: Vec<u8>) -> Result<(), CrashCause> {
        if bytes.is_empty() {
            return Ok(());
        }
        let within = self.within;
        match timeout(within, self.stdin.write(bytes)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(CrashCause::Stalled { within }),
        }
    }
}

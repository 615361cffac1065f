//! What is put into a cache.

use std::env;
use std::io::{self, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use thiserror::Error;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::helper::body::Body;

/// How much is read and written at a time: three bytes are four in base64, and those fill a pipe.
const PIECE_MAX: usize = 48 * 1024;

/// What is put into a cache: bytes in memory, or a copy on disk; cheap to clone.
///
/// It is coded and written piece by piece, so that a put takes no more memory than it had.
#[derive(Clone, Debug)]
pub struct Content(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Memory(Bytes),
    /// A file without a name, which nobody else can change; its place is chosen for each reading.
    Disk {
        file: Arc<Mutex<File>>,
        size: u64,
    },
}

/// Why nothing was copied. Nothing was said to any cache.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The source ended early.
    #[error("a body of {size} bytes ended after {found}")]
    Short {
        /// How many bytes were announced.
        size: u64,
        /// How many there were.
        found: u64,
    },
    /// The source goes on.
    #[error("a body is longer than its {size} bytes")]
    Long {
        /// How many bytes were announced.
        size: u64,
    },
    /// The source failed.
    #[error("a body of {size} bytes cannot be read after {found}")]
    Source {
        /// How many bytes were announced.
        size: u64,
        /// How many were read before.
        found: u64,
        /// What it says.
        source: io::Error,
    },
    /// There is no room for a copy.
    #[error("a body cannot be copied to a file in {}", .folder.display())]
    Copy {
        /// Where files for a time are.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Content {
    /// Copies so many bytes to a file without a name, in the folder for temporary files; the system
    /// removes it with the last clone, or with this process.
    ///
    /// A source that is short, long or fails does so here, before anything was said to a cache.
    ///
    /// # Errors
    ///
    /// [`SpoolError`] says what is wrong with the source, or with the folder.
    ///
    /// # Cancel safety
    ///
    /// The file is removed. A part of the source was read.
    pub async fn spool(size: u64, source: impl AsyncRead) -> Result<Self, SpoolError> {
        let copy = |source| SpoolError::Copy {
            folder: env::temp_dir(),
            source,
        };
        let mut file = File::from_std(tempfile::tempfile().map_err(copy)?);
        let mut source = std::pin::pin!(source);
        let (mut found, mut piece) = (0, Vec::with_capacity(PIECE_MAX));
        loop {
            piece.clear();
            let read = source.read_buf(&mut piece).await;
            let read = read.map_err(|source| SpoolError::Source {
                size,
                found,
                source,
            })?;
            found += read as u64;
            match read {
                0 if found < size => return Err(SpoolError::Short { size, found }),
                0 => break,
                _ if found > size => return Err(SpoolError::Long { size }),
                _ => file.write_all(&piece).await.map_err(copy)?,
            }
        }
        file.flush().await.map_err(copy)?;
        let file = Arc::new(Mutex::new(file));
        Ok(Self(Kept::Disk { file, size }))
    }

    /// How many bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::Disk { size, .. } => *size,
        }
    }

    /// As it is written: a string of JSON in base64. There is none for an empty one.
    pub(super) fn body(&self) -> Option<Body> {
        let size = self.size();
        let quote = || stream::once(async { Ok(Bytes::from_static(b"\"")) });
        let length = 2 + size.div_ceil(3) * 4;
        let coded = |piece: Bytes| Bytes::from(STANDARD.encode(piece));
        (size > 0).then(|| {
            let pieces = self.clone().pieces().map_ok(coded);
            Body::new(length, quote().chain(pieces).chain(quote()))
        })
    }

    /// Its bytes, each piece but the last one as long as a piece can be.
    fn pieces(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold(0, move |at| {
            let content = self.clone();
            async move {
                let piece = content.piece(at).await?;
                let next = at + piece.len() as u64;
                Ok((!piece.is_empty()).then_some((piece, next)))
            }
        })
    }

    async fn piece(&self, at: u64) -> io::Result<Bytes> {
        let left = self.size() - at;
        let length = left.min(PIECE_MAX as u64) as usize;
        match &self.0 {
            Kept::Memory(bytes) => {
                let at = at as usize;
                Ok(bytes.slice(at..at + length))
            }
            Kept::Disk { file, .. } => {
                let mut file = file.lock().await;
                file.seek(SeekFrom::Start(at)).await?;
                let mut piece = vec![0; length];
                file.read_exact(&mut piece).await?;
                Ok(piece.into())
            }
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self(Kept::Memory(bytes))
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

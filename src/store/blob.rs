//! What is asked for, and what is given.

use std::path::PathBuf;
use std::time::SystemTime;

use super::Digest;

/// What a blob is asked for with: its digest and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Blob {
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
}

impl Blob {
    /// The blob that is said to have this digest and this size.
    #[must_use]
    pub fn new(digest: Digest, size: u64) -> Self {
        Self { digest, size }
    }

    /// The blob of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(Digest::of(bytes), bytes.len() as u64)
    }
}

/// A blob that is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Which it is.
    pub blob: Blob,
    /// Its file, to be read and not to be changed. It stays for as long as [the
    /// limits](super::Limits::in_use) say.
    pub path: PathBuf,
}

/// An action whose blob is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Action {
    /// What came of it.
    pub blob: Blob,
    /// The file of the blob, as in [`Stored`].
    pub path: PathBuf,
    /// When the action was put.
    pub time: SystemTime,
    /// What was put with it.
    pub metadata: Vec<u8>,
}

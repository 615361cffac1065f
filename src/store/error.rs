//! Why a request of a store failed: one enum for each operation.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::record::METADATA_SIZE_MAX;
use super::{Blob, Digest};

/// The system failed to work on a file of the store.
#[derive(Debug, Error)]
#[error("cannot work on {}", path.display())]
pub struct FileError {
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// Names the file that an error is about.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self {
            path: path.to_owned(),
            source,
        }
    }

    /// The file, or the directory of the store where the error is about none in particular.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// Why a store was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory is not empty, and what is in it is no store.
    #[error("{} is not empty, and is no store", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// The store has a layout that this version of the crate does not know.
    #[error("the store in {} has version {version:?}: only 1 is known", path.display())]
    Version {
        /// The directory.
        path: PathBuf,
        /// The version it has.
        version: String,
    },
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a blob was not put. Nothing of the body is left in the store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PutError {
    /// The blob alone is more than the store keeps.
    #[error("a blob of {size} bytes is more than the {bytes_max} that the store keeps")]
    BeyondLimit {
        /// The size that was declared.
        size: u64,
        /// The limit of the store.
        bytes_max: u64,
    },
    /// The body could not be read.
    #[error("the body failed after {received} of {size} bytes")]
    Body {
        /// The size that was declared.
        size: u64,
        /// How much came before that.
        received: u64,
        /// What the body said.
        source: io::Error,
    },
    /// The body ended before its size.
    #[error("the body has {received} bytes: {size} were declared")]
    Short {
        /// The size that was declared.
        size: u64,
        /// How much came.
        received: u64,
    },
    /// The body went on after its size.
    #[error("the body has more than the {size} bytes that were declared")]
    Long {
        /// The size that was declared.
        size: u64,
    },
    /// The body has another digest.
    #[error("the body has the digest {actual}: {declared} was declared")]
    Digest {
        /// The digest that was declared.
        declared: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a blob was not given.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GetError {
    /// The file had other bytes than its digest says. It has been removed.
    #[error("blob {} was corrupt, and is removed", blob.digest)]
    Corrupt {
        /// The blob that was asked for.
        blob: Blob,
    },
    /// The blob is sound, and has another size than it was asked for with.
    #[error("blob {} has {actual} bytes, not {}", blob.digest, blob.size)]
    Size {
        /// The blob that was asked for.
        blob: Blob,
        /// The size it has.
        actual: u64,
    },
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why an action was not put.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PutActionError {
    /// The metadata is longer than [`METADATA_SIZE_MAX`].
    #[error(
        "the metadata of action {key} has {size} bytes: {METADATA_SIZE_MAX} at most are allowed"
    )]
    MetadataTooLong {
        /// The beginning of the key, in hexadecimal digits.
        key: String,
        /// How long the metadata is, in bytes.
        size: usize,
    },
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why an action was not given.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GetActionError {
    /// The file of the action was damaged. It has been removed.
    #[error("action {key} was corrupt, and is removed")]
    Corrupt {
        /// The beginning of the key, in hexadecimal digits.
        key: String,
    },
    /// The action is there, and its blob was not given.
    #[error("the blob of action {key} was not given")]
    Blob {
        /// The beginning of the key, in hexadecimal digits.
        key: String,
        /// Why not.
        source: GetError,
    },
    /// The system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The part of a key that errors show.
pub(super) fn shown(key: &[u8]) -> String {
    let shown = &key[..key.len().min(Digest::LENGTH)];
    shown.iter().map(|byte| format!("{byte:02x}")).collect()
}

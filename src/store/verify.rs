//! Finding what is damaged, and removing it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::directory::{Directory, Kind};
use super::record::Record;
use super::used::open_if_there;
use super::{Digest, FileError};

/// What reading everything has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many blobs are sound.
    pub blobs: u64,
    /// How many actions are sound.
    pub actions: u64,
    /// The blobs that were corrupt, and are removed.
    pub blobs_removed: Vec<Digest>,
    /// The digests of the keys of the actions that were corrupt, and are removed.
    pub actions_removed: Vec<Digest>,
}

/// How far a reading of everything is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes were read.
    pub bytes: u64,
    /// How many there were when it began.
    pub bytes_in_all: u64,
}

/// What a look at a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Sound {
        size: u64,
    },
    Corrupt,
    /// It was removed, or has never been.
    Gone,
}

impl Directory {
    /// Reads a file, and removes it if it is corrupt.
    pub(super) fn verify(&self, kind: Kind, digest: Digest) -> Result<Condition, FileError> {
        let path = &self.path(kind, digest);
        let judged = judge(path, kind, digest).map_err(FileError::at(path))?;
        if judged != Condition::Corrupt {
            return Ok(judged);
        }
        // Once more while nobody can replace it by a sound one (2).
        let _writer = self.write()?;
        let judged = judge(path, kind, digest).map_err(FileError::at(path))?;
        if judged == Condition::Corrupt {
            fs::remove_file(path).map_err(FileError::at(path))?;
        }
        Ok(judged)
    }
}

fn judge(path: &Path, kind: Kind, digest: Digest) -> io::Result<Condition> {
    let Some(file) = open_if_there(path)? else {
        return Ok(Condition::Gone);
    };
    let is_sound = match kind {
        Kind::Blob => Digest::of_file(&file)? == digest,
        Kind::Action => is_record(&file)?,
    };
    let size = file.metadata()?.len();
    Ok(if is_sound {
        Condition::Sound { size }
    } else {
        Condition::Corrupt
    })
}

fn is_record(mut file: &File) -> io::Result<bool> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Record::decode(&bytes).is_some())
}

//! What is there, when it was used, and removing what was used longest ago.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::directory::{Directory, Kind};
use super::header::Writer;
use super::used::open_if_there;
use super::{Digest, FileError};

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// How many blobs.
    pub blobs: u64,
    /// How many actions.
    pub actions: u64,
    /// How many bytes, in both.
    pub bytes: u64,
    /// How many of these bytes are in use, and hence not removed to make room.
    pub bytes_in_use: u64,
}

/// What making room has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// How many blobs and actions were removed.
    pub removed: u64,
    /// How many bytes they had.
    pub bytes_removed: u64,
    /// How many bytes are left.
    pub bytes_left: u64,
}

/// A file that has its name.
pub(super) struct Listed {
    pub(super) digest: Digest,
    path: PathBuf,
    pub(super) size: u64,
    used: SystemTime,
}

impl Directory {
    pub(super) fn stat(&self) -> Result<Stat, FileError> {
        let (blobs, actions) = (self.list(Kind::Blob)?, self.list(Kind::Action)?);
        let now = SystemTime::now();
        let all = || blobs.iter().chain(&actions);
        let in_use = all().filter(|file| self.limits.is_in_use(file.used, now));
        Ok(Stat {
            blobs: blobs.len() as u64,
            actions: actions.len() as u64,
            bytes: all().map(|file| file.size).sum(),
            bytes_in_use: in_use.map(|file| file.size).sum(),
        })
    }

    pub(super) fn prune(&self) -> Result<Pruned, FileError> {
        self.evict(&mut self.write()?)
    }

    /// Counts what is there and, if that is too much, evicts.
    pub(super) fn evict(&self, writer: &mut Writer<'_>) -> Result<Pruned, FileError> {
        let mut files = self.list(Kind::Blob)?;
        files.append(&mut self.list(Kind::Action)?);
        let mut pruned = Pruned {
            bytes_left: files.iter().map(|file| file.size).sum(),
            ..Pruned::default()
        };
        files.sort_by_key(|file| file.used);
        let target = self.limits.target(pruned.bytes_left);
        for file in &files {
            if pruned.bytes_left <= target {
                break;
            }
            if self.evict_file(file).map_err(FileError::at(&file.path))? {
                pruned.removed += 1;
                pruned.bytes_removed += file.size;
                pruned.bytes_left -= file.size;
            }
        }
        let counted = writer.set_count(pruned.bytes_left);
        counted.map_err(FileError::at(&self.header_path))?;
        Ok(pruned)
    }

    /// The files of a kind.
    pub(super) fn list(&self, kind: Kind) -> Result<Vec<Listed>, FileError> {
        let directory = self.folder(kind);
        let at = || FileError::at(directory);
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(at())? {
            let entry = entry.map_err(at())?;
            let name = entry.file_name();
            let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let path = entry.path();
            let metadata = match entry.metadata() {
                // Another process has removed it since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(FileError::at(&path))?,
            };
            files.push(Listed {
                used: metadata.modified().map_err(FileError::at(&path))?,
                size: metadata.len(),
                digest,
                path,
            });
        }
        Ok(files)
    }

    /// Removes a file, unless somebody uses it: whether it did.
    fn evict_file(&self, listed: &Listed) -> io::Result<bool> {
        let Some(file) = open_if_there(&listed.path)? else {
            return Ok(false);
        };
        // Somebody marks it, or gave it its name just now.
        if file.try_lock().is_err() {
            return Ok(false);
        }
        // It may have been marked since it was listed (3).
        let used = file.metadata()?.modified()?;
        if self.limits.is_in_use(used, SystemTime::now()) {
            return Ok(false);
        }
        fs::remove_file(&listed.path)?;
        Ok(true)
    }
}

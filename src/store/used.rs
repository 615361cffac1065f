//! Marking a file as used, so that nobody evicts it (3).

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// Opens the file at `path` and marks it as used now; `None` if there is none.
///
/// While the caller holds the file, nobody evicts it.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    while let Some(file) = open_if_there(path)? {
        file.lock_shared()?;
        file.set_modified(SystemTime::now())?;
        // Without a name it was evicted or replaced before it was locked: there may be another.
        if file.metadata()?.nlink() > 0 {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Opens the file at `path`; `None` if there is none.
pub(super) fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

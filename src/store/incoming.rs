//! A file that is being written, before it has its name (1).

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use super::digest::Hasher;
use super::used::open_if_there;
use super::{Digest, FileError};

/// What came so far, on disk and in the digest. Dropped, it removes its file.
pub(super) struct Incoming {
    file: NamedTempFile,
    hasher: Hasher,
}

impl Incoming {
    /// Begins a file in `directory`, locked as a sign that its writer lives.
    pub(super) fn begin(directory: &Path) -> io::Result<Self> {
        loop {
            let mut builder = Builder::new();
            builder.permissions(Permissions::from_mode(0o400));
            let file = builder.tempfile_in(directory)?;
            file.as_file().lock()?;
            // Whoever cleans up may have taken it for a leftover before it was locked.
            if file.as_file().metadata()?.nlink() > 0 {
                let hasher = Hasher::default();
                return Ok(Self { file, hasher });
            }
        }
    }

    pub(super) fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.hasher.update(chunk);
        self.file.write_all(chunk)
    }

    /// Ends the body.
    pub(super) fn finish(self) -> (Digest, NamedTempFile) {
        (self.hasher.finish(), self.file)
    }
}

/// Removes what processes that were killed have left in `directory`.
pub(super) fn clean(directory: &Path) -> Result<(), FileError> {
    let at = || FileError::at(directory);
    for entry in fs::read_dir(directory).map_err(at())? {
        let path = entry.map_err(at())?.path();
        clean_file(&path).map_err(FileError::at(&path))?;
    }
    Ok(())
}

fn clean_file(path: &Path) -> io::Result<()> {
    let Some(file) = open_if_there(path)? else {
        return Ok(());
    };
    // Whoever still writes it has it locked. One that is about to lock it sees, then, that it has
    // no name any more; hence the lock is held until it has none.
    if file.try_lock().is_err() {
        return Ok(());
    }
    match fs::remove_file(path) {
        // Its writer has given up, and removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

//! What the system says of a file without reading it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How long the clock of files may stand still: what is younger may change unseen.
const TICK: Duration = Duration::from_millis(10);

/// What tells that a file is what it was: size, times and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
    mode: u32,
}

impl Stamp {
    /// The stamp of what is at this path; an error if that is no file.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let is = fs::metadata(path)?;
        if !is.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        Ok(Self::from(&is))
    }

    /// Whether the file was the same already at this time, as far as its own times tell.
    pub(crate) fn is_before(&self, time: SystemTime) -> bool {
        let (seconds, nanos) = self.changed;
        let since = Duration::new(seconds.unsigned_abs(), u32::try_from(nanos).unwrap_or(0));
        seconds < 0 || UNIX_EPOCH + since <= time
    }

    /// Whether a change after this time would be seen.
    pub(super) fn is_settled(&self, time: SystemTime) -> bool {
        self.is_before(time - TICK)
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Who may read, write and run it.
    pub(crate) const fn mode(&self) -> u32 {
        self.mode & 0o777
    }
}

impl From<&Metadata> for Stamp {
    fn from(is: &Metadata) -> Self {
        Self {
            size: is.size(),
            modified: (is.mtime(), is.mtime_nsec()),
            changed: (is.ctime(), is.ctime_nsec()),
            inode: is.ino(),
            mode: is.mode(),
        }
    }
}

//! The file `perennial-store`: the version, how many bytes there are, and the lock of who writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use parking_lot::{Mutex, MutexGuard};

/// Before the version, which a line ends.
const MAGIC: &str = "perennial store ";

/// The version whose layout this is.
const VERSION: &str = "1";

/// Where the count stands, in as many decimal digits as the largest has.
const COUNT_AT: u64 = (MAGIC.len() + VERSION.len() + 1) as u64;
const COUNT_DIGITS: usize = 20;

/// What a directory says that it is.
pub(super) enum Layout {
    Known,
    /// Nobody has said anything yet, or was killed before that.
    New,
    Other(String),
    Unreadable,
}

/// The header of a store, which one thread of one process at a time may hold.
#[derive(Debug)]
pub(super) struct Header(Mutex<File>);

impl Header {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        Ok(Self(Mutex::new(options.open(path)?)))
    }

    /// Waits until nobody else writes: neither here, by the mutex, nor elsewhere, by the file's
    /// lock, which the system gives back for a process that is killed.
    pub(super) fn write(&self) -> io::Result<Writer<'_>> {
        let file = self.0.lock();
        file.lock()?;
        Ok(Writer { file })
    }
}

/// The right to give and to take names in the directory.
pub(super) struct Writer<'a> {
    file: MutexGuard<'a, File>,
}

impl Writer<'_> {
    pub(super) fn layout(&self) -> io::Result<Layout> {
        let mut start = [0; 64];
        let length = self.file.read_at(&mut start, 0)?;
        let start = String::from_utf8_lossy(&start[..length]);
        Ok(
            match start
                .strip_prefix(MAGIC)
                .and_then(|rest| rest.split_once('\n'))
            {
                Some((VERSION, _)) => Layout::Known,
                Some((other, _)) => Layout::Other(other.to_owned()),
                None if start.is_empty() => Layout::New,
                None => Layout::Unreadable,
            },
        )
    }

    /// Says that the directory is a store from now on.
    pub(super) fn create(&mut self) -> io::Result<()> {
        let text = format!("{MAGIC}{VERSION}\n{:0COUNT_DIGITS$}\n", 0);
        self.file.write_all_at(text.as_bytes(), 0)
    }

    /// How many bytes there are at most (4). A count that is damaged counts as more than any limit,
    /// so that the next put makes another.
    pub(super) fn count(&self) -> io::Result<u64> {
        let mut digits = [0; COUNT_DIGITS];
        let length = self.file.read_at(&mut digits, COUNT_AT)?;
        let text = str::from_utf8(&digits)
            .ok()
            .filter(|_| length == COUNT_DIGITS);
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX))
    }

    pub(super) fn set_count(&mut self, bytes: u64) -> io::Result<()> {
        let digits = format!("{bytes:0COUNT_DIGITS$}");
        self.file.write_all_at(digits.as_bytes(), COUNT_AT)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        // It fails only for a file that is not open.
        drop(self.file.unlock());
    }
}

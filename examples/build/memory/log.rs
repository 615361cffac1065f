//! The file of the memory: records that are only ever added, each a line of JSON.
//!
//! Who is killed while it writes one leaves half a line, which is cut off the next time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use perennial::store::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::stamp::Stamp;

/// Something to be remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// The next number stands for this path.
    Path(PathBuf),
    /// A file had these contents when it had this stamp.
    File {
        path: u32,
        stamp: Stamp,
        digest: Hex,
    },
    /// What a command read, besides its inputs, and the name of what it made of that.
    Made {
        recipe: Hex,
        read: Vec<u32>,
        state: Hex,
        name: Hex,
    },
    /// One key of the solver stands for another.
    Alias { of: Hex, to: Hex },
}

/// A digest as text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hex(pub(super) Digest);

/// The file, open to be written to.
#[derive(Debug)]
pub(super) struct Log(File);

impl Log {
    /// Opens the log, made if it is missing, and gives each whole record in it.
    pub(super) fn open(path: &Path, mut take: impl FnMut(Record)) -> io::Result<Self> {
        let mut options = File::options();
        let file = options.create(true).append(true).read(true).open(path)?;
        let bytes = fs::read(path)?;
        let mut whole = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let record = line.strip_suffix(b"\n").map(serde_json::from_slice);
            let Some(Ok(record)) = record else { break };
            take(record);
            whole += line.len();
        }
        file.set_len(whole as u64)?;
        Ok(Self(file))
    }

    /// Puts a log of these records in the place of the one at this path.
    pub(super) fn replace<'a>(
        path: &Path,
        records: impl Iterator<Item = Record> + 'a,
    ) -> io::Result<Self> {
        let mut bytes = Vec::new();
        for record in records {
            write_line(&mut bytes, &record)?;
        }
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, bytes)?;
        fs::rename(&fresh, path)?;
        File::options().append(true).open(path).map(Self)
    }

    /// Adds records: all are written at once.
    pub(super) fn add(&mut self, records: &[Record]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in records {
            write_line(&mut bytes, record)?;
        }
        self.0.write_all(&bytes)
    }
}

fn write_line(bytes: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    serde_json::to_writer(&mut *bytes, record)?;
    bytes.push(b'\n');
    Ok(())
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

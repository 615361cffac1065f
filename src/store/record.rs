//! An action as bytes: digest, size, time, metadata, and the digest of all that.

use std::time::{Duration, SystemTime};

use super::{Blob, Digest};

/// How much metadata an action may have, in bytes.
pub const METADATA_SIZE_MAX: usize = 64 << 10;

/// What the file of an action holds. Numbers are little-endian.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub(super) blob: Blob,
    pub(super) time: SystemTime,
    pub(super) metadata: Vec<u8>,
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let time = self.time.duration_since(SystemTime::UNIX_EPOCH);
        let time = time.unwrap_or_default();
        let mut bytes = self.blob.digest.as_bytes().to_vec();
        bytes.extend(self.blob.size.to_le_bytes());
        bytes.extend(time.as_secs().to_le_bytes());
        bytes.extend(time.subsec_nanos().to_le_bytes());
        bytes.extend(&self.metadata);
        bytes.extend(Digest::of(&bytes).as_bytes());
        bytes
    }

    /// `None` if the bytes are not those of a record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, check) = bytes.split_last_chunk()?;
        if Digest::of(content) != Digest::from(*check) {
            return None;
        }
        let (digest, rest) = content.split_first_chunk::<{ Digest::LENGTH }>()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (nanoseconds, metadata) = rest.split_first_chunk()?;
        let seconds = Duration::from_secs(u64::from_le_bytes(*seconds));
        let nanoseconds = Duration::from_nanos(u32::from_le_bytes(*nanoseconds).into());
        let since = seconds.checked_add(nanoseconds)?;
        Some(Self {
            blob: Blob::new(Digest::from(*digest), u64::from_le_bytes(*size)),
            time: SystemTime::UNIX_EPOCH.checked_add(since)?,
            metadata: metadata.to_vec(),
        })
    }
}

//! The lines that declare how much follows: `*3\r\n` and `$5\r\n`.

use super::{Limits, ProtocolError};
use crate::integer;

/// What a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// `*`: so many arguments.
    Array,
    /// `$`: an argument of so many bytes.
    Bulk,
}

impl Marker {
    /// The byte that begins such a header.
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Array => b'*',
            Self::Bulk => b'$',
        }
    }

    /// What is wrong if the number of such a header is.
    pub(super) fn invalid(self) -> ProtocolError {
        match self {
            Self::Array => ProtocolError::ArgumentCount,
            Self::Bulk => ProtocolError::BulkLength,
        }
    }
}

/// One line of header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The number declared.
    pub(super) value: i64,
    /// The length of the line, its end included.
    pub(super) bytes: usize,
}

impl Header {
    /// Reads the header that `bytes` begin with, or `None` if its end is not there yet.
    ///
    /// Looks at no more than `header_bytes_max` bytes, so it may be asked again after every byte.
    pub(super) fn read(
        bytes: &[u8],
        marker: Marker,
        limits: &Limits,
    ) -> Result<Option<Self>, ProtocolError> {
        let Some(&got) = bytes.first() else {
            return Ok(None);
        };
        if got != marker.byte() {
            let expected = marker.byte();
            return Err(ProtocolError::Unexpected { expected, got });
        }
        let window = &bytes[..bytes.len().min(limits.header_bytes_max)];
        let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
            return if window.len() == limits.header_bytes_max {
                Err(ProtocolError::HeaderTooLong)
            } else {
                Ok(None)
            };
        };
        let number = window[1..end].strip_suffix(b"\r");
        let value = number
            .and_then(integer::parse)
            .ok_or_else(|| marker.invalid())?;
        Ok(Some(Self {
            value,
            bytes: end + 1,
        }))
    }
}

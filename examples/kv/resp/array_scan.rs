//! Finds the end of a request without decoding it, in as many pieces as it arrives.

use super::{
    Limits, ProtocolError,
    header::{Header, Marker},
};

/// How much of the array at the front of the buffer is known to be whole and in order.
///
/// Two numbers are all it keeps, however large the request claims to be.
#[derive(Debug, Default)]
pub(super) struct ArrayScan {
    /// The bytes up to the end of the last whole argument.
    scanned: usize,
    /// What the first line has declared, once it is there.
    count: Option<ArgumentCount>,
}

/// The arguments of the array being scanned.
#[derive(Clone, Copy, Debug)]
struct ArgumentCount {
    /// How many there are in all.
    declared: usize,
    /// How many of them have not arrived.
    missing: usize,
}

/// The size of a whole array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The bytes it takes in the buffer.
    pub(super) bytes: usize,
    /// The number of its arguments.
    pub(super) arguments: usize,
}

impl ArrayScan {
    /// Goes on where the last call left off, to the end of the array if it is there.
    ///
    /// `buffer` must begin with the same bytes as in the last call.
    pub(super) fn advance(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
    ) -> Result<Option<Extent>, ProtocolError> {
        let Some(mut count) = self.count(buffer, limits)? else {
            return Ok(None);
        };
        while count.missing > 0 {
            let Some(bytes) = argument_bytes(buffer, self.scanned, limits)? else {
                return Ok(None);
            };
            self.scanned += bytes;
            count.missing -= 1;
            self.count = Some(count);
        }
        Ok(Some(Extent {
            bytes: self.scanned,
            arguments: count.declared,
        }))
    }

    /// The number of arguments, remembered or read from the first line.
    fn count(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
    ) -> Result<Option<ArgumentCount>, ProtocolError> {
        if self.count.is_none()
            && let Some(header) = Header::read(buffer, Marker::Array, limits)?
        {
            // A null or negative array is an empty one: it asks for nothing.
            let declared = usize::try_from(header.value.max(0))
                .ok()
                .filter(|&declared| declared <= limits.argument_count_max)
                .ok_or(ProtocolError::ArgumentCount)?;
            self.scanned = header.bytes;
            self.count = Some(ArgumentCount {
                declared,
                missing: declared,
            });
        }
        Ok(self.count)
    }
}

/// The length of the argument that begins at `start`, header and line end included, if it is whole.
fn argument_bytes(
    buffer: &[u8],
    start: usize,
    limits: &Limits,
) -> Result<Option<usize>, ProtocolError> {
    let Some(header) = Header::read(&buffer[start..], Marker::Bulk, limits)? else {
        return Ok(None);
    };
    let length = usize::try_from(header.value)
        .ok()
        .filter(|&length| length <= limits.bulk_bytes_max)
        .ok_or(ProtocolError::BulkLength)?;
    let body_end = start + header.bytes + length;
    let end = body_end + LINE_END.len();
    // Said before the bytes arrive, not after they have been kept.
    if end > limits.request_bytes_max {
        return Err(ProtocolError::RequestTooLarge);
    }
    match buffer.get(body_end..end) {
        None => Ok(None),
        Some(LINE_END) => Ok(Some(end - start)),
        Some(_) => Err(ProtocolError::Terminator),
    }
}

const LINE_END: &[u8] = b"\r\n";

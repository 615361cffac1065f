//! What a peer asks for, before anybody knows whether it makes sense.

use bytes::Bytes;
use redis_protocol::resp2::{decode::decode_range, types::RangeFrame};

use super::{ProtocolError, line_scan};

/// A name and its arguments.
///
/// All of them are views of the buffer they were received in and keep all of it alive: what is to
/// be stored must be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The first word, in whatever case it was written.
    pub(crate) name: Bytes,
    /// The words after it.
    pub(crate) arguments: Vec<Bytes>,
}

impl Request {
    /// Decodes an array of bulk strings that is known to be whole and not empty.
    pub(super) fn from_array(frame: &Bytes) -> Result<Self, ProtocolError> {
        let Ok(Some((RangeFrame::Array(items), _))) = decode_range(frame) else {
            return Err(ProtocolError::Malformed);
        };
        let mut items = items.into_iter().map(|item| match item {
            RangeFrame::BulkString((start, end)) => Ok(frame.slice(start..end)),
            RangeFrame::Array(_)
            | RangeFrame::Error(_)
            | RangeFrame::Integer(_)
            | RangeFrame::Null
            | RangeFrame::SimpleString(_) => Err(ProtocolError::Malformed),
        });
        let name = items.next().ok_or(ProtocolError::Malformed)??;
        let arguments = items.collect::<Result<_, _>>()?;
        Ok(Self { name, arguments })
    }

    /// Takes a line apart, or answers `None` if there is no word in it.
    pub(super) fn from_line(line: &Bytes) -> Result<Option<Self>, ProtocolError> {
        let mut words = line_scan::words(line)?;
        Ok(words.next().map(|name| Self {
            name,
            arguments: words.collect(),
        }))
    }
}

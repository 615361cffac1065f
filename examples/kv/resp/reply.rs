//! What a peer is answered.

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::{encode::extend_encode_borrowed, types::BorrowedFrame};

use super::ProtocolError;

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A list of strings.
    Array(Vec<Bytes>),
    /// A string of any bytes.
    Bulk(Bytes),
    /// A refusal, in one line that begins with a word in capitals for its kind.
    Error(String),
    /// A number.
    Integer(i64),
    /// Nothing: no such key, or a condition that did not hold.
    Null,
    /// A word of the protocol itself.
    Simple(&'static str),
}

impl Reply {
    /// Done.
    pub(crate) const OK: Self = Self::Simple("OK");

    /// Appends the bytes of this reply to `out`.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let items: Vec<_>;
        let frame = match self {
            Self::Array(strings) => {
                items = strings
                    .iter()
                    .map(|item| BorrowedFrame::BulkString(item))
                    .collect();
                BorrowedFrame::Array(&items)
            }
            Self::Bulk(bytes) => BorrowedFrame::BulkString(bytes),
            Self::Error(text) => {
                debug_assert!(
                    !text.contains(['\r', '\n']),
                    "an error is one line: {text:?}"
                );
                BorrowedFrame::Error(text)
            }
            Self::Integer(number) => BorrowedFrame::Integer(*number),
            Self::Null => BorrowedFrame::Null,
            Self::Simple(word) => BorrowedFrame::SimpleString(word.as_bytes()),
        };
        extend_encode_borrowed(out, &frame, false)
            .expect("the encoder makes room for the whole frame first");
    }
}

impl From<ProtocolError> for Reply {
    fn from(error: ProtocolError) -> Self {
        Self::Error(format!("ERR Protocol error: {error}"))
    }
}

//! Requests written as one line of words, as people type them.

use bytes::Bytes;

use super::{Limits, ProtocolError};

/// How much of the line at the front of the buffer is known not to end it.
#[derive(Debug, Default)]
pub(super) struct LineScan {
    /// The bytes that have been looked at.
    scanned: usize,
}

impl LineScan {
    /// Goes on where the last call left off, to the end of the line if it is there.
    ///
    /// `buffer` must begin with the same bytes as in the last call. Answers the length of the line,
    /// its end included.
    pub(super) fn advance(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        // What no command begins with is no typing: better the hint than silence up to a line end.
        if let Some(&got) = buffer.first()
            && !(got.is_ascii_alphabetic() || got.is_ascii_whitespace())
        {
            return Err(ProtocolError::Unexpected {
                expected: b'*',
                got,
            });
        }
        let window = &buffer[..buffer.len().min(limits.inline_bytes_max)];
        let found = window[self.scanned..]
            .iter()
            .position(|&byte| byte == b'\n');
        match found {
            Some(offset) => Ok(Some(self.scanned + offset + 1)),
            None if window.len() == limits.inline_bytes_max => Err(ProtocolError::InlineTooLong),
            None => {
                self.scanned = window.len();
                Ok(None)
            }
        }
    }
}

/// The words of a line, which share its memory. Quotes mean nothing here.
///
/// # Errors
///
/// [`ProtocolError::Http`] for the first words of HTTP. Any page can make a browser post to this
/// port, and without this the body of such a request would be read as commands.
pub(super) fn words(line: &Bytes) -> Result<impl Iterator<Item = Bytes>, ProtocolError> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(|word| line.slice_ref(word))
        .peekable();
    match words.peek() {
        Some(first) if HTTP.iter().any(|word| first.eq_ignore_ascii_case(word)) => {
            Err(ProtocolError::Http)
        }
        Some(_) | None => Ok(words),
    }
}

/// What HTTP says that no command does: the method with a body, and the header always sent.
const HTTP: [&[u8]; 2] = [b"post", b"host:"];

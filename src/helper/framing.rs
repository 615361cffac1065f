//! Where a message begins and ends in a stream of bytes.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;
use tokio_util::codec::Decoder;

/// How messages are cut out of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// One message in a line, which ends with a newline; empty lines are none. As the Model Context
    /// Protocol and Go's `GOCACHEPROG` have it.
    Lines,
    /// A header as in HTTP, with `Content-Length`, then so many bytes. As the Language Server
    /// Protocol has it.
    ContentLength,
}

/// Why a piece of a stream is no message. The stream goes on after it, unless it is broken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It is longer than is allowed, and was passed over.
    #[error("a message is longer than {max} bytes")]
    TooLong {
        /// What is allowed.
        max: usize,
    },
    /// A header says no length, so nobody knows where the next message begins.
    #[error("a header is broken: {header}")]
    Header {
        /// The header, or its beginning.
        header: String,
    },
    /// The stream ended within a message.
    #[error("the stream ended within a message, after {bytes} bytes of it")]
    Torn {
        /// How much of it there was.
        bytes: usize,
    },
}

/// The longest header, with the empty line behind it.
pub(super) const HEADER_MAX: usize = 4096;

impl Framing {
    /// Puts a frame around a message.
    pub(super) fn frame(self, mut message: Vec<u8>) -> Vec<u8> {
        let mut frame = self.before(message.len() as u64);
        frame.append(&mut message);
        frame.extend(self.after());
        frame
    }

    /// What stands before a message of so many bytes.
    pub(super) fn before(self, length: u64) -> Vec<u8> {
        match self {
            Self::Lines => Vec::new(),
            Self::ContentLength => format!("Content-Length: {length}\r\n\r\n").into_bytes(),
        }
    }

    /// What stands behind each message.
    pub(super) const fn after(self) -> &'static [u8] {
        match self {
            Self::Lines => b"\n",
            Self::ContentLength => b"",
        }
    }
}

/// Cuts messages out of a stream, one by one. What is no message is an item, too, so that the
/// stream goes on after it. Takes no more memory than the longest message and one read.
#[derive(Debug)]
pub(super) struct Frames {
    framing: Framing,
    length_max: usize,
    /// How far the buffer was searched for the end of a line.
    searched: usize,
    passing: Passing,
}

/// What is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    Nothing,
    /// The rest of a line.
    Line,
    /// So many bytes.
    Bytes(usize),
    /// All that comes.
    Everything,
}

type Framed = Result<Bytes, FrameError>;

impl Frames {
    pub(super) const fn new(framing: Framing, length_max: usize) -> Self {
        Self {
            framing,
            length_max,
            searched: 0,
            passing: Passing::Nothing,
        }
    }

    fn next(&mut self, stream: &mut BytesMut) -> Option<Framed> {
        self.pass(stream);
        match (self.framing, self.passing) {
            (Framing::Lines, _) => self.line(stream),
            (Framing::ContentLength, Passing::Nothing) => self.measured(stream),
            (Framing::ContentLength, _) => None,
        }
    }

    /// Drops what is not wanted, without keeping it.
    fn pass(&mut self, stream: &mut BytesMut) {
        match self.passing {
            Passing::Bytes(left) => {
                let now = left.min(stream.len());
                stream.advance(now);
                self.passing = match left - now {
                    0 => Passing::Nothing,
                    left => Passing::Bytes(left),
                };
            }
            Passing::Everything => stream.clear(),
            Passing::Nothing | Passing::Line => {}
        }
    }

    fn line(&mut self, stream: &mut BytesMut) -> Option<Framed> {
        loop {
            let fresh = &stream[self.searched..];
            let Some(end) = fresh.iter().position(|byte| *byte == b'\n') else {
                return self.unfinished(stream);
            };
            let line = stream.split_to(self.searched + end + 1).freeze();
            self.searched = 0;
            if std::mem::replace(&mut self.passing, Passing::Nothing) == Passing::Line {
                continue;
            }
            let line = line.slice(..line.len() - 1);
            let length = line.strip_suffix(b"\r").unwrap_or(&line).len();
            if length > self.length_max {
                let max = self.length_max;
                return Some(Err(FrameError::TooLong { max }));
            }
            let line = line.slice(..line.trim_ascii_end().len());
            if !line.is_empty() {
                return Some(Ok(line));
            }
        }
    }

    /// Says at once of a line that it is too long, and forgets what there is of it.
    fn unfinished(&mut self, stream: &mut BytesMut) -> Option<Framed> {
        self.searched = stream.len();
        // One more, should it be the carriage return.
        if stream.len() <= self.length_max.saturating_add(1) {
            return None;
        }
        stream.clear();
        self.searched = 0;
        let was_told = std::mem::replace(&mut self.passing, Passing::Line) == Passing::Line;
        let max = self.length_max;
        (!was_told).then_some(Err(FrameError::TooLong { max }))
    }

    fn measured(&mut self, stream: &mut BytesMut) -> Option<Framed> {
        // A header that is longer is broken, wherever it ends.
        let searched = &stream[..stream.len().min(HEADER_MAX)];
        let Some(end) = searched.windows(4).position(|four| four == b"\r\n\r\n") else {
            return (searched.len() == HEADER_MAX).then(|| self.broken(stream, HEADER_MAX));
        };
        let Some(length) = content_length(&stream[..end]) else {
            return Some(self.broken(stream, end));
        };
        if length > self.length_max {
            stream.advance(end + 4);
            self.passing = Passing::Bytes(length);
            self.pass(stream);
            let max = self.length_max;
            return Some(Err(FrameError::TooLong { max }));
        }
        // No sum of them: a header may say any number.
        if stream.len() - (end + 4) < length {
            return None;
        }
        stream.advance(end + 4);
        Some(Ok(stream.split_to(length).freeze()))
    }

    fn broken(&mut self, stream: &mut BytesMut, header: usize) -> Framed {
        let header = excerpt(&stream[..header]);
        self.passing = Passing::Everything;
        stream.clear();
        Err(FrameError::Header { header })
    }
}

impl Decoder for Frames {
    type Item = Framed;
    type Error = io::Error;

    fn decode(&mut self, stream: &mut BytesMut) -> io::Result<Option<Framed>> {
        Ok(self.next(stream))
    }

    fn decode_eof(&mut self, stream: &mut BytesMut) -> io::Result<Option<Framed>> {
        if let Some(framed) = self.next(stream) {
            return Ok(Some(framed));
        }
        let bytes = stream.len();
        let is_torn = bytes > 0 && self.passing == Passing::Nothing;
        stream.clear();
        self.searched = 0;
        Ok(is_torn.then_some(Err(FrameError::Torn { bytes })))
    }
}

fn content_length(header: &[u8]) -> Option<usize> {
    let header = std::str::from_utf8(header).ok()?;
    header.split("\r\n").find_map(|field| {
        let (name, value) = field.split_once(':')?;
        let is_length = name.trim().eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok()).flatten()
    })
}

/// The beginning of what somebody else wrote, made harmless, for people.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const LENGTH_MAX: usize = 200;
    let cut = &bytes[..bytes.len().min(LENGTH_MAX)];
    let text = String::from_utf8_lossy(cut);
    let mut text: String = text.chars().flat_map(char::escape_debug).collect();
    if bytes.len() > LENGTH_MAX {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;

//! From what a connection has received to the requests in it.

use bytes::BytesMut;

use super::{
    Limits, ProtocolError, Request,
    array_scan::{ArrayScan, Extent},
    line_scan::LineScan,
};

/// Takes the requests of one connection out of its buffer, one at a time.
///
/// Remembers how far it has looked into an unfinished request, so that one which arrives slowly is
/// not read from its beginning again with each piece.
#[derive(Debug)]
pub(crate) struct RequestReader {
    limits: Limits,
    /// The unfinished array at the front of the buffer, if it begins with one.
    array: ArrayScan,
    /// The unfinished line at the front of the buffer, if it begins with one.
    line: LineScan,
}

impl RequestReader {
    /// A reader for a new connection.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            array: ArrayScan::default(),
            line: LineScan::default(),
        }
    }

    /// Takes the next request out of `buffer`, or answers `None` until more has been received.
    ///
    /// Between two calls `buffer` may only grow at its end. Requests without a word are dropped
    /// here, since nobody waits for an answer to them: a call takes time in proportion to the
    /// buffer at most, so keep the buffer small to stay responsive.
    ///
    /// # Errors
    ///
    /// A [`ProtocolError`] as soon as it is certain. The requests before it have been taken; what
    /// is left in `buffer` has no meaning, and the reader is of no use any more.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Request>, ProtocolError> {
        loop {
            let found = match buffer.first() {
                None => Found::Incomplete,
                Some(b'*') => self.next_array(buffer)?,
                Some(_) => self.next_line(buffer)?,
            };
            match found {
                // An empty request took some bytes with it, so this loop ends with the buffer.
                Found::Empty => {}
                Found::Incomplete => return Ok(None),
                Found::Request(request) => return Ok(Some(request)),
            }
        }
    }

    /// Takes an array of bulk strings.
    fn next_array(&mut self, buffer: &mut BytesMut) -> Result<Found, ProtocolError> {
        let Some(Extent { bytes, arguments }) = self.array.advance(buffer, &self.limits)? else {
            return Ok(Found::Incomplete);
        };
        self.array = ArrayScan::default();
        let frame = buffer.split_to(bytes).freeze();
        if arguments == 0 {
            return Ok(Found::Empty);
        }
        Request::from_array(&frame).map(Found::Request)
    }

    /// Takes a line of words.
    fn next_line(&mut self, buffer: &mut BytesMut) -> Result<Found, ProtocolError> {
        let Some(bytes) = self.line.advance(buffer, &self.limits)? else {
            return Ok(Found::Incomplete);
        };
        self.line = LineScan::default();
        let line = buffer.split_to(bytes).freeze();
        Ok(Request::from_line(&line)?.map_or(Found::Empty, Found::Request))
    }
}

/// What stands at the front of a buffer.
#[derive(Debug)]
enum Found {
    /// A whole request without a word in it.
    Empty,
    /// Nothing, or the beginning of a request.
    Incomplete,
    /// A whole request.
    Request(Request),
}

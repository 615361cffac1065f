//! The protocol, RESP2, without sockets: bytes to requests, and replies to bytes.
//!
//! The codec itself is the `redis-protocol` crate, which is made for clients that trust their
//! server: it has no limits. Here the peers are strangers, so every byte passes these rules before
//! that crate sees it.
//!
//! 1. A request is an array of bulk strings, nothing else and never nested, or one line of words.
//! 2. Every declared count and length is checked against [`Limits`] as soon as its line is there.
//! 3. Memory grows with the bytes received, never with a number somebody declared.
//! 4. Each byte is looked at a bounded number of times, in however many pieces it arrives.
//!
//! What breaks them is a [`ProtocolError`]: the peer is told which, and the connection ends,
//! because there is no telling where the next request would begin.

mod limits;
mod protocol_error;
mod reply;
mod request;
mod request_reader;

mod array_scan;
mod header;
mod line_scan;

pub(crate) use self::{
    limits::Limits, protocol_error::ProtocolError, reply::Reply, request::Request,
    request_reader::RequestReader,
};

#[cfg(test)]
mod tests;

//! The side of the program that is the cache.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::wire::{self, Hello, Word, decode, json};
use super::{Request, Response};
use crate::helper::framing::Framing;
use crate::helper::protocol::{CallId, ProtocolError};
use crate::helper::serve::{Asked, Listener};

/// Hears what the `go` command asks for.
///
/// A body is one message, so [`message_max`](crate::helper::ServeLimits::message_max) bounds it, to
/// three quarters of that; it is in memory as it came and as it is meant, 7 bytes for each 3.
#[derive(Debug, Default)]
pub struct Listening {
    /// A put whose body comes with the next message.
    unfinished: Option<wire::Asked>,
}

impl Listener for Listening {
    type Request = (CallId, Request);

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn hello(&self) -> Option<Vec<u8>> {
        let known_commands = vec![Word::Get, Word::Put, Word::Close];
        Some(json(&Hello {
            id: 0,
            known_commands,
        }))
    }

    fn read(&mut self, message: Bytes) -> Result<Asked<(CallId, Request)>, ProtocolError> {
        if let Some(put) = self.unfinished.take() {
            return Ok(Asked::Request(finish(put, &message)?));
        }
        let asked: wire::Asked = serde_json::from_slice(&message)
            .map_err(|why| ProtocolError::malformed(&message, why))?;
        let id = asked.id;
        Ok(match asked.word {
            Word::Close => Asked::Last((id, Request::Close)),
            Word::Get => {
                let action = decode(&asked.action)?;
                Asked::Request((id, Request::Get { action }))
            }
            Word::Put if asked.size == 0 => Asked::Request(finish(asked, b"\"\"")?),
            Word::Put => {
                self.unfinished = Some(asked);
                Asked::Part
            }
        })
    }
}

/// Puts a body to its request.
fn finish(put: wire::Asked, body: &[u8]) -> Result<(CallId, Request), ProtocolError> {
    let text: &str =
        serde_json::from_slice(body).map_err(|why| ProtocolError::malformed(body, why))?;
    let body = Bytes::from(decode(text)?);
    if body.len() as u64 != put.size {
        let why = format!("{} bytes, and {} were announced", body.len(), put.size);
        return Err(ProtocolError::malformed(text.as_bytes(), why));
    }
    let request = Request::Put {
        action: decode(&put.action)?,
        output: decode(&put.output)?,
        body,
    };
    Ok((put.id, request))
}

impl Response {
    /// Writes the answer to a call, without its frame.
    #[must_use]
    pub fn to(self, id: CallId) -> Vec<u8> {
        let answered = wire::Answered {
            id,
            ..wire::Answered::default()
        };
        json(&match self {
            Self::Hit { output, size, path } => wire::Answered {
                output: Some(STANDARD.encode(output)),
                size,
                path: Some(path),
                ..answered
            },
            Self::Miss => wire::Answered {
                is_miss: true,
                ..answered
            },
            Self::Stored { path } => wire::Answered {
                path: Some(path),
                ..answered
            },
            Self::Done => answered,
            Self::Failed { error } => wire::Answered {
                error: Some(error),
                ..answered
            },
        })
    }
}

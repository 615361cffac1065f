//! The side of the program that is the cache.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::wire::{self, Hello, Word};
use crate::helper::framing::Framing;
use crate::helper::protocol::{CallId, ProtocolError};
use crate::helper::serve::{Asked, Listener};

/// Hears what the `go` command asks for.
#[derive(Debug, Default)]
pub struct Listening {
    /// A put whose body comes with the next message.
    unfinished: Option<wire::Asked>,
}

/// What the `go` command asks a cache for. Which call it is stands in each, for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// What did this action give?
    Get {
        /// The call.
        id: CallId,
        /// The action; bytes that mean nothing to the cache.
        action: Vec<u8>,
    },
    /// This action has given this.
    Put {
        /// The call.
        id: CallId,
        /// The action.
        action: Vec<u8>,
        /// What the body is called: its SHA-256.
        output: Vec<u8>,
        /// What it gave.
        body: Bytes,
    },
    /// There will be no more.
    Close {
        /// The call.
        id: CallId,
    },
}

/// What a cache answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response {
    /// The action gave this, which is in this file as long as the cache is open.
    Hit {
        /// What the body is called.
        output: Vec<u8>,
        /// How many bytes it has.
        size: u64,
        /// Its file.
        path: PathBuf,
    },
    /// Nobody knows what the action gives.
    Miss,
    /// It was put, into this file.
    Stored {
        /// The file.
        path: PathBuf,
    },
    /// It is closed.
    Closed,
    /// Something went wrong.
    Failed {
        /// What.
        error: String,
    },
}

impl Listener for Listening {
    type Request = Request;

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

    fn read(&mut self, message: Bytes) -> Result<Asked<Request>, ProtocolError> {
        if let Some(put) = self.unfinished.take() {
            return Ok(Asked::Request(finish(put, &message)?));
        }
        let asked: wire::Asked = serde_json::from_slice(&message)
            .map_err(|why| ProtocolError::malformed(&message, why))?;
        let id = asked.id;
        Ok(match asked.word {
            Word::Close => Asked::Last(Request::Close { id }),
            Word::Get => Asked::Request(Request::Get {
                id,
                action: decode(&asked.action)?,
            }),
            Word::Put if asked.size == 0 => Asked::Request(finish(asked, b"\"\"")?),
            Word::Put => {
                self.unfinished = Some(asked);
                Asked::Part
            }
        })
    }
}

/// Puts a body to its request.
fn finish(put: wire::Asked, body: &[u8]) -> Result<Request, ProtocolError> {
    let text: &str =
        serde_json::from_slice(body).map_err(|why| ProtocolError::malformed(body, why))?;
    let body = Bytes::from(decode(text)?);
    if body.len() as u64 != put.size {
        let why = format!("{} bytes, and {} were announced", body.len(), put.size);
        return Err(ProtocolError::malformed(text.as_bytes(), why));
    }
    Ok(Request::Put {
        id: put.id,
        action: decode(&put.action)?,
        output: decode(&put.output)?,
        body,
    })
}

fn decode(text: &str) -> Result<Vec<u8>, ProtocolError> {
    let bytes = STANDARD.decode(text);
    bytes.map_err(|why| ProtocolError::malformed(text.as_bytes(), why))
}

impl Request {
    /// The call that it makes.
    #[must_use]
    pub const fn id(&self) -> CallId {
        match self {
            Self::Get { id, .. } | Self::Put { id, .. } | Self::Close { id } => *id,
        }
    }
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
            Self::Closed => answered,
            Self::Failed { error } => wire::Answered {
                error: Some(error),
                ..answered
            },
        })
    }
}

fn json(message: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("names, numbers and text are always JSON")
}

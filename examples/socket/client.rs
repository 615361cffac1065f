//! The side of whoever asks.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::Answer;
use super::place::Place;

/// Why an answer is none.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    #[error("it is not up")]
    Down,
    #[error("the daemon cannot be asked: {0}")]
    System(#[source] io::Error),
    #[error("the daemon says what we do not understand: {0}")]
    Strange(#[from] serde_json::Error),
    #[error("the daemon has ended before it had answered")]
    Torn,
    #[error("the answer cannot be shown: {0}")]
    Unshown(#[source] io::Error),
    #[error("{why}")]
    Refused { why: String, is_input: bool },
}

/// Finds the daemon that has this place.
pub(crate) fn connect(place: &Place) -> Result<UnixStream, AskError> {
    UnixStream::connect(place.socket()).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::Down,
        _ => AskError::System(error),
    })
}

/// Asks the daemon, and shows what it says.
pub(crate) fn ask<T: DeserializeOwned>(
    stream: UnixStream,
    request: &impl Serialize,
    mut show: impl FnMut(T) -> io::Result<()>,
) -> Result<(), AskError> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    // A daemon that does not take it may have said why.
    let _ = (&stream).write_all(&line);
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line.map_err(AskError::System)?)? {
            Answer::Said(said) => show(said).map_err(AskError::Unshown)?,
            Answer::Done => return Ok(()),
            Answer::Refused { why, is_input } => return Err(AskError::Refused { why, is_input }),
        }
    }
    Err(AskError::Torn)
}

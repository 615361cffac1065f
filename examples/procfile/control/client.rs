//! The side of the other terminal.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use thiserror::Error;

use super::place::{Place, PlaceError};
use super::{Answer, Request};

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

/// Asks the daemon, and shows what it says.
pub(crate) fn ask(
    place: &Place,
    request: &Request,
    mut show: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), AskError> {
    let stream = UnixStream::connect(place.socket()).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::Down,
        _ => AskError::System(error),
    })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    // A daemon that does not take it may have said why.
    let _ = (&stream).write_all(&line);
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line.map_err(AskError::System)?)? {
            Answer::Text(text) => show(&text).map_err(AskError::Unshown)?,
            Answer::Done => return Ok(()),
            Answer::Refused { why, is_input } => return Err(AskError::Refused { why, is_input }),
        }
    }
    Err(AskError::Torn)
}

/// Waits until the daemon has ended.
pub(crate) fn wait_for_end(place: &Place) -> Result<(), PlaceError> {
    let lock = place.lock()?;
    lock.lock().map_err(|source| {
        let path = place.socket();
        PlaceError::System { path, source }
    })
}

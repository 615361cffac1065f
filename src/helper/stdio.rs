//! The standard streams of a program that is a helper.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio_util::either::Either;

/// The program's standard input and output, to [`serve`](super::serve) on.
///
/// Pipes, as a helper mostly has them, are read and written by the runtime itself, and do not block
/// from then on; anything else by threads of its own, each time, which takes several times as long.
///
/// # Errors
///
/// If the system has no descriptor left.
///
/// # Panics
///
/// Outside of a runtime, or on one without I/O.
pub fn stdio() -> io::Result<(
    impl AsyncRead + Send + Unpin,
    impl AsyncWrite + Send + Unpin,
)> {
    let input = own(&io::stdin())?;
    let output = own(&io::stdout())?;
    let input = match Receiver::from_owned_fd(input) {
        Ok(pipe) => Either::Left(pipe),
        Err(_) => Either::Right(tokio::io::stdin()),
    };
    let output = match Sender::from_owned_fd(output) {
        Ok(pipe) => Either::Left(pipe),
        Err(_) => Either::Right(tokio::io::stdout()),
    };
    Ok((input, output))
}

fn own(stream: &impl AsFd) -> io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}

//! The other side: how a program is a helper.

use std::io;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::codec::FramedRead;

use super::framing::{Frames, Framing};
use super::protocol::ProtocolError;

/// How a program that is a helper hears what it is asked.
pub trait Listener {
    /// What is asked.
    type Request;

    /// How messages are cut out of the streams.
    fn framing(&self) -> Framing;

    /// What is said first, if it is for the helper to begin.
    fn hello(&self) -> Option<Vec<u8>> {
        None
    }

    /// Reads a message, without its frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if it is none: who is on the other side cannot be trusted any more.
    fn read(&mut self, message: Bytes) -> Result<Asked<Self::Request>, ProtocolError>;
}

/// What a message asks a helper for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked<R> {
    /// To do this.
    Request(R),
    /// To do this last, when all else is done.
    Last(R),
    /// For nothing yet: the rest comes with the next message.
    Part,
}

/// Why a helper cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// It could not read or write.
    #[error("the streams failed")]
    Stream(#[from] io::Error),
    /// It was told what is no request.
    #[error("the other side broke the protocol")]
    Protocol(#[from] ProtocolError),
}

/// How much is read and done at a time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServeLimits {
    /// How long a message may be, in bytes: 16 MiB by default. It is in memory as a whole.
    pub message_max: usize,
    /// How many requests may be worked on: 64 by default, and at least one. No more is read
    /// until one is done.
    pub running_max: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            message_max: 16 * 1024 * 1024,
            running_max: 64,
        }
    }
}

/// Answers requests until there are no more, many at a time.
///
/// `work` is called with each request, and what it gives, a message without its frame, is written
/// as soon as it is there; `None` is no answer. When the input ends, or [the last
/// request](Asked::Last) comes, what is being worked on is finished and answered, and the last one
/// is done after that.
///
/// # Errors
///
/// [`ServeError`] if the streams fail, or the other side says what is no request. What is being
/// worked on is dropped then.
///
/// # Cancel safety
///
/// Not cancel safe: an answer may have been written in part.
pub async fn serve<L, F, Fut>(
    input: impl AsyncRead,
    output: impl AsyncWrite,
    limits: ServeLimits,
    mut listener: L,
    work: F,
) -> Result<(), ServeError>
where
    L: Listener,
    F: Fn(L::Request) -> Fut,
    Fut: Future<Output = Option<Vec<u8>>>,
{
    let framing = listener.framing();
    // Two at a time: what is read does not wait for what is written.
    let (answers, answered) = mpsc::channel(1);
    let reads = async {
        if let Some(hello) = listener.hello() {
            // The writer tells of its own end.
            let _ = answers.send(hello).await;
        }
        let read = hear(input, limits, &mut listener, &work, &answers).await;
        drop(answers);
        read
    };
    let (read, written) = tokio::join!(reads, write(framing, output, answered));
    written?;
    read
}

async fn hear<L, F, Fut>(
    input: impl AsyncRead,
    limits: ServeLimits,
    listener: &mut L,
    work: &F,
    answers: &mpsc::Sender<Vec<u8>>,
) -> Result<(), ServeError>
where
    L: Listener,
    F: Fn(L::Request) -> Fut,
    Fut: Future<Output = Option<Vec<u8>>>,
{
    let frames = Frames::new(listener.framing(), limits.message_max);
    let mut frames = std::pin::pin!(FramedRead::new(input, frames));
    let mut running = FuturesUnordered::new();
    let last = loop {
        let has_room = running.len() < limits.running_max.max(1);
        tokio::select! {
            biased;
            Some(answer) = running.next() => say(answers, answer).await,
            // Nobody can be answered any more.
            () = answers.closed() => return Ok(()),
            framed = frames.next(), if has_room => {
                let Some(framed) = framed else { break None };
                let message = framed?.map_err(ProtocolError::from)?;
                match listener.read(message)? {
                    Asked::Request(request) => running.push(work(request)),
                    Asked::Last(request) => break Some(request),
                    Asked::Part => {}
                }
            }
        }
    };
    while let Some(answer) = running.next().await {
        say(answers, answer).await;
    }
    if let Some(request) = last {
        say(answers, work(request).await).await;
    }
    Ok(())
}

async fn say(answers: &mpsc::Sender<Vec<u8>>, answer: Option<Vec<u8>>) {
    if let Some(answer) = answer {
        // The writer tells of its own end.
        let _ = answers.send(answer).await;
    }
}

async fn write(
    framing: Framing,
    output: impl AsyncWrite,
    mut answers: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut output = std::pin::pin!(output);
    while let Some(answer) = answers.recv().await {
        output.write_all(&framing.frame(answer)).await?;
        output.flush().await?;
    }
    output.shutdown().await
}

//! What can go wrong with a call, and with a helper.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::process::{ExitStatus, StartError, WriteError};
use crate::{GoneError, OwnError, PublishError};

use super::body::BodyError;
use super::protocol::ProtocolError;

/// Why a call has no answer. Each call ends once, in an answer or in one of these.
///
/// `helper` is the program of the helper's [`Command`](crate::process::Command).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The program says that it cannot do this. Nothing was sent.
    #[error("{helper} does not support this")]
    Unsupported {
        /// Who.
        helper: Arc<str>,
    },
    /// The program answers with an error.
    #[error("{helper} says: {error}")]
    Remote {
        /// Who.
        helper: Arc<str>,
        /// What it says.
        error: String,
    },
    /// There was no answer in time. One that comes later is dropped.
    #[error("no answer from {helper} within {within:?}")]
    Timeout {
        /// Who.
        helper: Arc<str>,
        /// How long was waited.
        within: Duration,
    },
    /// The program ended, or was stopped because of what it said, after the request had been sent.
    #[error("{} has crashed", .crash.program)]
    Crashed {
        /// What became of the program.
        #[source]
        crash: Arc<Crash>,
        /// How much of the request it may have seen.
        delivered: Delivered,
        /// How often the call was made.
        tries: u32,
    },
    /// The node of the helper was aborted or panicked, and its program was killed, when the request
    /// had been sent or was about to be.
    #[error("{helper} was aborted")]
    Aborted {
        /// Who.
        helper: Arc<str>,
        /// How much of the request the program may have seen.
        delivered: Delivered,
    },
    /// The request is longer than messages may be. Nothing was sent.
    #[error("a request to {helper} has {bytes} bytes, of at most {max}")]
    TooLong {
        /// Who would have had to read it.
        helper: Arc<str>,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// The [body](super::Protocol::body) of the request could not be written whole, and its program
    /// was stopped for that. The call is not made again.
    #[error("a request to {helper} was written in part")]
    Body {
        /// Who.
        helper: Arc<str>,
        /// What is wrong with the body.
        source: BodyError,
    },
    /// More calls wait to be sent than may wait.
    #[error("{waiting} calls of {helper} wait already")]
    Full {
        /// Who.
        helper: Arc<str>,
        /// How many.
        waiting: usize,
    },
    /// The node of the helper is down, is stopped, or its declaration was refused. One that is yet
    /// to be declared is waited for.
    #[error("{helper} is down")]
    Down {
        /// Who.
        helper: Arc<str>,
        /// Its node, and why it is down.
        source: GoneError,
    },
    /// The helper was closed by us.
    #[error("{helper} is closed")]
    Closed {
        /// Who.
        helper: Arc<str>,
    },
}

/// How much of a request may have reached a program that has crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivered {
    /// A part at most: it was being written.
    InPart,
    /// All of it. Nobody knows whether it was read.
    Whole,
}

/// What became of a program that did not end in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Crash {
    /// The program of the helper's command.
    pub program: Arc<str>,
    /// What was wrong.
    pub cause: CrashCause,
    /// How it ended: by itself, or as it was told to because of that.
    pub exit: ExitStatus,
    /// The end of what it wrote to standard error.
    pub last_words: String,
}

/// Why a helper does not run on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrashCause {
    /// It ended without being told to.
    #[error("it ended")]
    Ended,
    /// It closed its standard output, and went on.
    #[error("it hung up")]
    HungUp,
    /// It did not say hello in time.
    #[error("no hello within {within:?}")]
    Mute {
        /// How long was waited.
        within: Duration,
    },
    /// It said what it may not say.
    #[error("it broke the protocol")]
    Protocol(#[from] ProtocolError),
    /// It read nothing for so long.
    #[error("it read nothing for {within:?}")]
    Stalled {
        /// How long was waited.
        within: Duration,
    },
    /// It answers nothing: so many calls were sent, and given up by all who made them.
    #[error("{calls} calls were given up unanswered")]
    Unanswered {
        /// How many.
        calls: usize,
    },
    /// The body of a request could not be written whole, and what it reads next would be taken for
    /// the rest: so it is stopped.
    #[error("it has read a part of a body")]
    Body(#[from] BodyError),
    /// It could not be written to.
    #[error("it could not be written to")]
    Write(#[from] WriteError),
    /// Another node runs this helper.
    #[error("it is not ours to run")]
    Publish(#[from] PublishError),
    /// Its node was stopped before it had answered.
    #[error("it was stopped")]
    Stopped,
}

/// How a node whose code is a helper failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunHelperError {
    /// The program could not be started.
    #[error("the helper could not start")]
    Start(#[from] StartError),
    /// The program did not run on.
    #[error("{} has crashed", .0.program)]
    Crashed(#[from] Arc<Crash>),
    /// The incarnation had ended.
    #[error(transparent)]
    Own(#[from] OwnError),
    /// The system has no room for a pipe.
    #[error("the output of the helper cannot be read")]
    Pipe(#[source] Arc<io::Error>),
}

impl From<io::Error> for RunHelperError {
    fn from(error: io::Error) -> Self {
        Self::Pipe(Arc::new(error))
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cause,
            exit,
            last_words,
            ..
        } = self;
        match cause {
            CrashCause::Ended => write!(f, "{exit}")?,
            cause => write!(f, "{cause}, {exit}")?,
        }
        if !last_words.is_empty() {
            write!(f, ": {last_words}")?;
        }
        Ok(())
    }
}

impl Error for Crash {
    /// The cause is told already.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

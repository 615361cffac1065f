//! What is said to a helper, and what it says: all that differs from one protocol to the next.

use thiserror::Error;

use super::body::Body;
use super::framing::{FrameError, Framing, excerpt};

/// The number of a call, by which its answer is told. Never used twice by one
/// [`Helper`](super::Helper), whichever incarnation of the program it is for.
pub type CallId = u64;

/// A protocol: requests and answers as messages.
///
/// Its methods are pure, quick, and called by one task at a time.
pub trait Protocol: Send + Sync + 'static {
    /// What is asked of the program.
    type Request: Send + Sync + 'static;
    /// What it answers.
    type Response: Send + 'static;
    /// What the program says of itself in the handshake.
    type Capabilities: Clone + Send + Sync + 'static;

    /// How messages are cut out of the streams.
    fn framing(&self) -> Framing;

    /// What is said first, if it is for us to begin.
    fn greeting(&self) -> Option<Vec<u8>> {
        None
    }

    /// Reads one of the program's first messages: what it can do, or `None` if it does not say that
    /// yet.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if it is none that the program may begin with, or the program cannot do
    /// what is needed. It is stopped then, and its start has failed.
    fn read_hello(&self, message: &[u8]) -> Result<Option<Self::Capabilities>, ProtocolError>;

    /// What is said after the handshake, before the first request, if anything is.
    fn confirmation(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether the program can do this. All of it, unless the protocol says otherwise.
    fn supports(&self, capabilities: &Self::Capabilities, request: &Self::Request) -> bool {
        let _ = (capabilities, request);
        true
    }

    /// Whether doing it twice is as good as doing it once: then a call whose program has crashed
    /// may be made again. No, unless the protocol says otherwise.
    fn is_idempotent(&self, request: &Self::Request) -> bool {
        let _ = request;
        false
    }

    /// Writes a request, without its frame.
    fn write(&self, id: CallId, request: &Self::Request, message: &mut Vec<u8>);

    /// What is written behind a request, as a message of its own: nothing, unless the protocol says
    /// otherwise. Asked for anew each time that a call is made.
    ///
    /// It is for what is too large to be in memory, so that its length has no limit.
    fn body(&self, request: &Self::Request) -> Option<Body> {
        let _ = request;
        None
    }

    /// Reads a message of the program, without its frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if the program may not say this.
    fn read(&self, message: &[u8]) -> Result<Message<Self::Response>, ProtocolError>;

    /// The request that closes the program in order, if the protocol has one and the program can.
    fn close_request(&self, capabilities: &Self::Capabilities) -> Option<Self::Request> {
        let _ = capabilities;
        None
    }

    /// What tells the program that nobody waits for this call any more, if the protocol has that.
    fn cancellation(&self, id: CallId) -> Option<Vec<u8>> {
        let _ = id;
        None
    }
}

/// What a message of the program is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<R> {
    /// The answer to a call: what was asked for, or the program's error.
    Answer {
        /// The call.
        id: CallId,
        /// Its answer.
        result: Result<R, String>,
    },
    /// A question of the program's, with our answer to it, without its frame. A program that asks,
    /// and leaves more than a thousand answers unread, has crashed.
    Question {
        /// What is answered.
        answer: Vec<u8>,
    },
    /// What needs no answer.
    Notice {
        /// What it says, for the log.
        text: String,
    },
}

/// What a program may not say.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// It is no message of the protocol.
    #[error("no message: {excerpt} ({why})")]
    Malformed {
        /// The beginning of what was said, at most 200 bytes of it.
        excerpt: String,
        /// What is wrong with it.
        why: String,
    },
    /// No message could be cut out of the stream.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It answers a call that was not made, or was answered before.
    #[error("an answer to call {id}, which waits for none")]
    Stranger {
        /// The call.
        id: CallId,
    },
    /// It says in the handshake that it can do nothing.
    #[error("it can do nothing")]
    NoCapabilities,
    /// It cannot do what is needed.
    #[error("it cannot {0}")]
    Missing(String),
    /// It speaks, but not as it may now.
    #[error("out of turn: {0}")]
    OutOfTurn(String),
}

impl ProtocolError {
    /// What is no message, and why not.
    pub fn malformed(message: &[u8], why: impl ToString) -> Self {
        Self::Malformed {
            excerpt: excerpt(message),
            why: why.to_string(),
        }
    }
}

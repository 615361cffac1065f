//! `GOCACHEPROG`: the build cache of the `go` command as a helper, both sides of it.
//!
//! The `go` command starts a program, asks it for what a build action gave before (`get`), and
//! gives it what an action has given now (`put`). Bodies travel one way only: an answer names a
//! file. The protocol is that of Go 1.24 and later: its documentation is that of the package
//! [`cmd/go/internal/cacheprog`](https://pkg.go.dev/cmd/go/internal/cacheprog).
//!
//! - [`GoCache`] is the side of the `go` command: a handle of a program that is a cache.
//! - [`Listening`] is the side of the program: with [`serve`](super::serve) and a store it is a
//!   cache. `examples/gocache` is one.

mod asking;
mod content;
mod listening;
mod wire;

use std::path::PathBuf;

use bytes::Bytes;

pub use self::asking::{Asking, CacheError, Commands, Entry, GoCache};
pub use self::content::{Content, SpoolError};
pub use self::listening::Listening;

/// What is asked of a cache. A body is [`Content`] on the side that asks, and bytes in memory on
/// the other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<B = Bytes> {
    /// What did this action give?
    Get {
        /// The action; bytes that mean nothing to the cache.
        action: Vec<u8>,
    },
    /// This action has given this.
    Put {
        /// The action.
        action: Vec<u8>,
        /// What the body is called: its SHA-256.
        output: Vec<u8>,
        /// What it gave.
        body: B,
    },
    /// There will be no more.
    Close,
}

impl From<Request> for Request<Content> {
    fn from(request: Request) -> Self {
        match request {
            Request::Get { action } => Self::Get { action },
            Request::Put {
                action,
                output,
                body,
            } => Self::Put {
                action,
                output,
                body: body.into(),
            },
            Request::Close => Self::Close,
        }
    }
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
    /// It is done, and there is nothing to say of it.
    Done,
    /// Something went wrong.
    Failed {
        /// What.
        error: String,
    },
}

//! How an incarnation returned (R5, R18).

use std::backtrace::{Backtrace, BacktraceStatus};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How an incarnation returned.
///
/// An exit is a fact. What it means (dead, done, canceled..) is decided by the tree, from what the
/// incarnation had signalled and whether it was told to stop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Exit {
    /// The runnable returned `Ok` or `()`.
    Returned,
    /// The runnable returned an error.
    Failed(SharedError),
    /// The runnable panicked.
    Panicked(Panic),
    /// The task ended without returning: aborted by the stop ladder or from outside, or dropped
    /// with its runtime.
    Aborted,
}

impl Exit {
    /// The exit of a runnable that returned this error.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(SharedError(Arc::new(Kept(Some(error.into())))))
    }

    /// Whether the runnable returned without an error.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Returned)
    }

    /// The error that the runnable returned.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(fault) => Some(fault.error()),
            Self::Returned | Self::Panicked(_) | Self::Aborted => None,
        }
    }
}

/// The error that a runnable returned; cheap to clone.
#[derive(Clone)]
pub struct SharedError(Arc<Kept>);

/// Present until it is dropped, which is code of the user's and may panic wherever the last clone
/// of the evidence goes.
struct Kept(Option<Box<dyn Error + Send + Sync>>);

impl SharedError {
    /// The error itself.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        let error = self.0.0.as_deref();
        error.expect("the error is there until its last owner is dropped")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let error = self.0.take();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(error))) {
            // Dropping the payload might panic again.
            std::mem::forget(payload);
        }
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error(), f)
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.error(), f)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("returned"),
            Self::Failed(_) => f.write_str("failed"),
            Self::Panicked(panic) => write!(f, "panicked {panic}"),
            Self::Aborted => f.write_str("was aborted"),
        }
    }
}

/// What is known of a panic: its message, where it happened, and the backtrace when one was
/// captured (`RUST_BACKTRACE=1`).
#[derive(Clone)]
pub struct Panic(Arc<Details>);

struct Details {
    message: String,
    location: Option<String>,
    backtrace: Option<Backtrace>,
}

impl Panic {
    /// A panic with this message, at this place in the source.
    #[must_use]
    pub fn new(message: impl Into<String>, location: Option<String>) -> Self {
        Self(Arc::new(Details {
            message: message.into(),
            location,
            backtrace: None,
        }))
    }

    /// The same panic with the backtrace, unless the backtrace was not captured.
    pub(crate) fn with_backtrace(
        message: String,
        location: Option<String>,
        backtrace: Backtrace,
    ) -> Self {
        let captured = backtrace.status() == BacktraceStatus::Captured;
        Self(Arc::new(Details {
            message,
            location,
            backtrace: captured.then_some(backtrace),
        }))
    }

    /// The message, or words that say that the payload was no text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// File, line and column, when the panic hook saw them.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// The backtrace, when one was captured.
    #[must_use]
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.location() {
            Some(location) => write!(f, "at {location}: {}", self.message()),
            None => write!(f, "with {}", self.message()),
        }
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message())
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

/// What a runnable may return: `()`, or a `Result` whose error can be boxed.
///
/// An endless runnable may return [`Infallible`]. Errors of `anyhow` keep their text and their
/// chain of sources; their outermost type cannot be downcast afterwards.
#[diagnostic::on_unimplemented(
    message = "a runnable cannot return `{Self}`",
    label = "return `()`, or a `Result` whose error is a `std::error::Error`"
)]
pub trait IntoExit {
    /// Turns the value into an exit.
    fn into_exit(self) -> Exit;
}

impl IntoExit for () {
    fn into_exit(self) -> Exit {
        Exit::Returned
    }
}

impl IntoExit for Infallible {
    fn into_exit(self) -> Exit {
        match self {}
    }
}

impl IntoExit for Exit {
    fn into_exit(self) -> Exit {
        self
    }
}

impl<T: IntoExit, E: Into<Box<dyn Error + Send + Sync>>> IntoExit for Result<T, E> {
    fn into_exit(self) -> Exit {
        match self {
            Ok(value) => value.into_exit(),
            Err(error) => Exit::failed(error),
        }
    }
}

/// The messages of an error and of all its sources, joined by `: `.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

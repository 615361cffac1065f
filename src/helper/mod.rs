//! Helpers: programs that answer calls over their standard input and output.
//!
//! A [`Helper`] is a handle that its users call, and a node that runs the program. How requests and
//! answers are written is a [`Protocol`]; everything else is done here: the handshake, the numbers
//! of the calls, time limits, what becomes of calls when the program crashes, and the close.
//!
//! - Each call ends once: in an answer, or in an error that says what happened.
//! - What the program says is bounded in memory, and what it may not say makes it crash, not us.
//! - A request is written whole or the program is stopped, so that no caller who gives up can tear
//!   the stream.
//! - One message is written at a time, and calls have their turn in their order: a small one waits
//!   for the [body](Protocol::body) that is being written, and for those before it.
//! - A body is never in memory as a whole because of this, and one that does not come as announced
//!   cannot be taken for anything else.
//!
//! A program of ours can be a helper, too: [`serve`] is the other side. [`gocache`] is the protocol
//! of Go's build cache.

mod body;
mod calls;
mod error;
mod framing;
#[cfg(test)]
mod framing_checks;
pub mod gocache;
mod handle;
mod node;
mod protocol;
mod report;
mod serve;
mod session;
mod stdio;

pub use self::body::{Body, BodyError};
pub use self::error::{CallError, Crash, CrashCause, Delivered, RunHelperError};
pub use self::framing::{FrameError, Framing};
pub use self::handle::{Builder, Helper};
pub use self::protocol::{CallId, Message, Protocol, ProtocolError};
pub use self::report::{CloseAnswer, CloseReport};
pub use self::serve::{Asked, Listener, ServeError, ServeLimits, serve};
pub use self::stdio::stdio;

//! Runnables for what people really supervise; on the public API only.

mod periodic;
mod tcp;

pub use self::periodic::periodic;
pub use self::tcp::{accept_tcp, serve_tcp};

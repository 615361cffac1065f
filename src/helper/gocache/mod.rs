//! `GOCACHEPROG`: the build cache of the `go` command as a helper, both sides of it.
//!
//! The `go` command starts a program, asks it for what a build action gave before (`get`), and
//! gives it what an action has given now (`put`). Bodies travel one way only: an answer names a
//! file. The protocol is that of Go 1.24 and later: its documentation is that of the package
//! [`cmd/go/internal/cacheprog`](https://pkg.go.dev/cmd/go/internal/cacheprog).
//!
//! - [`Listening`] is the side of the program: with [`serve`](super::serve) and a store it is a
//!   cache. `examples/gocache` is one.

mod listening;
mod wire;

pub use self::listening::{Listening, Request, Response};

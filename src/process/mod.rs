//! Programs of the operating system, alone or as nodes of the tree.
//!
//! A [`Command`] says what to run. It is a [`Runnable`](crate::Runnable): as a node, the program is
//! started again when it fails, and stopped in order with the tree.
//!
//! ```
//! use perennial::Context;
//! use perennial::process::Command;
//!
//! async fn root(ctx: Context) -> anyhow::Result<()> {
//!     ctx.run("nap", Command::new("sleep").arg("1000"))?;
//!     ctx.done();
//!     Ok(())
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! #     let tree = perennial::Supervisor::new(root).start();
//! #     tree.settled().await;
//! #     tree.stop().await.expect("a stop is no failure");
//! # }
//! ```
//!
//! Alone, it is [created](Command::create), [started](Created::start), and
//! [watched](Created::watch) from before that or at any time after its end. Two ends are told
//! apart: the program has *exited* when its own process has ended, and is *gone* when its group is
//! empty, too, and its output is read to the end.
//!
//! # Nothing is left behind
//!
//! A program has a process group of its own. When it ends, by itself or as told, what is left of
//! the group is ended, and it is gone before its node starts again (L1). When the last handle of it
//! is dropped, all of it is killed and reaped; no runtime is needed for that.
//!
//! [`guard`], first in `main`, extends this to our own sudden end: see [`Containment`].
//!
//! # What a program inherits
//!
//! Its arguments, its environment, its working directory, the three standard descriptors as
//! [planned](Command::stdin) and no other of ours that is closed on exec; an empty signal mask, but
//! the signals that we ignore it ignores, too; our user, groups, limits, priority and umask.
//!
//! # How it is made
//!
//! Two threads, which are started with the first program: a spawner, and a keeper that owns each
//! program from its start to its end. Neither belongs to a runtime. `docs/guide/processes.md` has
//! more, and what other systems than Linux would need.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "the feature `process` of perennial needs Linux (pidfd, epoll, /proc): \
     docs/guide/processes.md says what other systems would need"
);

mod command;
mod containment;
mod created;
mod error;
mod exit;
mod handle;
mod ladder;
mod output;
mod ready;
mod signal;
mod stdin;
mod watch;

mod node;

mod cell;
mod course;
mod keeper;
mod lookup;
mod spawn;
mod spawner;
mod table;

mod cgroup;
mod guard;
mod stage;
mod watchman;

pub use self::command::{Command, Output, Scope, Stdin, TerminalSize};
pub use self::containment::Containment;
pub use self::created::Created;
pub use self::error::{ResizeError, RunProgramError, SignalError, StartError, WriteError};
pub use self::exit::{ExitCause, ExitStatus, Gone, Taken};
pub use self::guard::{containment, guard};
pub use self::handle::{Process, Status};
pub use self::ladder::{Ladder, Rung};
pub use self::output::{Captured, Heard, Line, Lines, Source};
pub use self::ready::Ready;
pub use self::signal::Signal;
pub use self::stdin::StdinWriter;
pub use self::table::ProcessId;
pub use self::watch::Watch;

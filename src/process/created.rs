//! A program before its start.

use std::io;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::Hold;

use super::cell::Cell;
use super::command::Command;
use super::error::StartError;
use super::handle::Process;
use super::output::Lines;
use super::ready;
use super::spawner::{self, Request};
use super::watch::Watch;

/// A program that is not started yet, and can be watched already.
///
/// One that is dropped was never started: its watches say so.
#[derive(Debug)]
#[must_use = "a program that is dropped before its start was never started"]
pub struct Created {
    command: Arc<Command>,
    cell: Arc<Cell>,
    hold: Option<Hold>,
    /// Whether the spawner has it, who tells what becomes of it.
    is_handed_over: bool,
}

impl Created {
    pub(super) fn new(command: Arc<Command>) -> Self {
        Self {
            cell: Cell::new(&command),
            command,
            hold: None,
            is_handed_over: false,
        }
    }

    /// Watches the program. Before the start or after it makes no difference.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::new(self.cell.clone())
    }

    /// Lets go of a hold when the program is gone, or was never started: the incarnation that made
    /// it has not ended before (L1). A [`Command`] that is run as a node does so by itself; this is
    /// for code that runs a program among other things.
    pub fn hold(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    /// The lines that the program will write.
    #[must_use]
    pub fn lines(&self) -> Lines {
        Lines {
            lines: self.cell.listen(),
        }
    }

    /// Starts the program, and waits until it is [ready](Command::ready).
    ///
    /// It needs a tokio runtime with a clock for the second part, and no runtime after it: who
    /// waits may do so on any, and a program outlives the runtime that it was started on.
    ///
    /// # Errors
    ///
    /// [`StartError`] if it could not be started, ended before it was ready, or was not ready in
    /// time. Nothing of it is left then.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the program is killed if it was started, and its watches tell.
    ///
    /// # Examples
    ///
    /// A program starts once: there is no second start that could fail.
    ///
    /// ```compile_fail,E0382
    /// # async fn twice() {
    /// let created = perennial::process::Command::new("true").create();
    /// let first = created.start().await;
    /// let second = created.start().await;
    /// # }
    /// ```
    pub async fn start(self) -> Result<Process, StartError> {
        let (command, lines) = (self.command.clone(), self.lines());
        let process = self.spawn().await?;
        match ready::wait(&command, &process, lines).await {
            Ok(()) => Ok(process),
            Err(why) => Err(why.stop(&command, &process).await),
        }
    }

    /// Starts the program, ready or not.
    pub(super) async fn spawn(mut self) -> Result<Process, StartError> {
        self.is_handed_over = true;
        let (reply, started) = oneshot::channel();
        let request = Request {
            command: self.command.clone(),
            cell: self.cell.clone(),
            hold: self.hold.take(),
            reply,
        };
        spawner::ask(request)?;
        started.await.unwrap_or_else(|_| {
            let program = self.command.name();
            let source = Arc::new(io::Error::other("the thread that starts programs is gone"));
            Err(StartError::System { program, source })
        })
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        if !self.is_handed_over {
            let program = self.command.name();
            self.cell.never_started(StartError::Dropped { program });
        }
    }
}

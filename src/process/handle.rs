//! The handle of a program that was started.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::termios::{Winsize, tcsetwinsize};

use super::cell::Cell;
use super::command::TerminalSize;
use super::containment::Containment;
use super::error::{ResizeError, SignalError};
use super::exit::{ExitStatus, Gone};
use super::keeper::{Keeper, Order};
use super::output::{Captured, Line, Lines, Source};
use super::signal::Signal;
use super::spawn::Raw;
use super::stdin::StdinWriter;
use super::table::ProcessId;
use super::watch::Watch;

/// A program that was started; cheap to clone.
///
/// When the last clone is dropped, the program and what is in its [scope](super::Scope) are
/// killed and reaped, wherever that happens: no runtime is needed for it.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    id: ProcessId,
    containment: Containment,
    cell: Arc<Cell>,
    keeper: Keeper,
    key: u64,
    stdin: Option<StdinWriter>,
    raw: Mutex<Raw>,
}

/// What a program does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// It runs.
    Running,
    /// It is suspended, by [`Process::pause`] or by somebody else.
    Paused,
    /// It has ended.
    Stopped(ExitStatus),
}

impl Process {
    pub(super) fn new(
        name: String,
        id: ProcessId,
        containment: Containment,
        cell: Arc<Cell>,
        (keeper, key): (Keeper, u64),
        (stdin, raw): (Option<StdinWriter>, Raw),
    ) -> Self {
        let inner = Inner {
            name,
            id,
            containment,
            cell,
            keeper,
            key,
            stdin,
            raw: Mutex::new(raw),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Which process of the system it is; known of the shortest program, too.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.inner.id
    }

    /// How well it is contained: what becomes of it if we are killed.
    #[must_use]
    pub fn containment(&self) -> Containment {
        self.inner.containment
    }

    /// Watches it. Before its end or after it makes no difference.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::new(self.inner.cell.clone())
    }

    /// What it does now.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.inner.cell.exit() {
            Some(exit) => Status::Stopped(exit),
            None if self.inner.cell.is_suspended() => Status::Paused,
            None => Status::Running,
        }
    }

    /// Sends a signal to its process group, or to the program alone if that is its
    /// [scope](super::Scope). Who has left the group is only reached by a stop.
    ///
    /// # Errors
    ///
    /// [`SignalError::Ended`] if it has ended: a signal never reaches a stranger that has its
    /// number by then.
    pub fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        let cell = &self.inner.cell;
        match cell.exit() {
            Some(exit) => Err(SignalError::Ended(exit)),
            None => {
                let sent = cell.with_grip(|grip| grip.signal(signal));
                let sent = sent.or_else(|| Some(Err(SignalError::Ended(cell.exit()?))));
                sent.expect("what was let go has ended")
            }
        }
    }

    /// Suspends those whom a [signal](Self::signal) reaches. A program that is paused has not
    /// ended, and is not started again.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    pub fn pause(&self) -> Result<(), SignalError> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal).
    pub fn resume(&self) -> Result<(), SignalError> {
        self.signal(Signal::CONT)
    }

    /// Gives its terminal another size.
    ///
    /// # Errors
    ///
    /// [`ResizeError`] if it has no terminal or has ended.
    pub fn resize(&self, size: TerminalSize) -> Result<(), ResizeError> {
        let cell = &self.inner.cell;
        let resized = cell.with_grip(|grip| match &grip.terminal {
            Some(terminal) => tcsetwinsize(terminal, size.to_system())
                .map_err(|errno| ResizeError::System(Arc::new(errno.into()))),
            None => Err(ResizeError::NoTerminal),
        });
        let resized = resized.or_else(|| Some(Err(ResizeError::Ended(cell.exit()?))));
        resized.expect("what was let go has ended")
    }

    /// Writes to its standard input, if that was [piped](super::Stdin::Piped) or is a terminal.
    #[must_use]
    pub fn stdin(&self) -> Option<StdinWriter> {
        self.inner.stdin.clone()
    }

    /// What it has written to standard output so far, or shown on its terminal.
    #[must_use]
    pub fn stdout(&self) -> Captured {
        self.inner.cell.stdout.captured()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> Captured {
        self.inner.cell.stderr.captured()
    }

    /// Takes our end of standard output, if that is [`Output::Raw`](super::Output::Raw) and nobody
    /// has taken it. It never blocks, so that `tokio::net::unix::pipe::Receiver` can have it.
    ///
    /// What nobody takes is open as long as this handle: a program that writes more than a pipe
    /// holds waits until it is read.
    ///
    /// # Examples
    ///
    /// ```
    /// use perennial::process::{Command, Output};
    /// use tokio::io::AsyncReadExt;
    /// use tokio::net::unix::pipe::Receiver;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhow::Result<()> {
    /// let created = Command::new("printf").arg(r"a\0b").stdout(Output::Raw).create();
    /// let process = created.start().await?;
    /// let stdout = process.take_stdout().expect("it is raw, and this is the first to take it");
    /// let mut bytes = Vec::new();
    /// Receiver::from_owned_fd(stdout)?.read_to_end(&mut bytes).await?;
    /// assert_eq!(bytes, b"a\0b");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn take_stdout(&self) -> Option<OwnedFd> {
        self.inner.raw.lock().stdout.take()
    }

    /// Takes our end of standard error; see [`take_stdout`](Self::take_stdout).
    #[must_use]
    pub fn take_stderr(&self) -> Option<OwnedFd> {
        self.inner.raw.lock().stderr.take()
    }

    /// The lines that it writes from now on.
    #[must_use]
    pub fn lines(&self) -> Lines {
        Lines {
            lines: self.inner.cell.listen(),
        }
    }

    /// Stops it by its [ladder](super::Ladder), and gives what is known when it is gone.
    ///
    /// A stop is shared: a second one waits for the same end, and gets the same report. It is given
    /// at once, and waiting for it is up to the caller.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it is stopped all the same.
    pub fn stop(&self) -> impl Future<Output = Gone> + Send + use<> {
        self.stop_by(None)
    }

    /// Stops it within this time, in which the ladder is squeezed: then it is killed. Of several
    /// deadlines the tightest holds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it is stopped all the same.
    pub fn stop_within(&self, time: Duration) -> impl Future<Output = Gone> + Send + use<> {
        self.stop_by(Some(time))
    }

    /// Kills it: [`stop_within`](Self::stop_within) no time.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it is killed all the same.
    pub fn kill(&self) -> impl Future<Output = Gone> + Send + use<> {
        self.stop_by(Some(Duration::ZERO))
    }

    fn stop_by(&self, within: Option<Duration>) -> impl Future<Output = Gone> + Send + use<> {
        self.inner.stop(within);
        let watch = self.watch();
        async move { watch.gone().await }
    }

    /// The lines of both outputs that are kept.
    pub(super) fn kept_lines(&self, line_max: usize) -> Vec<Line> {
        let cell = &self.inner.cell;
        let mut lines = cell.stdout.lines(Source::Stdout, line_max);
        lines.extend(cell.stderr.lines(Source::Stderr, line_max));
        lines
    }

    /// The last line on standard error, for an error.
    pub(super) fn last_words(&self) -> Option<String> {
        self.inner.cell.stderr.last_words()
    }
}

impl Inner {
    fn stop(&self, within: Option<Duration>) {
        let key = self.key;
        self.keeper.order(Order::Stop { key, within });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(Some(Duration::ZERO));
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("program", &self.inner.name)
            .field("id", &self.inner.id)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl TerminalSize {
    pub(super) const fn to_system(self) -> Winsize {
        Winsize {
            ws_row: self.rows,
            ws_col: self.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        }
    }
}

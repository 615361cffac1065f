//! What is known of one program, shared by its handles and the keeper.
//!
//! An exit is a fact that is stored once and looked at, never an event that could be missed: it
//! does not matter when somebody begins to watch.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, kill_process_group, pidfd_send_signal};
use tokio::sync::{broadcast, watch};

use super::command::{Command, Scope};
use super::error::SignalError;
use super::exit::{ExitCause, ExitStatus, Gone};
use super::ladder::Rung;
use super::output::{Line, Recorder};
use super::signal::Signal;
use super::table::Row;

/// How many lines a listener may be behind.
const LINES_MAX: usize = 256;

/// What has become true of a program. Nothing here becomes untrue again.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) readiness: Option<Readiness>,
    pub(super) exit: Option<ExitStatus>,
    pub(super) gone: Option<Gone>,
}

/// What came from the ready descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Said,
    Closed,
}

#[derive(Debug)]
pub(super) struct Cell {
    facts: watch::Sender<Facts>,
    /// There from the start to the reap, so nobody else can be meant.
    grip: Mutex<Option<Grip>>,
    pub(super) stdout: Recorder,
    pub(super) stderr: Recorder,
    /// Gone when the outputs are at their end.
    lines: Mutex<Option<broadcast::Sender<Line>>>,
}

/// What it takes to signal a program that is not reaped.
#[derive(Debug)]
pub(super) struct Grip {
    pub(super) pid: Pid,
    pub(super) pidfd: Arc<OwnedFd>,
    pub(super) scope: Scope,
    pub(super) terminal: Option<OwnedFd>,
}

impl Cell {
    pub(super) fn new(command: &Command) -> Arc<Self> {
        Arc::new(Self {
            facts: watch::Sender::new(Facts::default()),
            grip: Mutex::new(None),
            stdout: Recorder::new(command.kept_max),
            stderr: Recorder::new(command.kept_max),
            lines: Mutex::new(Some(broadcast::Sender::new(LINES_MAX))),
        })
    }

    pub(super) fn watch(&self) -> watch::Receiver<Facts> {
        self.facts.subscribe()
    }

    pub(super) fn exit(&self) -> Option<ExitStatus> {
        self.facts.borrow().exit.clone()
    }

    /// It runs, and can be signalled.
    pub(super) fn started(&self, grip: Grip) {
        *self.grip.lock() = Some(grip);
    }

    /// It never ran: this is how it ended, and all is over.
    pub(super) fn never_started(&self, error: super::StartError) {
        let exit = ExitStatus::now(ExitCause::NeverStarted(error), false);
        self.end_lines();
        self.facts.send_modify(|facts| {
            facts.exit = Some(exit.clone());
            facts.gone = Some(Gone::of(exit));
        });
    }

    pub(super) fn said_ready(&self, readiness: Readiness) {
        self.facts.send_modify(|facts| {
            facts.readiness.get_or_insert(readiness);
        });
    }

    pub(super) fn exited(&self, exit: ExitStatus) {
        self.facts.send_modify(|facts| {
            debug_assert!(facts.exit.is_none(), "a program ends once");
            facts.exit = Some(exit);
        });
    }

    pub(super) fn gone(&self, gone: Gone) {
        self.end_lines();
        self.facts.send_modify(|facts| facts.gone = Some(gone));
    }

    /// Forgets how to signal the program, which is reaped next.
    pub(super) fn let_go(&self) {
        self.grip.lock().take();
    }

    /// What it takes to signal, as long as the program is not reaped.
    pub(super) fn with_grip<T>(&self, act: impl FnOnce(&Grip) -> T) -> Option<T> {
        self.grip.lock().as_ref().map(act)
    }

    /// Lines from here on; none if the outputs have ended.
    pub(super) fn listen(&self) -> broadcast::Receiver<Line> {
        match &*self.lines.lock() {
            Some(lines) => lines.subscribe(),
            None => broadcast::channel(1).1,
        }
    }

    /// Where lines go, if anybody listens: if not, none need to be made.
    pub(super) fn listeners(&self) -> Option<broadcast::Sender<Line>> {
        let lines = self.lines.lock().clone();
        lines.filter(|lines| lines.receiver_count() > 0)
    }

    fn end_lines(&self) {
        self.lines.lock().take();
    }

    pub(super) fn is_suspended(&self) -> bool {
        let pid = self.with_grip(|grip| grip.pid.as_raw_nonzero().get());
        let row = pid.and_then(Row::read);
        row.is_some_and(|row| row.is_suspended())
    }
}

impl Grip {
    /// Sends a signal to what is in scope.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        self.send(signal, self.scope)
    }

    /// Does a rung that is a signal. A suspended program is woken, for it could not notice it.
    pub(super) fn take_rung(&self, rung: Rung) {
        let (signal, scope) = match rung {
            Rung::Kill => (Signal::KILL, self.scope),
            Rung::Signal(signal) => (signal, self.scope),
            Rung::SignalLeader(signal) => (signal, Scope::Leader),
            Rung::CloseStdin => return,
        };
        // Who is gone already, or not ours to signal, is met by the next rung or the report.
        let _ = self.send(signal, scope);
        if signal.needs_waking() {
            let _ = self.send(Signal::CONT, scope);
        }
    }

    fn send(&self, signal: Signal, scope: Scope) -> Result<(), SignalError> {
        let system = signal.to_system().ok_or(SignalError::Unnamed(signal))?;
        let sent = match scope {
            Scope::Leader => pidfd_send_signal(&self.pidfd, system),
            Scope::Group => kill_process_group(self.pid, system),
        };
        sent.map_err(|errno| SignalError::System(Arc::new(errno.into())))
    }
}

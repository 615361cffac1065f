//! One program in the keeper's care: its descriptors, and the hands of its course.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, test_kill_process_group, waitid};
use tokio::sync::broadcast;

use super::frame::Frame;
use super::poller::{Poller, What};
use crate::Hold;
use crate::process::cell::{Cell, Readiness};
use crate::process::cgroup::Cgroup;
use crate::process::command::{Command, Scope};
use crate::process::course::{Act, Course};
use crate::process::error::WriteError;
use crate::process::exit::{ExitCause, ExitStatus, Gone};
use crate::process::guard;
use crate::process::ladder::Rung;
use crate::process::output::{Line, Source, Splitter};
use crate::process::signal::Signal;
use crate::process::table::{ProcessId, Row, Table, descendants};

/// Our ends of a program's pipes, or those of its terminal.
#[derive(Debug, Default)]
pub(in crate::process) struct Pipes {
    pub(in crate::process) stdin: Option<OwnedFd>,
    pub(in crate::process) stdout: Option<OwnedFd>,
    pub(in crate::process) stderr: Option<OwnedFd>,
    pub(in crate::process) ready: Option<OwnedFd>,
    pub(in crate::process) is_terminal: bool,
}

pub(in crate::process) struct Kept {
    key: u64,
    id: ProcessId,
    pid: Pid,
    session: i32,
    pidfd: Arc<OwnedFd>,
    scope: Scope,
    cell: Arc<Cell>,
    course: Course,
    pipes: Pipes,
    frame: Option<Frame>,
    closes_after_frame: bool,
    lines: [Splitter; 2],
    cgroup: Option<Cgroup>,
    /// Whether the leader was reaped, by us or by a stranger: its number is no longer pinned.
    is_reaped: bool,
    /// Who had left the group when the program was signalled.
    leavers: Vec<ProcessId>,
    survivors: Vec<ProcessId>,
    output_cut: bool,
    /// Let go when all is over.
    hold: Option<Hold>,
}

/// Who a program is to the system.
#[derive(Clone, Debug)]
pub(in crate::process) struct Identity {
    pub(in crate::process) id: ProcessId,
    pub(in crate::process) pid: Pid,
    pub(in crate::process) session: i32,
    pub(in crate::process) pidfd: Arc<OwnedFd>,
}

impl Kept {
    pub(in crate::process) fn new(
        key: u64,
        command: &Command,
        cell: Arc<Cell>,
        identity: Identity,
        pipes: Pipes,
        (cgroup, hold): (Option<Cgroup>, Option<Hold>),
    ) -> Self {
        let outputs = [&pipes.stdout, &pipes.stderr];
        let outputs = outputs.into_iter().flatten().count();
        let has_stdin = pipes.stdin.is_some();
        let course = Course::new(command.scope, &command.ladder, has_stdin, outputs);
        let Identity {
            id,
            pid,
            session,
            pidfd,
        } = identity;
        Self {
            key,
            id,
            pid,
            session,
            pidfd,
            scope: command.scope,
            cell,
            course,
            pipes,
            frame: None,
            closes_after_frame: false,
            lines: [(); 2].map(|()| Splitter::new(command.line_max)),
            cgroup,
            is_reaped: false,
            leavers: Vec::new(),
            survivors: Vec::new(),
            output_cut: false,
            hold,
        }
    }

    pub(super) const fn key(&self) -> u64 {
        self.key
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.course.next_due()
    }

    pub(super) fn is_over(&self) -> bool {
        self.course.is_over()
    }

    /// Begins to listen to all of it.
    pub(super) fn begin(&mut self, poller: &Poller) {
        let sources = [
            (&self.pipes.stdout, What::Stdout),
            (&self.pipes.stderr, What::Stderr),
            (&self.pipes.ready, What::Ready),
        ];
        let mut listened = poller.listen(&self.pidfd, self.key, What::Exit);
        for (fd, what) in sources {
            if let Some(fd) = fd {
                listened = listened.and_then(|()| poller.listen(fd, self.key, what));
            }
        }
        if let Err(error) = listened {
            // Without an ear for it there is no telling how it ends.
            let _ = self.cell.with_grip(|grip| grip.take_rung(Rung::Kill));
            // It is reaped next, so it has to be dead, unless the system cannot end it.
            let dead = &mut [PollFd::new(&self.pidfd, PollFlags::IN)];
            let _ = poll(dead, Some(&DYING_MAX));
            poller.ignore(&self.pidfd);
            self.ended(ExitCause::Lost(Arc::new(error)));
        }
    }

    pub(super) fn heard(&mut self, what: What, poller: &Poller, buffer: &mut [u8]) {
        match what {
            What::Exit => self.look_at_leader(poller),
            What::Stdout => self.read(Source::Stdout, poller, buffer),
            What::Stderr => self.read(Source::Stderr, poller, buffer),
            What::Stdin => self.go_on_writing(poller),
            What::Ready => self.read_readiness(),
        }
    }

    pub(super) fn stop(&mut self, within: Option<Duration>) {
        self.course.stop(Instant::now(), within);
    }

    pub(super) fn due(&mut self, now: Instant) {
        self.course.due(now);
    }

    /// Does what the course says, and tells whether the group is to be looked at.
    pub(super) fn act(&mut self, poller: &Poller) -> bool {
        let mut looks = false;
        while let Some(act) = self.course.next_act() {
            match act {
                Act::Rung(Rung::CloseStdin) => self.close_stdin(poller),
                Act::Rung(rung) => self.take_rung(rung),
                Act::Sweep => self.sweep(),
                Act::Reap => self.reap(),
                Act::Look => looks = true,
                Act::NameSurvivors => self.survivors = self.members_now(),
                Act::CutOutput => self.cut_output(poller),
            }
        }
        looks
    }

    /// Looks who lives in the group. The system's table is read only if it may hold somebody.
    pub(super) fn look<'a>(&mut self, table: impl FnOnce() -> Option<&'a Table>) {
        let has_group = !self.is_reaped || test_kill_process_group(self.pid) != Err(Errno::SRCH);
        let has_cgroup = self.cgroup.as_ref().is_some_and(|group| !group.is_empty());
        if has_cgroup && self.is_reaped {
            // Once more: to kill takes a descriptor, and there may have been none.
            self.kill_cgroup();
        }
        let alive = if has_group || has_cgroup {
            let members = table().and_then(|table| self.members(table).ok());
            // Who cannot be seen, because we have no descriptor left, is not taken for dead.
            members.map_or(1, |members| members.len())
        } else {
            0
        };
        self.course.looked(Instant::now(), alive);
    }

    fn members(&self, table: &Table) -> io::Result<Vec<ProcessId>> {
        let group = table.members(self.id, self.session).map(Row::id);
        let inside = self.cgroup.as_ref().map(Cgroup::members).transpose()?;
        let members = group.chain(inside.into_iter().flatten());
        // The leader itself may be unreaped and not be a zombie for us: it has ended.
        let members: BTreeSet<_> = members.filter(|id| *id != self.id).collect();
        Ok(members.into_iter().collect())
    }

    /// The same now, as far as they can be seen.
    fn members_now(&self) -> Vec<ProcessId> {
        let members = Table::read().and_then(|table| self.members(&table));
        members.unwrap_or_default()
    }

    /// Sees how the leader ended, and leaves it as it is: a zombie pins the number of its group.
    fn look_at_leader(&mut self, poller: &Poller) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let cause = match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
            Ok(Some(status)) => cause(&status),
            // Somebody traces it and has yet to see its end. We are told when it is our turn.
            Ok(None) | Err(Errno::INTR) => return,
            Err(errno) => {
                self.is_reaped = true;
                ExitCause::Lost(Arc::new(errno.into()))
            }
        };
        poller.ignore(&self.pidfd);
        self.ended(cause);
        if self.is_reaped {
            // Its number may be a stranger's before the course comes to reaping it.
            self.cell.let_go();
        }
    }

    fn ended(&mut self, cause: ExitCause) {
        let exit = ExitStatus::now(cause, self.course.is_told_to_stop());
        self.cell.exited(exit);
        self.course.exited(Instant::now());
    }

    fn take_rung(&mut self, rung: Rung) {
        if self.scope == Scope::Group {
            match (&self.cgroup, rung) {
                (Some(cgroup), Rung::Kill) => cgroup.kill(),
                (Some(cgroup), Rung::Signal(signal)) => self.signal_leavers(cgroup, signal),
                (Some(_), Rung::SignalLeader(_) | Rung::CloseStdin) => {}
                (None, _) => self.note_leavers(),
            }
        }
        let _ = self.cell.with_grip(|grip| grip.take_rung(rung));
    }

    /// Signals who has left the group and could not leave the cgroup.
    fn signal_leavers(&self, cgroup: &Cgroup, signal: Signal) {
        let Some(system) = signal.to_system() else {
            return;
        };
        for member in cgroup.members().unwrap_or_default() {
            let row = Row::read(member.number());
            if row.is_some_and(|row| row.group != self.id.number()) {
                member.send(system);
                member.send(rustix::process::Signal::CONT);
            }
        }
    }

    /// Notes who descends from the leader and is no longer in its group: the signal misses them.
    fn note_leavers(&mut self) {
        let group = self.id.number();
        let outside = descendants(group).into_iter();
        let outside = outside.filter(|row| row.group != group && row.is_alive());
        self.leavers.extend(outside.map(|row| row.id()));
        self.leavers.sort_unstable();
        self.leavers.dedup();
    }

    fn sweep(&mut self) {
        self.kill_cgroup();
        if self.is_reaped {
            // The number of the group may be a stranger's, so each is looked at.
            for member in self.members_now() {
                member.kill();
            }
        } else {
            let _ = self.cell.with_grip(|grip| grip.take_rung(Rung::Kill));
        }
    }

    fn kill_cgroup(&self) {
        if let Some(cgroup) = self.cgroup.as_ref().filter(|_| self.scope == Scope::Group) {
            cgroup.kill();
        }
    }

    fn reap(&mut self) {
        guard::forget(self.id);
        self.cell.let_go();
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        // A stranger may have been faster, which has been told as a loss.
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), options);
        self.is_reaped = true;
    }

    fn read(&mut self, source: Source, poller: &Poller, buffer: &mut [u8]) {
        let fd = match source {
            Source::Stdout => &mut self.pipes.stdout,
            Source::Stderr => &mut self.pipes.stderr,
        };
        let Some(open) = fd else {
            return;
        };
        match rustix::io::read(&*open, &mut *buffer) {
            Ok(bytes) if bytes > 0 => {
                self.course.output_moved(Instant::now());
                self.record(source, &buffer[..bytes]);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The end; of a terminal it is an error.
            Ok(_) | Err(_) => {
                poller.ignore(&*open);
                *fd = None;
                self.end_line(source);
                self.course.output_ended();
            }
        }
    }

    fn record(&mut self, source: Source, bytes: &[u8]) {
        let cell = &self.cell;
        recorder(cell, source).record(bytes);
        let splitter = &mut self.lines[source as usize];
        match cell.listeners() {
            Some(listeners) => {
                splitter.push(bytes, |text, cut| tell(&listeners, source, text, cut))
            }
            None => splitter.skip(),
        }
    }

    fn end_line(&mut self, source: Source) {
        if let Some(listeners) = self.cell.listeners() {
            let splitter = &mut self.lines[source as usize];
            splitter.finish(|text, cut| tell(&listeners, source, text, cut));
        }
    }

    fn read_readiness(&mut self) {
        let Some(fd) = &self.pipes.ready else {
            return;
        };
        let readiness = match rustix::io::read(fd, &mut [0; 16]) {
            Ok(0) => Readiness::Closed,
            Ok(_) => Readiness::Said,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(_) => Readiness::Closed,
        };
        self.pipes.ready = None;
        self.cell.said_ready(readiness);
    }

    pub(super) fn write(&mut self, frame: Frame, poller: &Poller) {
        let Some(stdin) = self
            .pipes
            .stdin
            .as_ref()
            .filter(|_| !self.closes_after_frame)
        else {
            return frame.finish(Err(WriteError::Closed));
        };
        let mut frame = frame;
        match frame.write_to(stdin) {
            Some(result) => frame.finish(result),
            None => match poller.listen(stdin, self.key, What::Stdin) {
                Ok(()) => self.frame = Some(frame),
                Err(error) => frame.finish(Err(WriteError::System(Arc::new(error)))),
            },
        }
    }

    fn go_on_writing(&mut self, poller: &Poller) {
        let (Some(stdin), Some(frame)) = (&self.pipes.stdin, &mut self.frame) else {
            return;
        };
        let Some(result) = frame.write_to(stdin) else {
            return;
        };
        poller.ignore(stdin);
        if let Some(frame) = self.frame.take() {
            frame.finish(result);
        }
        if self.closes_after_frame {
            self.close_stdin(poller);
        }
    }

    pub(super) fn close_stdin_after_frame(&mut self, poller: &Poller) {
        if self.frame.is_some() {
            self.closes_after_frame = true;
        } else {
            self.close_stdin(poller);
        }
    }

    /// Ends the input now. Only dropping the descriptor does that; a terminal has a character.
    fn close_stdin(&mut self, poller: &Poller) {
        if let Some(frame) = self.frame.take() {
            frame.finish(Err(WriteError::Closed));
        }
        if let Some(stdin) = self.pipes.stdin.take() {
            poller.ignore(&stdin);
            if self.pipes.is_terminal {
                let _ = rustix::io::write(&stdin, END_OF_TRANSMISSION);
            }
        }
        self.course.stdin_closed();
    }

    fn cut_output(&mut self, poller: &Poller) {
        let fds = [&mut self.pipes.stdout, &mut self.pipes.stderr];
        for fd in fds.into_iter().filter_map(Option::take) {
            poller.ignore(fd);
            self.output_cut = true;
        }
        self.end_line(Source::Stdout);
        self.end_line(Source::Stderr);
    }

    /// Closes what is ours, says that all is gone, and then lets go of who waits for that.
    pub(super) fn end(mut self, poller: &Poller) {
        self.close_stdin(poller);
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove();
        }
        let (rungs, took) = self.course.report(Instant::now());
        let exit = self.cell.exit();
        let leavers = self.leavers.drain(..).filter(|id| id.is_alive());
        self.survivors.extend(leavers);
        let gone = Gone {
            exit: exit.expect("a course ends after the leader"),
            rungs,
            took,
            survivors: std::mem::take(&mut self.survivors),
            output_cut: self.output_cut,
        };
        let (cell, hold) = (self.cell.clone(), self.hold.take());
        drop(self);
        cell.gone(gone);
        drop(hold);
    }
}

fn tell(listeners: &broadcast::Sender<Line>, source: Source, text: &str, was_cut: bool) {
    // All who listened may have gone, which is theirs.
    let _ = listeners.send(Line::new(source, text, was_cut));
}

/// How long somebody who was killed may take to die, where nobody can wait for it by an event.
const DYING_MAX: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// What ends the input in a terminal, as ^D does.
const END_OF_TRANSMISSION: &[u8] = b"\x04";

const fn recorder(cell: &Cell, source: Source) -> &crate::process::output::Recorder {
    match source {
        Source::Stdout => &cell.stdout,
        Source::Stderr => &cell.stderr,
    }
}

fn cause(status: &WaitIdStatus) -> ExitCause {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitCause::Code(code),
        (None, Some(signal)) => ExitCause::Signal {
            signal: Signal::seen(signal),
            core_dumped: status.dumped(),
        },
        (None, None) => {
            let error = io::Error::other("the system told neither a code nor a signal");
            ExitCause::Lost(Arc::new(error))
        }
    }
}

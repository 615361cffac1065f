//! The system's table of processes: who is in a group, who descends from whom, and who lives.
//!
//! A signal with number 0 finds zombies too, which nobody can end; so who lives is read here. A
//! process is its number and its start, for numbers are used again.

use std::fmt;
use std::fs;
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process of the system, told from all others that have had, or will have, its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    pid: i32,
    /// In clock ticks since the machine was started.
    started: u64,
}

impl ProcessId {
    pub(super) const fn new(pid: i32, started: u64) -> Self {
        Self { pid, started }
    }

    /// Its number, which is another process's when this one has been reaped.
    #[must_use]
    pub const fn pid(self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// The same, as the system counts.
    pub(super) const fn number(self) -> i32 {
        self.pid
    }

    /// When it started, in clock ticks since the machine did.
    #[must_use]
    pub const fn started(self) -> u64 {
        self.started
    }

    /// Whether it lives: zombies do not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Row::read(self.pid).is_some_and(|row| row.id() == self && row.is_alive())
    }

    /// Sends the process a signal, and nobody who has its number by now.
    pub(super) fn send(self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
            return;
        };
        // The descriptor pins whom we look at now, so nobody else can come between.
        if Row::read(self.pid).is_some_and(|row| row.id() == self) {
            let _ = pidfd_send_signal(&pidfd, signal);
        }
    }

    /// Kills the process, and nobody else.
    pub(super) fn kill(self) {
        self.send(Signal::KILL);
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

impl fmt::Debug for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.pid, self.started)
    }
}

/// What the table says of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) pid: i32,
    pub(super) state: char,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    pub(super) started: u64,
}

impl Row {
    /// What the table says of this process, if it is there.
    pub(super) fn read(pid: i32) -> Option<Self> {
        Self::ask(pid).ok().flatten()
    }

    /// The same, and an error if we have nothing left to look with.
    pub(super) fn ask(pid: i32) -> io::Result<Option<Self>> {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(stat) => Ok(parse(&stat)),
            Err(error) if is_exhausted(&error) => Err(error),
            // It has ended, or is hidden from us.
            Err(_) => Ok(None),
        }
    }

    pub(super) const fn id(&self) -> ProcessId {
        ProcessId::new(self.pid, self.started)
    }

    pub(super) const fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }

    pub(super) const fn is_suspended(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// Everybody, at about one time.
#[derive(Debug)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// Fails if it cannot be read: who is not seen then may well live.
    pub(super) fn read() -> io::Result<Self> {
        let mut rows = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|name| name.parse().ok());
            if let Some(pid) = pid {
                rows.extend(Row::ask(pid)?);
            }
        }
        Ok(Self(rows))
    }

    /// Who lives in the group of this leader, which may have been reaped. The number of the group
    /// may be a stranger's by then: its session is asked for, and a process that has the number and
    /// is not the leader shows that the leader's group is empty, or it would not have got it.
    pub(super) fn members(&self, leader: ProcessId, session: i32) -> impl Iterator<Item = &Row> {
        let group = leader.number();
        let is_taken = |row: &Row| row.pid == group && row.id() != leader;
        let is_strangers = self.0.iter().any(is_taken);
        let is_member = move |row: &&Row| {
            row.group == group && row.session == session && row.is_alive() && !is_strangers
        };
        self.0.iter().filter(is_member)
    }
}

/// Whether there was nothing to look with, so that nothing is known: a descriptor, or memory.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
}

/// Who descends from the process, as far as nobody between has ended and the system tells.
pub(super) fn descendants(pid: i32) -> Vec<Row> {
    let (mut found, mut next) = (Vec::<Row>::new(), vec![pid]);
    while let Some(pid) = next.pop() {
        for child in children(pid).into_iter().filter_map(Row::read) {
            // One that was listed twice, while the table changed, is asked once.
            if !found.iter().any(|row| row.pid == child.pid) {
                found.push(child);
                next.push(child.pid);
            }
        }
    }
    found
}

/// The children of each thread of the process.
fn children(pid: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.collect::<Vec<_>>()
    });
    pids.collect()
}

/// Reads a line of `/proc/PID/stat`. The name of the program stands in brackets and may hold any
/// byte, so the fields are counted from its last bracket.
fn parse(stat: &[u8]) -> Option<Row> {
    let stat = String::from_utf8_lossy(stat);
    let (pid, rest) = stat.split_once(" (")?;
    let (_, fields) = rest.rsplit_once(") ")?;
    let fields: Vec<_> = fields.split(' ').collect();
    Some(Row {
        pid: pid.parse().ok()?,
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_is_no_field() {
        // L10. A program that chose such a name must not be taken for another.
        let line = b"42 (a) Z (b) S 1 40 39 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n";
        let row = parse(line).expect("it is well formed");
        assert_eq!(
            (row.pid, row.state, row.parent, row.group),
            (42, 'S', 1, 40)
        );
        assert_eq!((row.session, row.started), (39, 777));
    }

    #[test]
    fn members_are_those_who_live_in_the_group_and_its_session() {
        // L10. A zombie is not waited for, and a group of the same number elsewhere is not touched.
        let table = Table(vec![
            row(5, 'S', 5, 1),
            row(6, 'Z', 5, 1),
            row(7, 'R', 5, 2),
            row(8, 'D', 5, 1),
            row(9, 'S', 6, 1),
        ]);
        let members = table.members(ProcessId::new(5, 0), 1);
        assert_eq!(members.map(|row| row.pid).collect::<Vec<_>>(), [5, 8]);
    }

    #[test]
    fn a_group_whose_number_is_a_strangers_is_empty() {
        // L10. No number is given out again while somebody is in the group that has it.
        let table = Table(vec![row(5, 'S', 5, 1), row(8, 'S', 5, 1)]);
        let members = |started| table.members(ProcessId::new(5, started), 1).count();
        assert_eq!((members(0), members(7)), (2, 0));
        let reaped = Table(vec![row(8, 'S', 5, 1)]);
        assert_eq!(reaped.members(ProcessId::new(5, 7), 1).count(), 1);
    }

    const fn row(pid: i32, state: char, group: i32, session: i32) -> Row {
        Row {
            pid,
            state,
            parent: 1,
            group,
            session,
            started: 0,
        }
    }

    #[test]
    fn we_are_alive_and_nobody_with_another_start_is() {
        // L10. The number alone is not the process.
        let pid = i32::try_from(std::process::id()).expect("a number of a process is small");
        let own = Row::read(pid).expect("we are in the table");
        assert!(own.id().is_alive());
        assert!(!ProcessId::new(pid, own.started + 1).is_alive());
    }
}

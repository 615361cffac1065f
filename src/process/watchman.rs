//! The guard itself: a process that waits for its owner's end, and then ends what that has left.

use std::collections::BTreeMap;
use std::io::{self, BufRead, stdin};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::cgroup::Cgroup;
use super::keeper::block_signals;
use super::table::{ProcessId, Row, Table, descendants};

/// How long it tries. What the system does not end by then, nobody does.
const TIME_MAX: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// Everybody who is to be ended.
#[derive(Debug, Default)]
struct Wards {
    cgroup: Option<Cgroup>,
    /// The leaders, with their sessions.
    leaders: BTreeMap<ProcessId, i32>,
}

/// Waits for the owner's end, ends its programs, and gives the exit code.
pub(super) fn watch() -> i32 {
    // What is sent to our owner's terminal or group is not for us.
    let _ = rustix::process::setsid();
    block_signals();
    let mut wards = Wards::default();
    for line in stdin().lock().lines() {
        match line {
            Ok(line) => wards.hear(&line),
            Err(_) => break,
        }
    }
    wards.end()
}

impl Wards {
    fn hear(&mut self, line: &str) {
        if let Some(path) = line.strip_prefix("cgroup ") {
            self.cgroup = Some(Cgroup::at(PathBuf::from(path)));
            return;
        }
        let words: Vec<_> = line.split(' ').collect();
        let id = |pid: &str, started: &str| {
            Some(ProcessId::new(pid.parse().ok()?, started.parse().ok()?))
        };
        match words[..] {
            ["+", pid, started, session] => {
                let ward = id(pid, started).zip(session.parse().ok());
                self.leaders.extend(ward);
            }
            ["-", pid, started] => {
                id(pid, started).and_then(|id| self.leaders.remove(&id));
            }
            _ => {}
        }
    }

    fn end(&self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(cgroup) = &self.cgroup {
                cgroup.kill();
            }
            let is_empty = self.kill_members().unwrap_or(false);
            // Whoever was about to enter the group finds it gone.
            let is_removed = self.cgroup.as_ref().is_none_or(Cgroup::remove);
            match (is_empty, is_removed) {
                (true, true) => return 0,
                _ if begun.elapsed() > TIME_MAX => return 1,
                _ => thread::sleep(PAUSE),
            }
        }
    }

    /// Kills leaders, their descendants, and who is in their groups; says whether nobody was left.
    fn kill_members(&self) -> io::Result<bool> {
        let mut found = Vec::new();
        let table = Table::read()?;
        for (leader, session) in &self.leaders {
            found.extend(table.members(*leader, *session).map(Row::id));
            if leader.is_alive() {
                found.push(*leader);
                let below = descendants(leader.number()).into_iter();
                found.extend(below.filter(Row::is_alive).map(|row| row.id()));
            }
        }
        found.sort_unstable();
        found.dedup();
        found.iter().for_each(|process| process.kill());
        Ok(found.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_reaped_is_not_ended() {
        // L10. Its number may be a stranger's; a start that does not fit is another process.
        let mut wards = Wards::default();
        for line in [
            "+ 7 70 1", "+ 8 80 1", "- 7 71", "- 8 80", "nonsense", "+ 9",
        ] {
            wards.hear(line);
        }
        assert_eq!(wards.leaders, BTreeMap::from([(ProcessId::new(7, 70), 1)]));
    }
}

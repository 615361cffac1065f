//! Who is busy while the runtime is never idle.

use std::collections::BTreeMap;
use std::fmt;

/// More polls of one runnable, with the runtime never idle in between, are a livelock.
const POLLS_MAX: u64 = 100_000;

/// More starts of one node, with the runtime never idle in between, are a livelock.
const STARTS_MAX: u64 = 10_000;

/// What was polled less often is not what keeps the runtime busy.
const WORTH_A_NAME: u64 = 1000;

/// How often each runnable was polled and started since the runtime was last idle.
#[derive(Debug, Default)]
pub(super) struct Busy {
    nodes: BTreeMap<String, Work>,
    /// The idle moment from which it counts.
    since: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Work {
    polls: u64,
    starts: u64,
}

impl Busy {
    /// Counts a poll; whether there were too many.
    pub(super) fn polled(&mut self, path: &str, moment: u64) -> bool {
        let work = self.work(path, moment);
        work.polls += 1;
        work.polls > POLLS_MAX
    }

    /// Counts a start; whether there were too many.
    pub(super) fn started(&mut self, path: &str, moment: u64) -> bool {
        let work = self.work(path, moment);
        work.starts += 1;
        work.starts > STARTS_MAX
    }

    fn work(&mut self, path: &str, moment: u64) -> &mut Work {
        if self.since != moment {
            self.since = moment;
            self.nodes.clear();
        }
        if !self.nodes.contains_key(path) {
            self.nodes.insert(path.to_owned(), Work::default());
        }
        self.nodes.get_mut(path).expect("it was just put in")
    }

    /// The nodes that do about as much as the busiest, by path; then counts anew.
    pub(super) fn take_busiest(&mut self) -> Vec<String> {
        let nodes = std::mem::take(&mut self.nodes);
        let most = nodes.values().map(Work::weight).max().unwrap_or_default();
        let busy = nodes
            .iter()
            .filter(|(_, work)| work.weight() >= WORTH_A_NAME && work.weight() > most / 2);
        busy.map(|(path, work)| format!("{path}: {work}")).collect()
    }
}

impl Work {
    /// Starts weigh more than polls, as their limit is lower.
    fn weight(&self) -> u64 {
        self.polls.max(self.starts * (POLLS_MAX / STARTS_MAX))
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} polls, {} starts", self.polls, self.starts)
    }
}

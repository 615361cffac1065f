//! What the programs wrote last, for whoever asks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// How many lines of each program are kept.
const KEPT_MAX: usize = 1000;

/// The last lines of each program, by its name, across all its incarnations.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<BTreeMap<String, Log>>);

#[derive(Debug, Default)]
struct Log {
    kept: VecDeque<Arc<str>>,
    /// How many lines there were so far.
    written: watch::Sender<u64>,
}

/// Reads the log of one program, from what is kept of it on.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    logs: &'a Logs,
    name: &'a str,
    /// The number of the line that is read next.
    next: u64,
    written: watch::Receiver<u64>,
}

/// What a reader finds.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    /// How many lines are kept no more that would have come first.
    pub(crate) lost: u64,
    pub(crate) lines: Vec<Arc<str>>,
}

impl Logs {
    pub(crate) fn add(&self, name: &str, line: &str) {
        self.with(name, |log| {
            if log.kept.len() == KEPT_MAX {
                log.kept.pop_front();
            }
            log.kept.push_back(line.into());
            log.written.send_modify(|written| *written += 1);
        });
    }

    pub(crate) fn reader<'a>(&'a self, name: &'a str) -> Reader<'a> {
        let (next, written) = self.with(name, |log| (log.first(), log.written.subscribe()));
        Reader {
            logs: self,
            name,
            next,
            written,
        }
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Log) -> T) -> T {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get_mut(name) {
            return act(log);
        }
        act(logs.entry(name.to_owned()).or_default())
    }
}

impl Log {
    /// The number of the first line that is kept.
    fn first(&self) -> u64 {
        *self.written.borrow() - self.kept.len() as u64
    }
}

impl Reader<'_> {
    /// What was written since the last time.
    pub(crate) fn read(&mut self) -> Fresh {
        self.logs.with(self.name, |log| {
            let lost = log.first().saturating_sub(self.next);
            let known = self.next.saturating_sub(log.first());
            let lines = log.kept.iter().skip(known as usize).cloned().collect();
            self.next = *log.written.borrow();
            Fresh { lost, lines }
        })
    }

    /// Waits until there is more to read.
    pub(crate) async fn more(&mut self) {
        let next = self.next;
        let more = self.written.wait_for(|written| *written > next).await;
        more.expect("a log is never dropped while it is read");
    }
}

//! What the programs wrote last, for whoever asks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

/// How many lines of each program are kept.
const KEPT_MAX: usize = 1000;

/// The last lines of each program, by its name, across all its incarnations.
#[derive(Debug, Default)]
pub(crate) struct Logs(Mutex<BTreeMap<String, Log>>);

#[derive(Debug)]
struct Log {
    kept: VecDeque<Arc<str>>,
    heard: broadcast::Sender<Arc<str>>,
}

impl Logs {
    pub(crate) fn add(&self, name: &str, line: &str) {
        let line: Arc<str> = line.into();
        self.with(name, |log| {
            if log.kept.len() == KEPT_MAX {
                log.kept.pop_front();
            }
            log.kept.push_back(line.clone());
            // Nobody need listen.
            let _ = log.heard.send(line);
        });
    }

    /// What is kept of a program, and what comes after that.
    pub(crate) fn read(&self, name: &str) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        self.with(name, |log| {
            let kept = log.kept.iter().cloned().collect();
            (kept, log.heard.subscribe())
        })
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Log) -> T) -> T {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !logs.contains_key(name) {
            logs.insert(name.to_owned(), Log::new());
        }
        let log = logs.get_mut(name);
        act(log.expect("it was put there"))
    }
}

impl Log {
    fn new() -> Self {
        Self {
            kept: VecDeque::new(),
            heard: broadcast::Sender::new(KEPT_MAX),
        }
    }
}

//! A thread that sees when the runtime is held up for good, in real time.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::testing::idle::Idle;

/// How often it looks. What has come no further two times in a row is held up.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Ends its thread when it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches a runtime.
    pub(super) fn over(idle: Arc<Idle>) -> Self {
        let (end, ended) = channel();
        let thread = thread::spawn(move || {
            let mut seen = idle.progress();
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = idle.progress();
                if now != seen {
                    idle.go_on();
                } else if let Some(path) = idle.hold_up(LOOK_EVERY * 2) {
                    eprintln!("perennial: {path} does not return from a poll");
                }
                seen = now;
            }
        });
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // It does nothing that panics.
            drop(thread.join());
        }
    }
}

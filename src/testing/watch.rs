//! A thread that sees when the runtime is held up for good, in real time.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::testing::idle::Idle;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
                if now == seen {
                    idle.hold_up();
                } else {
                    idle.go_on();
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

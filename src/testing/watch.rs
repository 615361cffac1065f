//! A thread that sees when the runtime is held up for good, in real time.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::testing::idle::Idle;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// So often in a row the runtime was never idle, and there was no event: it is held up.
const LOOKS_MAX: u32 = 2;

/// The same where there were events, as when children start each other for ever.
const LOOKS_WITH_EVENTS_MAX: u32 = 12;

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
            let (mut seen, mut looks) = (idle.progress(), 0);
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = idle.progress();
                let (is_same_moment, is_same_event) = (now.0 == seen.0, now.1 == seen.1);
                seen = now;
                looks = if is_same_moment { looks + 1 } else { 0 };
                let looks_max = if is_same_event {
                    LOOKS_MAX
                } else {
                    LOOKS_WITH_EVENTS_MAX
                };
                if looks == 0 {
                    idle.go_on();
                    continue;
                }
                if let Some(path) = idle.ask() {
                    eprintln!("perennial: {path} does not return from a poll");
                }
                if looks >= looks_max {
                    idle.give_up(LOOK_EVERY * looks);
                }
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

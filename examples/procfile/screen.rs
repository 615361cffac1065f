//! Standard output, which may be slow, stopped or gone: nobody waits for it.
//!
//! What is shown comes from the tree itself, and a tree that waited for a terminal could neither
//! start a program again nor stop.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anstream::AutoStream;

/// How many bytes may wait to be written.
const WAITING_MAX: usize = 8 * 1024 * 1024;

/// What waits to be written, for a thread that does nothing else.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<String>,
    bytes: usize,
    /// How many lines found no room.
    lost: usize,
    is_writing: bool,
}

impl Screen {
    /// Begins to write.
    pub(crate) fn start() -> io::Result<Arc<Self>> {
        let screen = Arc::new(Self::default());
        let writer = screen.clone();
        let thread = thread::Builder::new().name("screen".to_owned());
        thread.spawn(move || writer.write())?;
        Ok(screen)
    }

    /// Has a line shown, or lost and counted if too much waits already.
    pub(crate) fn show(&self, line: String) {
        let mut waiting = self.lock();
        if waiting.bytes + line.len() > WAITING_MAX {
            waiting.lost += 1;
        } else {
            waiting.bytes += line.len();
            waiting.lines.push_back(line);
            self.changed.notify_all();
        }
    }

    /// Waits until all is written, at most for so long.
    pub(crate) fn finish(&self, within: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // Who does not read will not do so later.
        drop(
            self.changed
                .wait_timeout_while(self.lock(), within, is_busy),
        );
    }

    fn write(&self) {
        let mut out = AutoStream::auto(io::stdout());
        loop {
            let (lines, lost) = self.take();
            // Whoever watched may have gone; the programs run on.
            for line in lines {
                let _ = writeln!(out, "{line}");
            }
            if lost > 0 {
                let _ = writeln!(out, "({lost} lines were lost)");
            }
        }
    }

    /// Takes all that waits, and waits for something if there is nothing.
    fn take(&self) -> (VecDeque<String>, usize) {
        let mut waiting = self.lock();
        waiting.is_writing = false;
        self.changed.notify_all();
        let is_idle = |waiting: &mut Waiting| waiting.lines.is_empty();
        let waited = self.changed.wait_while(waiting, is_idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        let Waiting { lines, lost, .. } = std::mem::take(&mut *waiting);
        waiting.is_writing = true;
        (lines, lost)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

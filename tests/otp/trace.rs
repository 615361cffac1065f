//! What members write down about themselves, in the order in which it happened.

use std::sync::Arc;

use parking_lot::Mutex;

/// The lines of all members of a test.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.0.lock().push(line.into());
    }

    /// What was written since the last look, joined by commas.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock()).join(", ")
    }

    /// Asserts what was written since the last look, line by line.
    #[track_caller]
    pub(crate) fn expect(&self, lines: &str) {
        assert_eq!(self.take(), lines, "(actual, expected)");
    }
}

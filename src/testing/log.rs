//! The log of a tree's events, kept for when a test fails.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Event, Events, Lagged};

/// The events of a tree so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Result<Event, Lagged>>>>);

impl Log {
    /// Keeps events until there are no more.
    pub(super) async fn keep(self, mut events: Events) {
        while let Some(event) = events.next().await {
            self.0.lock().push(event);
        }
    }

    /// The events so far; what was missed is left out.
    pub(super) fn events(&self) -> Vec<Event> {
        self.0
            .lock()
            .iter()
            .filter_map(|event| event.as_ref().ok().cloned())
            .collect()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in self.0.lock().iter() {
            match event {
                Ok(event) => writeln!(f, "{event}")?,
                Err(lagged) => writeln!(f, "           ({lagged})")?,
            }
        }
        Ok(())
    }
}

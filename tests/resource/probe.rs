//! A value that says when it is released, and is told how.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use perennial::resource::Release;

use crate::scene::second;

/// How long the release of a probe may take.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().push(what.into());
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.lock().clone()
    }

    /// Sees that these have happened, and nothing else.
    #[track_caller]
    pub(crate) fn assert(&self, entries: &[&str]) {
        assert_eq!(self.entries(), entries);
    }

    /// A value that is released in this way.
    pub(crate) fn probe(&self, name: &'static str, way: Way) -> Probe {
        Probe {
            name,
            way,
            diary: self.clone(),
        }
    }

    /// A value that is released without further ado.
    pub(crate) fn sound(&self, name: &'static str) -> Probe {
        self.probe(name, Way::Sound)
    }
}

/// What a release does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Sound,
    Fails,
    Panics,
    Hangs,
    /// Takes a second.
    Slow,
}

/// A value that notes `NAME` when it is released, and `NAME now` when that is done at once.
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    way: Way,
    diary: Diary,
}

impl Probe {
    /// What an operation on it gives.
    pub(crate) fn operate(&self, fails: Way) -> Result<usize, &'static str> {
        match fails {
            Way::Fails => Err("no such operation"),
            _ => Ok(self.name.len()),
        }
    }
}

impl Release for Probe {
    type Error = &'static str;

    async fn release(self) -> Result<(), &'static str> {
        match self.way {
            Way::Sound => {}
            Way::Fails => {
                self.diary.note(format!("{} failed", self.name));
                return Err("the disk is full");
            }
            Way::Panics => {
                self.diary.note(format!("{} panicked", self.name));
                panic!("the disk is on fire");
            }
            Way::Hangs => std::future::pending().await,
            Way::Slow => second().await,
        }
        self.diary.note(self.name);
        Ok(())
    }

    fn release_now(self) {
        self.diary.note(format!("{} now", self.name));
    }

    fn release_within(&self) -> Duration {
        WITHIN
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

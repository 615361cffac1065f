//! The jobs that there are, and those that were just now.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::feed::Feed;

/// How many finished jobs are kept at most.
const FINISHED_MAX: usize = 1000;

/// Jobs by id.
#[derive(Default)]
pub(super) struct Jobs {
    live: HashMap<Arc<str>, Arc<Feed>>,
    /// The last one at the end.
    finished: VecDeque<(Instant, Arc<Feed>)>,
}

impl Jobs {
    /// Adds a job, unless there is one of its id.
    pub(super) fn add(&mut self, feed: &Arc<Feed>) -> bool {
        let is_new = !self.live.contains_key(&feed.id);
        if is_new {
            self.live.insert(feed.id.clone(), feed.clone());
        }
        is_new
    }

    /// The job is finished: its id is free, and its log is kept for a while.
    pub(super) fn finish(&mut self, feed: &Arc<Feed>, linger: Duration) {
        self.live.remove(&feed.id);
        self.expire(linger);
        if !linger.is_zero() {
            self.finished.push_back((Instant::now(), feed.clone()));
        }
        if self.finished.len() > FINISHED_MAX {
            self.finished.pop_front();
        }
    }

    /// The live job of this id, or else the one that was finished last.
    pub(super) fn find(&mut self, id: &str, linger: Duration) -> Option<Arc<Feed>> {
        self.expire(linger);
        let live = self.live.get(id).cloned();
        live.or_else(|| {
            let mut finished = self.finished.iter().rev();
            let (_, feed) = finished.find(|(_, feed)| *feed.id == *id)?;
            Some(feed.clone())
        })
    }

    /// How many are live.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    fn expire(&mut self, linger: Duration) {
        while let Some((finished, _)) = self.finished.front()
            && finished.elapsed() >= linger
        {
            self.finished.pop_front();
        }
    }
}

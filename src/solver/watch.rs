//! Watching a job.

use std::fmt;
use std::sync::Arc;

use super::feed::{Feed, JobSnapshot, Watched};

/// Reads the log of a job, from its beginning, while it is live and for a while after.
pub struct JobWatch {
    feed: Arc<Feed>,
    reader: usize,
}

impl JobWatch {
    pub(super) fn new(feed: Arc<Feed>) -> Self {
        let reader = feed.add_reader();
        Self { feed, reader }
    }

    /// The next event; `None` when the job is finished and all is read.
    ///
    /// A status that was replaced by a newer one before it was read is left out.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Watched> {
        self.feed.read(self.reader).await
    }

    /// What the job looks like now. [`next`](Self::next) goes on with what comes after that,
    /// without a gap and without a repetition.
    pub fn snapshot(&mut self) -> JobSnapshot {
        self.feed.skip(self.reader)
    }

    /// The job's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.feed.id
    }
}

impl Drop for JobWatch {
    fn drop(&mut self) {
        self.feed.remove_reader(self.reader);
    }
}

impl fmt::Debug for JobWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobWatch").field(&self.feed.id).finish()
    }
}

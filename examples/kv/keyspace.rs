//! The data as the parts of the daemon share it.

use std::{time::Instant, vec};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    command::{Command, apply},
    resp::Reply,
    store::Data,
};

/// The data, and a bell for whoever waits for keys to become due.
///
/// It belongs to no incarnation. Whatever is done to the data is done under the lock and without an
/// await, so an incarnation that is dropped has either done it or not begun.
#[derive(Debug, Default)]
pub(crate) struct Keyspace {
    data: Mutex<Data>,
    /// Rung when a key will be due before all others.
    earlier: Notify,
}

/// What became of a batch of commands.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// One for each command that was carried out, from the first on.
    pub(crate) replies: Vec<Reply>,
    /// The commands that were not touched, so that the replies stay small. To be sent again.
    pub(crate) left: vec::IntoIter<Command>,
}

/// What became of the keys that were due, and what is known of those that will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expired {
    /// How many were removed.
    pub(crate) count: usize,
    /// When there will be more, or `None` if no key expires.
    pub(crate) next_due: Option<Instant>,
}

impl Keyspace {
    /// Carries out commands in order, as many as have an answer that is worth keeping in memory.
    ///
    /// At least one, so that whoever sends the rest again comes to an end.
    pub(crate) fn answer(&self, mut commands: vec::IntoIter<Command>) -> Answer {
        let mut data = self.data.lock();
        // Read under the lock: the time of the data must not run backwards.
        let now = Instant::now();
        let due_before = data.next_due();
        let (mut replies, mut bytes) = (Vec::with_capacity(commands.len()), 0);
        while bytes < REPLY_BYTES_MAX
            && let Some(command) = commands.next()
        {
            let reply = apply(command, &mut data, now);
            bytes += size(&reply);
            replies.push(reply);
        }
        let due_after = data.next_due();
        drop(data);
        if due_after.is_some_and(|after| due_before.is_none_or(|before| after < before)) {
            self.earlier.notify_one();
        }
        let left = commands;
        Answer { replies, left }
    }

    /// Removes keys that are due, a bounded number at a time.
    ///
    /// If there are more, the next one is due already.
    pub(crate) fn expire(&self) -> Expired {
        let mut data = self.data.lock();
        let count = data.expire_due(Instant::now(), EXPIRED_AT_ONCE_MAX);
        let next_due = data.next_due();
        Expired { count, next_due }
    }

    /// Waits until some key will be due before all that were known at the last look.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: who looks again before waiting again misses nothing.
    pub(crate) async fn earlier(&self) {
        self.earlier.notified().await;
    }
}

/// About how much memory a reply takes until it is written.
fn size(reply: &Reply) -> usize {
    let text = match reply {
        Reply::Array(items) => items.iter().map(|item| item.len() + OVERHEAD).sum(),
        Reply::Bulk(bytes) => bytes.len(),
        Reply::Error(text) => text.len(),
        Reply::Integer(_) | Reply::Null | Reply::Simple(_) => 0,
    };
    text + OVERHEAD
}

/// What a reply or an item of one takes besides its text.
const OVERHEAD: usize = 32;
/// How much all replies of a batch may take, but for the last of them.
const REPLY_BYTES_MAX: usize = 1 << 20;
/// How many keys are removed before the lock is let go.
const EXPIRED_AT_ONCE_MAX: usize = 1000;

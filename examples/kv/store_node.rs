//! The node that carries out commands, and the queue in front of it.

use std::{future::poll_fn, sync::Arc, task, time::Duration, vec};

use parking_lot::Mutex;
use perennial::Context;
use thiserror::Error;
use tokio::{
    select,
    sync::{mpsc, oneshot},
    time::interval,
};

use crate::{
    command::Command,
    keyspace::{Answer, Keyspace},
};

/// The only one who carries out commands: batches go through a queue and are answered in turn.
///
/// The queue outlives the incarnations of the node. One that is killed leaves what is queued to the
/// next, and what it has taken out is answered before it can be killed: there is no await between.
/// Only a panic loses a batch; its connection hears of that and closes.
///
/// It provides: when the daemon stops, it is asked when the connections are gone, so nobody is in
/// the middle of a batch then. And it beats: one that hangs is replaced.
#[derive(Debug)]
pub(crate) struct StoreNode {
    keyspace: Arc<Keyspace>,
    queue: Mutex<mpsc::Receiver<Batch>>,
    entrance: mpsc::Sender<Batch>,
}

/// Commands of one connection, and where it waits for their answer.
#[derive(Debug)]
struct Batch {
    commands: vec::IntoIter<Command>,
    answer: oneshot::Sender<Answer>,
}

/// A batch has no answer: the store broke over it or over one before it. Some of its commands may
/// have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("TRYAGAIN store restarted")]
pub(crate) struct AskError;

impl StoreNode {
    /// A store for this data, with an empty queue.
    pub(crate) fn new(keyspace: Arc<Keyspace>) -> Self {
        let (entrance, queue) = mpsc::channel(QUEUED_BATCHES_MAX);
        Self {
            keyspace,
            queue: Mutex::new(queue),
            entrance,
        }
    }

    /// Has commands carried out, and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`AskError`] if there will be none.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the commands may be carried out unheard.
    pub(crate) async fn ask(&self, commands: vec::IntoIter<Command>) -> Result<Answer, AskError> {
        let (answer, answered) = oneshot::channel();
        let batch = Batch { commands, answer };
        self.entrance.send(batch).await.map_err(|_| AskError)?;
        answered.await.map_err(|_| AskError)
    }

    /// Carries out batches until it is told to stop.
    pub(crate) async fn run(&self, ctx: Context) {
        let mut batches = Vec::with_capacity(BATCHES_AT_ONCE_MAX);
        let mut beats = interval(SILENCE_MAX / 4);
        ctx.healthy();
        loop {
            select! {
                biased;
                () = ctx.cancelled() => return,
                () = self.receive(&mut batches) => self.answer(&mut batches),
                _ = beats.tick() => {}
            }
            ctx.beat();
        }
    }

    /// Waits for batches.
    async fn receive(&self, batches: &mut Vec<Batch>) {
        let receive = |cx: &mut task::Context<'_>| {
            let mut queue = self.queue.lock();
            queue.poll_recv_many(cx, batches, BATCHES_AT_ONCE_MAX)
        };
        poll_fn(receive).await;
    }

    fn answer(&self, batches: &mut Vec<Batch>) {
        for Batch { commands, answer } in batches.drain(..) {
            // A connection that was killed in the meantime wants no answer.
            let _ = answer.send(self.keyspace.answer(commands));
        }
    }
}

/// A store that has not looked around for so long hangs.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(10);

/// A connection has one batch at a time, so there are never more of them than connections; those
/// beyond this number wait in front of the queue.
const QUEUED_BATCHES_MAX: usize = 256;
/// How many batches are answered between two looks at the rest of the world.
const BATCHES_AT_ONCE_MAX: usize = 16;

#[cfg(test)]
mod tests;

//! The node that carries out commands, and the queue in front of it.

use std::{future::poll_fn, sync::Arc, task, vec};

use parking_lot::Mutex;
use perennial::Context;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

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
/// When the daemon stops, all parts are asked at once. The connections may be in the middle of a
/// batch then, so the node carries out what is queued before it returns.
#[derive(Debug)]
pub(crate) struct StoreNode {
    keyspace: Arc<Keyspace>,
    queue: Mutex<mpsc::Receiver<Batch>>,
    entrance: Mutex<mpsc::Sender<Batch>>,
}

/// Commands of one connection, and where it waits for their answer.
#[derive(Debug)]
struct Batch {
    commands: vec::IntoIter<Command>,
    answer: oneshot::Sender<Answer>,
}

/// Why a batch has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(crate) enum AskError {
    /// The store broke over this batch or one before it. Some of its commands may have been
    /// carried out.
    #[error("TRYAGAIN store restarted")]
    Restarted,
    /// The store takes no batches any more. No command has been carried out.
    #[error("TRYAGAIN store is stopping")]
    Stopping,
}

impl StoreNode {
    /// A store for this data, with an empty queue.
    pub(crate) fn new(keyspace: Arc<Keyspace>) -> Self {
        let (entrance, queue) = mpsc::channel(QUEUED_BATCHES_MAX);
        Self {
            keyspace,
            queue: Mutex::new(queue),
            entrance: Mutex::new(entrance),
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
        let entrance = self.entrance.lock().clone();
        let (answer, answered) = oneshot::channel();
        let batch = Batch { commands, answer };
        entrance.send(batch).await.map_err(|_| AskError::Stopping)?;
        answered.await.map_err(|_| AskError::Restarted)
    }

    /// Carries out batches until it is told to stop, and then those in the queue.
    pub(crate) async fn run(&self, ctx: Context) {
        self.open();
        ctx.healthy();
        let mut batches = Vec::with_capacity(BATCHES_AT_ONCE_MAX);
        while let Some(()) = ctx.until_cancelled(self.receive(&mut batches)).await {
            self.answer(&mut batches);
        }
        // Who is refused from here on knows that nothing has happened.
        self.queue.lock().close();
        loop {
            self.receive(&mut batches).await;
            if batches.is_empty() {
                return;
            }
            self.answer(&mut batches);
        }
    }

    /// Makes a new queue if the last incarnation was told to stop and has closed it.
    fn open(&self) {
        let mut queue = self.queue.lock();
        if queue.is_closed() {
            let (entrance, fresh) = mpsc::channel(QUEUED_BATCHES_MAX);
            *self.entrance.lock() = entrance;
            *queue = fresh;
        }
    }

    /// Waits for batches. None come if the queue is closed and empty.
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

/// A connection has one batch at a time, so there are never more of them than connections; those
/// beyond this number wait in front of the queue.
const QUEUED_BATCHES_MAX: usize = 256;
/// How many batches are answered between two looks at the rest of the world.
const BATCHES_AT_ONCE_MAX: usize = 16;

#[cfg(test)]
mod tests;

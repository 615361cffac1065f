//! A store that answers the go command.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use perennial::helper::CallId;
use perennial::helper::gocache::{Request, Response};
use perennial::store::{Blob, Digest, Store};

use crate::complain;

/// The store, and how it was used.
#[derive(Debug)]
pub(crate) struct Cache {
    store: Store,
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
}

impl Cache {
    pub(crate) const fn new(store: Store) -> Self {
        Self {
            store,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            puts: AtomicU64::new(0),
        }
    }

    /// Does what is asked for. What goes wrong is told to the go command, which takes it for a miss
    /// when it gets something, and on standard error, where somebody may see it.
    pub(crate) async fn answer(&self, (id, request): (CallId, Request)) -> Option<Vec<u8>> {
        let answer = self.act(request).await.unwrap_or_else(|error| {
            complain(format_args!("{error:#}"));
            Response::Failed {
                error: format!("{error:#}"),
            }
        });
        Some(answer.to(id))
    }

    async fn act(&self, request: Request) -> anyhow::Result<Response> {
        match request {
            Request::Get { action } => self.get(&action).await,
            Request::Put {
                action,
                output,
                body,
            } => self.put(&action, output, &body).await,
            _ => Ok(Response::Done),
        }
    }

    async fn get(&self, action: &[u8]) -> anyhow::Result<Response> {
        let found = self.store.get_action(action).await;
        let Some(action) = found.context("nothing can be got")? else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return Ok(Response::Miss);
        };
        self.hits.fetch_add(1, Ordering::Relaxed);
        Ok(Response::Hit {
            output: action.metadata,
            size: action.blob.size,
            path: action.path,
        })
    }

    async fn put(&self, action: &[u8], output: Vec<u8>, body: &[u8]) -> anyhow::Result<Response> {
        let digest = <[u8; Digest::LENGTH]>::try_from(&*output).map(Digest::from);
        let digest = digest.context("an output is called by its SHA-256")?;
        let blob = Blob::new(digest, body.len() as u64);
        let stored = self.store.put_as(blob, body).await;
        let stored = stored.context("nothing can be put")?;
        let remembered = self.store.put_action(action, blob, &output).await;
        remembered.context("nothing can be put")?;
        self.puts.fetch_add(1, Ordering::Relaxed);
        Ok(Response::Stored { path: stored.path })
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (hits, misses, puts) = (count(&self.hits), count(&self.misses), count(&self.puts));
        write!(f, "{hits} hits, {misses} misses, {puts} puts")
    }
}

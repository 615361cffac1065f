//! The node that gives back the memory of keys whose time has come.

use std::{future::pending, sync::Arc};

use perennial::Context;
use tokio::time::sleep_until;
use tracing::debug;

use crate::keyspace::{Expired, Keyspace};

/// Removes each key when it is due, and sleeps in between: nothing ticks.
///
/// Only memory depends on it. To the commands, a key is absent from the moment it is due.
#[derive(Debug)]
pub(crate) struct Expiry {
    keyspace: Arc<Keyspace>,
}

impl Expiry {
    /// Looks after these keys.
    pub(crate) fn new(keyspace: Arc<Keyspace>) -> Self {
        Self { keyspace }
    }

    /// Removes keys until it is told to stop.
    pub(crate) async fn run(&self, ctx: Context) {
        ctx.healthy();
        while let Some(()) = ctx.until_cancelled(self.next()).await {}
    }

    /// Removes what is due, and waits until something may be.
    async fn next(&self) {
        let Expired { count, next_due } = self.keyspace.expire();
        if count > 0 {
            debug!(count, "removed keys that were due");
        }
        let until_due = async {
            match next_due {
                Some(due) => sleep_until(due.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = until_due => {}
            () = self.keyspace.earlier() => {}
        }
    }
}

//! The listener without a pool, for what is measured beside it.

use std::{io, sync::Arc, time::Duration};

use perennial::Context;
use tokio::net::TcpListener;

use crate::{connection::Connection, store_node::StoreNode};

/// Accepts connections and serves each in a bare task.
///
/// It is what `cargo bench --bench kv` measures the pool beside. Its tasks hear when it is asked to
/// stop, as they would hear a token that they share; but nobody waits for them, limits their
/// number, shows them or tells how they ended.
#[derive(Debug)]
pub(crate) struct BareListener {
    listener: TcpListener,
    idle_timeout: Option<Duration>,
    store: Arc<StoreNode>,
}

impl BareListener {
    /// A listener on this socket, of clients that may be silent for so long.
    pub(crate) fn new(
        listener: TcpListener,
        idle_timeout: Option<Duration>,
        store: Arc<StoreNode>,
    ) -> Self {
        Self {
            listener,
            idle_timeout,
            store,
        }
    }

    /// Accepts connections until it is told to stop.
    pub(crate) async fn run(&self, ctx: Context) -> io::Result<()> {
        ctx.healthy();
        while let Some(accepted) = ctx.until_cancelled(self.listener.accept()).await {
            let (stream, _) = accepted?;
            let store = self.store.clone();
            let served = Connection::serve(ctx.clone(), stream, self.idle_timeout, store);
            tokio::spawn(served);
        }
        Ok(())
    }
}

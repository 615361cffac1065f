//! The tree of the daemon.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use perennial::{
    Backoff, Child, Configured, Context, Pool, RunError, Supervisor, Tree, accept_tcp, method,
    periodic,
};
use tokio::net::{TcpListener, TcpSocket};

use crate::{
    args::Args,
    bare_listener::BareListener,
    chaos::Chaos,
    connection::Connection,
    expiry::Expiry,
    keyspace::Keyspace,
    reporter::Reporter,
    store_node::{SILENCE_MAX, StoreNode},
};

/// What outlives every incarnation of every part.
#[derive(Debug)]
pub(crate) struct Daemon {
    args: Args,
    store: Arc<StoreNode>,
    expiry: Arc<Expiry>,
    reporter: Arc<Reporter>,
    chaos: Option<Arc<Chaos>>,
}

impl Daemon {
    /// A daemon without data.
    pub(crate) fn new(args: Args) -> Self {
        let keyspace = Arc::new(Keyspace::default());
        let chaos = args
            .chaos_period()
            .map(|period| Arc::new(Chaos::new(period, args.chaos_parts(), args.seed)));
        Self {
            store: Arc::new(StoreNode::new(keyspace.clone())),
            expiry: Arc::new(Expiry::new(keyspace)),
            reporter: Arc::default(),
            chaos,
            args,
        }
    }

    /// The tree, ready to be started.
    pub(crate) fn supervisor(self: &Arc<Self>) -> Supervisor {
        let mut supervisor = Supervisor::new(method(self, Self::root)).stop_on_signals();
        if let Some(seed) = self.args.seed {
            supervisor = supervisor.seed(seed);
        }
        match self.chaos.clone() {
            None => supervisor,
            Some(chaos) => supervisor.interpose(move |ctx, run| chaos.clone().expose(ctx, run)),
        }
    }

    /// Tells which tree this is. Once it is started, and not before, there is one to tell of.
    pub(crate) fn observe(&self, tree: &Arc<Tree>) {
        self.reporter.observe(tree);
    }

    /// How many parts were killed on purpose.
    pub(crate) fn kills(&self) -> u64 {
        self.chaos.as_ref().map_or(0, |chaos| chaos.kills())
    }

    /// Binds the socket and declares the parts. Each falls and rises alone. They stop in the order
    /// in which they need one another: the listener, its connections, the store.
    async fn root(&self, ctx: Context) -> anyhow::Result<()> {
        let address = self.args.listen;
        let listener = bind(address).with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.local_addr()?;
        let store = method(&self.store, StoreNode::run).beat_timeout(SILENCE_MAX);
        let connections = Pool::builder()
            .max_children(self.args.max_connections as usize)
            .provides()
            .build();
        let parts = [
            ctx.run("store", self.part(store.provides()))?,
            ctx.run("expiry", self.part(method(&self.expiry, Expiry::run)))?,
            ctx.run("reporter", self.part(method(&self.reporter, Reporter::run)))?,
            ctx.run("connections", connections.clone())?,
            self.listen(&ctx, listener, &connections)?,
        ];
        for part in parts {
            part.healthy().await?;
        }
        if let Some(chaos) = self.chaos.clone() {
            let period = chaos.period();
            ctx.run("chaos", periodic(period, move |_| chaos.clone().strike()))?;
        }
        // Whoever started the daemon may not want to know.
        let _ = writeln!(io::stdout(), "listening on {address}");
        ctx.done();
        Ok(())
    }

    /// Declares the listener, which serves each connection in a child of the pool, or in none.
    fn listen(
        &self,
        ctx: &Context,
        listener: TcpListener,
        connections: &Pool,
    ) -> Result<Child, RunError> {
        let (store, idle_timeout) = (self.store.clone(), self.args.idle_timeout());
        if self.args.bare_connections {
            let bare = Arc::new(BareListener::new(listener, idle_timeout, store));
            return ctx.run("listener", self.part(method(&bare, BareListener::run)));
        }
        let connections = connections.template(move |stream| {
            let store = store.clone();
            move |ctx: Context| Connection::serve(ctx, stream, idle_timeout, store)
        });
        ctx.run("listener", self.part(accept_tcp(listener, connections)))
    }

    /// A part as it is run under chaos or without.
    ///
    /// The default backoff is right for parts that fail for a reason. Those that are killed for
    /// none are back in a millisecond.
    fn part<F>(&self, part: Configured<F>) -> Configured<F> {
        match self.chaos {
            None => part,
            Some(_) => part.backoff(Backoff::constant(Duration::from_millis(1))),
        }
    }
}

/// Binds a socket in which many clients can wait while the listener is being started again.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A daemon that starts again takes its port over from connections that have not timed out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_CLIENTS_MAX)
}

/// Who finds no room to wait in tries again after a second, which is long.
const WAITING_CLIENTS_MAX: u32 = 1024;

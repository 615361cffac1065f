//! Pools: children that come and go, such as one for each connection (R13).

mod builder;
mod cell;
mod task;
mod template;

use std::fmt;
use std::sync::Arc;

pub use self::builder::PoolBuilder;
use self::cell::Called;
pub(crate) use self::cell::PoolCell;
pub use self::task::{IntoTask, Output, Task};
pub use self::template::Template;
use crate::name::{Name, NameError};
use crate::path::Path;
use crate::runtime::child::Child;
use crate::runtime::error::StartError;
use crate::runtime::runnable::{Chosen, Runnable, Spec, Startable, Stored};

/// A node without code, whose children come and go while it lives.
///
/// It is declared as any child is, once: by [`Context::pool`](crate::Context::pool), or, to give it
/// options, to put it into a group, or to hand it to siblings before it is declared, made by
/// [`new`](Self::new) or [`builder`](Self::builder) and run.
///
/// Its children fall and rise alone. They are temporary unless they say otherwise: one that returns
/// or fails is not started again. A child that will not start again is forgotten when it and all
/// below it have ended. When the pool stops, all are asked at once. A pool that falls, because a
/// child escalates to it, rises empty and takes children again.
///
/// The handle is cheap to clone, goes with the pool through its restarts, and keeps neither the
/// pool nor the tree alive.
///
/// # Examples
///
/// ```
/// use perennial::{Context, Pool, Strategy};
///
/// # async fn handle(ctx: Context) {}
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     let requests = Pool::builder().max_children(1_000).build();
///     let starter = requests.clone();
///     let source = move |ctx: Context| {
///         let requests = starter.clone();
///         async move {
///             ctx.healthy();
///             requests.start(handle)?; // for each request
///             ctx.cancelled().await;
///             anyhow::Ok(())
///         }
///     };
///     ctx.group("serving", Strategy::RestForOne)
///         .run("requests", requests)
///         .run("source", source)
///         .start()?;
///     ctx.done();
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Pool {
    cell: Arc<PoolCell>,
}

impl Pool {
    /// A pool to be declared, with the defaults of [`builder`](Self::builder).
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins a pool with options.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    pub(super) const fn from_cell(cell: Arc<PoolCell>) -> Self {
        Self { cell }
    }

    /// Starts a child at `PATH.POOL.NUMBER`. Numbers begin at 1 and are never used again.
    ///
    /// A closure may consume what it captures: it runs once. What [`runnable`](crate::runnable)
    /// made runs again if its [`restart`](crate::Configured::restart) says so.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the pool is not declared, drains, was told to stop, or is full. What was
    /// to be started is dropped.
    pub fn start(&self, child: impl Startable) -> Result<Child, StartError> {
        self.cell.start(Called::Numbered, child.into_child())
    }

    /// Starts a child under a name of its own, which is free again when the child is forgotten.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and if the name is bad, taken, or a number.
    pub fn start_named<N>(&self, name: N, child: impl Startable) -> Result<Child, StartError>
    where
        N: TryInto<Name>,
        N::Error: Into<NameError>,
    {
        let name = name.try_into().map_err(Into::into);
        self.cell.start(Called::Named(name), child.into_child())
    }

    /// A handle that starts children of one kind: `make` makes one of each argument.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use perennial::{Context, StartError, Template, once};
    /// use tokio::net::TcpStream;
    ///
    /// # async fn serve(ctx: Context, stream: TcpStream) {}
    /// async fn root(ctx: Context) -> anyhow::Result<()> {
    ///     let connections: Template<TcpStream> = ctx.pool("connections")?.template(|stream| {
    ///         once(|ctx| serve(ctx, stream)).grace(Duration::from_secs(30))
    ///     });
    ///     ctx.healthy();
    ///     // For each connection: connections.start(stream)?;
    /// #   drop(connections);
    ///     ctx.cancelled().await;
    ///     Ok(())
    /// }
    /// ```
    pub fn template<A, C>(&self, make: impl Fn(A) -> C + Send + Sync + 'static) -> Template<A>
    where
        C: Startable,
    {
        Template::new(self.clone(), make)
    }

    /// Refuses children from now on, and waits until the present ones are forgotten.
    ///
    /// It has begun when this returns, whether the future is polled or not, and lasts until the
    /// pool starts again. It stops no child: one that never ends, or is started again and again,
    /// is waited for until it or the pool is stopped; one that has leaked, until it ends.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. The pool keeps on refusing children.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use perennial::{Context, Pool};
    /// use tokio::time::timeout;
    ///
    /// /// Gives the present requests ten seconds, if it has as much grace itself and the pool
    /// /// [provides](perennial::PoolBuilder::provides).
    /// async fn listener(ctx: Context, requests: Pool) {
    ///     ctx.healthy();
    ///     ctx.cancelled().await;
    ///     let _ = timeout(Duration::from_secs(10), requests.drain()).await;
    /// }
    /// ```
    pub fn drain(&self) -> impl Future<Output = ()> + Send + use<> {
        let (cell, generation) = (self.cell.clone(), self.cell.drain());
        async move { cell.emptied(generation).await }
    }

    /// How many children the pool has: those that were started and are not forgotten yet, such as
    /// those that wait to start again or have leaked.
    #[must_use]
    pub fn children(&self) -> usize {
        self.cell.children()
    }

    /// The pool's path, once it is declared.
    #[must_use]
    pub fn path(&self) -> Option<Path> {
        self.cell.path()
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl Runnable for Pool {
    fn into_spec(self) -> Spec {
        let chosen = Chosen {
            options: self.cell.options.clone(),
            restart: None,
            claim: None,
        };
        Spec::new(chosen, Stored::Pool(self.cell))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children = self.children();
        match self.path() {
            Some(path) => write!(f, "Pool({path}, {children} children)"),
            None => f.write_str("Pool(not declared)"),
        }
    }
}

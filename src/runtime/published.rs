//! Published values: how nodes that start again on their own find each other.

use std::fmt;
use std::sync::Arc;

use crate::runtime::address::Address;
use crate::runtime::cell::Cell;
use crate::runtime::claim::AnyCell;
use crate::runtime::context::Context;
use crate::runtime::error::{GoneError, PublishError};
use crate::runtime::ledger::Stage;
use crate::runtime::sync::watch;
use crate::tree::View;

/// A value that one node publishes and others read, such as an address or a sender.
///
/// It is made before the nodes that use it are declared, and is cheap to clone. Its publisher is
/// the node that was declared to be ([`publishes`](crate::Configured::publishes)); of several, the
/// last one. Readers may be anywhere, outside of the tree too.
///
/// A value belongs to the incarnation that published it. It is withdrawn when that has returned,
/// and before anything that fell with it starts again: in a group that falls together nobody reads
/// what was published before the fall (L5). A node that is done keeps its value until it falls or
/// its place is gone.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
/// use perennial::{Context, Published, runnable};
/// use tokio::net::{TcpListener, TcpStream};
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     let address = Published::new();
///     let (own, theirs) = (address.clone(), address.clone());
///     let server = runnable(move |ctx| server(ctx, own.clone()));
///     ctx.run("server", server.publishes(&address))?;
///     ctx.run("client", move |ctx: Context| client(ctx, theirs.clone()))?;
///     ctx.done();
///     Ok(())
/// }
///
/// async fn server(ctx: Context, address: Published<SocketAddr>) -> anyhow::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     address.publish(&ctx, listener.local_addr()?)?;
///     ctx.healthy();
///     while let Some(accepted) = ctx.until_cancelled(listener.accept()).await {
///         drop(accepted?);
///     }
///     Ok(())
/// }
///
/// async fn client(ctx: Context, address: Published<SocketAddr>) -> anyhow::Result<()> {
///     let mut addresses = address.watch();
///     while let Some(address) = ctx.until_cancelled(addresses.next()).await {
///         let _connection = TcpStream::connect(address?).await?;
///         ctx.healthy();
///         ctx.until_cancelled(addresses.outdated()).await; // the server falls, or we stop
///     }
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// #     let tree = perennial::Supervisor::new(root).start();
/// #     tree.settled().await;
/// #     tree.node("root.server").restart().await.expect("it stands");
/// #     tree.settled().await;
/// #     let snapshot = tree.snapshot().await;
/// #     let client = snapshot.find("root.client").expect("it stands");
/// #     assert_eq!(client.restarts, 0, "{snapshot}");
/// #     tree.stop().await.expect("a stop is no failure");
/// # }
/// ```
pub struct Published<T>(Arc<watch::Sender<Cell<T>>>);

/// The values of a [`Published`], one after another, for one reader; made by
/// [`watch`](Published::watch).
///
/// A reader that is slower than the publisher skips values: it sees the newest.
pub struct Values<T> {
    of: Published<T>,
    cells: watch::Receiver<Cell<T>>,
    /// The serial of the value that was read last.
    seen: Option<u64>,
}

impl<T> Published<T> {
    /// A value that nobody has published yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::channel(Cell::new()).0))
    }

    /// Publishes a value in the place of the one before, as the incarnation of this context.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if its node is not the publisher, or it has ended. Nothing has changed
    /// then, and the value is dropped.
    pub fn publish(&self, context: &Context, value: T) -> Result<(), PublishError> {
        let life = &context.life;
        if life.ledger().stage == Stage::Returned {
            let path = life.path().clone();
            return Err(PublishError::Ended { path });
        }
        let published = change(&self.0, |cell| cell.publish(life, value));
        // What was replaced or refused is dropped here.
        published.map(drop).map_err(|(error, _)| error)
    }

    /// The values from now on for one reader, beginning with the present one.
    #[must_use]
    pub fn watch(&self) -> Values<T> {
        Values {
            of: self.clone(),
            cells: self.0.subscribe(),
            seen: None,
        }
    }
}

impl<T: Clone> Published<T> {
    /// Waits for the value, if it is not there yet.
    ///
    /// # Errors
    ///
    /// [`GoneError`] if nobody publishes it: the publisher is down, is stopped from above before it
    /// has published, or its place is gone. A node that is ordered to start, or declared anew, may
    /// publish again. As long as no publisher was declared, this waits for one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn get(&self) -> Result<T, GoneError> {
        self.watch().next().await
    }

    /// The value, if it is there.
    #[must_use]
    pub fn peek(&self) -> Option<T> {
        let found = self.0.borrow().find(None);
        let (value, _) = found?.ok()?;
        Some(T::clone(&value))
    }
}

impl<T: Clone> Values<T> {
    /// Waits for the newest value that this reader has not read yet.
    ///
    /// # Errors
    ///
    /// As [`Published::get`]. The next call may find that the publisher is back.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no value counts as read before it is returned.
    pub async fn next(&mut self) -> Result<T, GoneError> {
        loop {
            let found = self.cells.borrow_and_update().find(self.seen);
            match found {
                Some(Ok((value, serial))) => {
                    let value = T::clone(&value);
                    self.seen = Some(serial);
                    return Ok(value);
                }
                Some(Err(gone)) => return Err(gone),
                None => self.changed().await,
            }
        }
    }
}

impl<T> Values<T> {
    /// Waits until the value that was read last is not the present one any more: withdrawn, or
    /// replaced by another. Returns at once if none was read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn outdated(&mut self) {
        while self.seen.is_some() && self.cells.borrow_and_update().serial() == self.seen {
            self.changed().await;
        }
    }

    async fn changed(&mut self) {
        let changed = self.cells.changed().await;
        changed.expect("who reads values keeps the cell that they are in");
    }
}

/// Changes what is in a cell, and tells its readers if they find something else now.
fn change<T, R>(cell: &watch::Sender<Cell<T>>, change: impl FnOnce(&mut Cell<T>) -> R) -> R {
    let mut result = None;
    cell.send_if_modified(|cell| {
        let before = (cell.serial(), cell.is_gone());
        result = Some(change(cell));
        before != (cell.serial(), cell.is_gone())
    });
    result.expect("what is sent was changed")
}

impl<T: Send + Sync + 'static> AnyCell for watch::Sender<Cell<T>> {
    fn declare(&self, claim: u64, address: &Arc<Address>) {
        self.send_if_modified(|cell| {
            cell.declare(claim, address);
            // What is found from now on can only be worth waiting for.
            false
        });
    }

    // What is withdrawn is dropped after the change.

    fn start(&self, claim: u64, incarnation: u64) {
        drop(change(self, |cell| cell.start(claim, incarnation)));
    }

    fn look(&self, claim: u64, view: &View) {
        drop(change(self, |cell| cell.look(claim, view)));
    }

    fn release(&self, claim: u64) {
        drop(change(self, |cell| cell.release(claim)));
    }
}

impl<T: Send + Sync + 'static> Published<T> {
    pub(super) fn cell(&self) -> Arc<dyn AnyCell> {
        self.0.clone()
    }
}

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Published<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not under the lock: the formatter may be code of the user's.
        let (by, is_there) = {
            let cell = self.0.borrow();
            (cell.path().cloned(), cell.serial().is_some())
        };
        f.debug_struct("Published")
            .field("by", &by)
            .field("is_there", &is_there)
            .finish()
    }
}

impl<T> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_outdated = self.of.0.borrow().serial() != self.seen;
        f.debug_struct("Values")
            .field("of", &self.of)
            .field("is_outdated", &is_outdated)
            .finish()
    }
}

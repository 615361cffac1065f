//! The node that releases.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;

use crate::resource::door::{Door, Presence};
use crate::resource::held::Keeps;
use crate::resource::live::{Live, Unreleased};
use crate::resource::place::Place;
use crate::resource::record::Tracking;
use crate::resource::release::Release;
use crate::resource::shared::Shared;
use crate::resource::sync::timeout;
use crate::{Configured, Context, Exit, IntoExit, OwnError, Pool, runnable};

/// How long a releaser waits for what is not released when it is asked to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// How much longer its grace is, so that it says itself what it has waited for.
const DRAIN_MARGIN: Duration = Duration::from_secs(1);

/// Opens resources and releases them: a handle, and the node behind it.
///
/// The node is declared before those that use resources, and stops after them. Each release is a
/// child of its pool `releases`, so a release that fails, panics or takes too long is an event, and
/// one that runs is in the snapshot, under the number and the name of the resource. When the node
/// is asked to stop it waits until all is released, and fails with [`Unreleased`] if that is not so
/// in time.
///
/// What is given back before the node has started, or while it starts again, waits for it; also
/// while it is down, until it is ordered to start. If there is no node at all, or its place or its
/// tree is gone, a value is released at once ([`Release::release_now`]).
///
/// So the node belongs in no group with nodes that [open for themselves](Self::open_in): if it died
/// with them, it would start again when they have ended, and they have ended when it has released.
/// They would be leaked. The order of their stops needs no group.
///
/// The code of a node is kept as long as its place stands, and so is a reference that the code
/// captured: longer than the releaser waits when the tree stops. So code captures a
/// [weak](crate::resource::WeakShared) one, or opens for itself.
///
/// The handle is cheap to clone, and keeps neither the node nor the tree alive.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use perennial::Context;
/// use perennial::resource::{Release, Releaser, Shared};
///
/// struct Store;
///
/// impl Release for Store {
///     type Error = Infallible;
///
///     async fn release(self) -> Result<(), Infallible> {
///         println!("flushed");
///         Ok(())
///     }
/// }
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     let releaser = Releaser::new();
///     ctx.run("releaser", releaser.node())?;
///     let store = releaser.open("store", Store);
///     let lent = store.downgrade(); // what code captures is weak
///     ctx.run("reader", move |ctx: Context| reader(ctx.clone(), lent.upgrade_in(&ctx)))?;
///     ctx.healthy();
///     ctx.cancelled().await;
///     store.close().await?; // released, or there is another; or drop it, and do not wait
///     Ok(())
/// }
///
/// async fn reader(ctx: Context, store: Option<Shared<Store>>) -> anyhow::Result<()> {
///     let store = store.ok_or_else(|| anyhow::anyhow!("the store is closed"))?;
///     ctx.healthy();
///     ctx.cancelled().await;
///     drop(store);
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), perennial::Failure> {
/// #     let tree = perennial::Supervisor::new(root).start();
/// #     tree.settled().await;
/// #     let report = tree.stop().await?;
/// #     assert!(report.stops.is_empty(), "{report:?}");
/// #     Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Releaser {
    door: Arc<Door>,
}

impl Releaser {
    /// A releaser that keeps where each reference was made.
    #[must_use]
    pub fn new() -> Self {
        Self {
            door: Door::new(Tracking::On),
        }
    }

    /// A releaser that does not keep where references were made. A [`dup`](Shared::dup) is a few
    /// times faster, takes no lock and no memory, and what is in the way stays unnamed.
    #[must_use]
    pub fn untracked() -> Self {
        Self {
            door: Door::new(Tracking::Off),
        }
    }

    /// The node, to be declared before those that use resources. It waits up to 5 s for what is not
    /// released when it is asked to stop.
    ///
    /// A releaser has one node at a time: another one fails.
    pub fn node(
        &self,
    ) -> Configured<
        impl Fn(Context) -> BoxFuture<'static, Exit> + Clone + Send + Sync + 'static + use<>,
    > {
        self.node_within(DRAIN_WITHIN)
    }

    /// As [`node`](Self::node), with the time that it waits. Its grace is a second longer.
    pub fn node_within(
        &self,
        within: Duration,
    ) -> Configured<
        impl Fn(Context) -> BoxFuture<'static, Exit> + Clone + Send + Sync + 'static + use<>,
    > {
        let presence = Arc::new(Presence::new(self.door.clone()));
        let code = runnable(move |context| {
            let door = presence.0.clone();
            async move { serve(context, door, within).await.into_exit() }.boxed()
        });
        code.provides().grace(within.saturating_add(DRAIN_MARGIN))
    }

    /// Opens a resource: this is the first reference to it. The name may be any text, and need not
    /// be unique.
    #[track_caller]
    pub fn open<T: Release>(&self, name: impl Into<Cow<'static, str>>, value: T) -> Shared<T> {
        self.open_at(Place::here(), name.into(), value)
    }

    pub(super) fn open_at<T: Release>(
        &self,
        place: Place,
        name: Cow<'static, str>,
        value: T,
    ) -> Shared<T> {
        self.door.admit(name, value, Keeps::default(), place)
    }

    /// Opens a resource of this incarnation: whoever holds it, the incarnation has not ended before
    /// it is released, and the node's next one is not started (L1). For what must never exist
    /// twice, such as a lock or a port.
    ///
    /// # Errors
    ///
    /// [`OwnError::Ended`] if the incarnation has returned. The value is released.
    #[track_caller]
    pub fn open_in<T: Release>(
        &self,
        context: &Context,
        name: impl Into<Cow<'static, str>>,
        value: T,
    ) -> Result<Shared<T>, OwnError> {
        let name = name.into();
        let (held, place) = (context.hold(name.clone()), Place::here().for_node(context));
        let (hold, refused) = match held {
            Ok(hold) => (Some(hold), None),
            Err(error) => (None, Some(error)),
        };
        let keeps = Keeps { hold, parent: None };
        let reference = self.door.admit(name, value, keeps, place);
        refused.map_or(Ok(reference), Err)
    }

    /// What is not released now, in the order in which it was opened.
    #[must_use]
    pub fn live(&self) -> Vec<Live> {
        self.door.live()
    }

    /// Checks that nothing has leaked: for the end of a test.
    ///
    /// # Errors
    ///
    /// [`Unreleased`] names what is not released, and where its references were made.
    pub fn all_released(&self) -> Result<(), Unreleased> {
        Unreleased::check(self.live())
    }
}

impl Default for Releaser {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Releaser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Releaser")
            .field("live", &self.live().len())
            .finish_non_exhaustive()
    }
}

/// That a releaser has another node.
#[derive(Debug, Error)]
#[error("the releaser has another node that runs")]
struct SecondNode;

async fn serve(
    context: Context,
    door: Arc<Door>,
    within: Duration,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    // It takes releases until this code has returned.
    let pool = Pool::builder().provides().build();
    context.run("releases", pool.clone())?;
    let serving = door.serve(&pool).ok_or(SecondNode)?;
    context.healthy();
    context.cancelled().await;
    let drained = timeout(within, async {
        door.emptied().await;
        // What is given back while the pool drains waits for the next incarnation.
        drop(serving);
        pool.drain().await;
    });
    // In time or not, what is live is named: some may have been opened after the rest had gone.
    let _ = drained.await;
    Ok(Unreleased::check(door.live())?)
}

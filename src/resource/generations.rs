//! Resources that are opened anew when they break.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::resource::place::Place;
use crate::resource::release::Release;
use crate::resource::releaser::Releaser;
use crate::resource::shared::Shared;
use crate::resource::weak::WeakShared;
use crate::{Configured, Context, Exit, GoneError, IntoExit, Published, Values, runnable};

/// A resource that a node opens, and opens anew when it breaks: the present generation of it.
///
/// It is made before the nodes that use it are declared, and is cheap to clone. Who has a reference
/// to an old generation keeps that until it lets go; so it is not for what must never exist twice,
/// which a node opens for itself ([`Releaser::open_in`]).
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::io;
/// use perennial::Context;
/// use perennial::resource::{Generations, Release, Releaser, Shared};
///
/// struct Line { /* .. */ }
///
/// impl Line {
///     async fn connect() -> io::Result<Self> {
///         Ok(Self {})
///     }
///
///     /// Waits until the other side is gone.
///     async fn lost(&self) {
/// #       std::future::pending().await
///     }
/// }
///
/// impl Release for Line {
///     type Error = Infallible;
///
///     async fn release(self) -> Result<(), Infallible> {
///         Ok(())
///     }
/// }
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     let releaser = Releaser::new();
///     ctx.run("releaser", releaser.node())?;
///     let line = Generations::new();
///     let opener = line.node(&releaser, "line", |_ctx| Line::connect(), serve);
///     ctx.run("line", opener)?;
///     ctx.run("user", move |ctx: Context| user(ctx, line.clone()))?;
///     ctx.done();
///     Ok(())
/// }
///
/// async fn serve(ctx: Context, line: Shared<Line>) -> Result<(), &'static str> {
///     let lost = ctx.until_cancelled(line.lost()).await;
///     lost.map_or(Ok(()), |()| Err("the line is lost")) // the node starts again
/// }
///
/// async fn user(ctx: Context, line: Generations<Line>) -> anyhow::Result<()> {
///     let present: Shared<Line> = line.get().await?;
///     ctx.healthy();
///     // ...
/// #   drop(present);
/// #   ctx.cancelled().await;
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), perennial::Failure> {
/// #     let tree = perennial::Supervisor::new(root).start();
/// #     tree.settled().await;
/// #     tree.stop().await.map(drop)
/// # }
/// ```
pub struct Generations<T: ?Sized>(Published<WeakShared<T>>);

impl<T: ?Sized + 'static> Generations<T> {
    /// A resource that nobody has opened yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Published::new())
    }

    /// A reference to the present generation; waits for it, if it is not there.
    ///
    /// # Errors
    ///
    /// [`GoneError`] if the node is down, is stopped from above, or its place is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = Result<Shared<T>, GoneError>> + Send + use<T> {
        self.get_at(Place::here())
    }

    /// As [`get`](Self::get), for the node of this context.
    #[track_caller]
    pub fn get_in(
        &self,
        context: &Context,
    ) -> impl Future<Output = Result<Shared<T>, GoneError>> + Send + use<T> {
        self.get_at(Place::here().for_node(context))
    }

    fn get_at(
        &self,
        place: Place,
    ) -> impl Future<Output = Result<Shared<T>, GoneError>> + Send + use<T> {
        let mut generations = self.watch();
        async move {
            loop {
                // What cannot be upgraded is just being withdrawn.
                if let Some(found) = generations.next().await?.upgrade_at(place.clone()) {
                    return Ok(found);
                }
            }
        }
    }

    /// The generations from now on, to be [upgraded](WeakShared::upgrade), and to hear when one is
    /// [outdated](Values::outdated).
    #[must_use]
    pub fn watch(&self) -> Values<WeakShared<T>> {
        self.0.watch()
    }
}

impl<T: Release> Generations<T> {
    /// Makes the node that opens the resource.
    ///
    /// `open` opens it, the node is healthy, and `serve` runs with a reference to it, until it
    /// finds that the resource is broken, which is its error, or is asked to stop. Then the
    /// generation is withdrawn. Starting again is the node's business, as for any other: with
    /// backoff, and as its options say.
    #[track_caller]
    pub fn node<N, O, S, Opening, Serving, E>(
        &self,
        releaser: &Releaser,
        name: N,
        open: O,
        serve: S,
    ) -> Configured<
        impl Fn(Context) -> BoxFuture<'static, Exit>
        + Clone
        + Send
        + Sync
        + 'static
        + use<T, N, O, S, Opening, Serving, E>,
    >
    where
        N: Into<Cow<'static, str>>,
        O: Fn(Context) -> Opening + Clone + Send + Sync + 'static,
        Opening: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
        S: Fn(Context, Shared<T>) -> Serving + Clone + Send + Sync + 'static,
        Serving: Future<Output: IntoExit> + Send + 'static,
    {
        let place = Place::here();
        let (present, releaser, name) = (self.0.clone(), releaser.clone(), name.into());
        let code = runnable(move |context: Context| {
            let (present, releaser, name) = (present.clone(), releaser.clone(), name.clone());
            let (open, serve) = (open.clone(), serve.clone());
            let place = place.clone().for_node(&context);
            async move {
                let opened = open(context.clone()).await.map_err(Into::into);
                let reference = match opened {
                    Ok(value) => releaser.open_at(place, name, value),
                    Err(error) => return Exit::failed(error),
                };
                if let Err(error) = present.publish(&context, reference.downgrade()) {
                    return Exit::failed(error);
                }
                context.healthy();
                serve(context, reference).await.into_exit()
            }
            .boxed()
        });
        code.publishes(&self.0)
    }
}

impl<T: ?Sized> Clone for Generations<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized + 'static> Default for Generations<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> fmt::Debug for Generations<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Generations").field(&self.0).finish()
    }
}

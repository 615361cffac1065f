//! Runnables: functions of a context, and the options that travel with them.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, LazyLock};

use futures::future::BoxFuture;

use crate::exit::{Exit, IntoExit};
use crate::runtime::claim::Claim;
use crate::runtime::configured::{Configured, Once};
use crate::runtime::context::Context;
use crate::runtime::incarnation::Incarnation;
use crate::runtime::pool::PoolCell;
use crate::runtime::sync::AbortHandle;
use crate::runtime::task;
use crate::tree::{Options, Restart, Stops};

/// Code that can be run again and again: a function, a closure, or what [`runnable`] and
/// [`method`] make of them.
///
/// It is called once for each incarnation, with that incarnation's [`Context`], and returns a
/// future of `()` or a `Result` ([`IntoExit`]). What must live on over a restart is captured and
/// cloned; what belongs to one incarnation is made inside.
///
/// Given directly, a closure needs the type of its argument: `|ctx: Context| async move { .. }`;
/// [`runnable`] infers it. The compiler refuses a few things that look right:
///
/// - `async move |ctx| ..` that captures anything, since such a future borrows from the closure:
///   write `move |ctx| { let value = value.clone(); async move { .. } }`;
/// - a captured value that is moved into the future, since there is a next time: clone it first;
/// - an endless loop without a type (``a runnable cannot return `!` ``): name one, such as
///   `-> Infallible` of an `async fn`;
/// - a bare `Ok(())`, which does not name its error type: write `Ok::<(), Error>(())`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no runnable",
    label = "expected `Fn(Context) -> impl Future<Output = () or Result> + Send + 'static`"
)]
pub trait Runnable: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_spec(self) -> Spec;
}

/// What a [`Pool`](crate::Pool) starts: code that runs once and may consume what it captures, or
/// what [`runnable`] and [`method`] made, which runs again if its restart type says so.
#[diagnostic::on_unimplemented(
    message = "a pool cannot start `{Self}`",
    label = "expected `FnOnce(Context) -> impl Future<Output = () or Result> + Send + 'static`"
)]
pub trait Startable: Send + 'static {
    #[doc(hidden)]
    fn into_child(self) -> Spec;
}

/// Gives options to a runnable.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::{Context, runnable};
///
/// async fn reader(ctx: Context) -> std::io::Result<()> {
///     ctx.healthy();
///     ctx.cancelled().await;
///     Ok(())
/// }
///
/// let patient = runnable(reader).grace(Duration::from_secs(30));
/// ```
pub fn runnable<F, Fut>(run: F) -> Configured<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    Configured::new(run)
}

/// Gives options to code that runs once, for [`Pool::start`](crate::Pool::start) and
/// [`Pool::task`](crate::Pool::task).
pub fn once<F, Fut>(run: F) -> Configured<F, Once>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future + Send + 'static,
{
    Configured::new(run)
}

/// Makes a runnable of a method of a service that outlives its incarnations.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use perennial::{Context, method};
///
/// struct Store { /* .. */ }
///
/// impl Store {
///     async fn run(&self, ctx: Context) -> std::io::Result<()> {
///         ctx.healthy();
///         ctx.cancelled().await;
///         Ok(())
///     }
/// }
///
/// let store = Arc::new(Store {});
/// let runnable = method(&store, Store::run);
/// ```
pub fn method<S, M>(
    service: &Arc<S>,
    run: M,
) -> Configured<impl Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync + 'static + use<S, M>>
where
    S: Send + Sync + 'static,
    M: for<'a> Method<'a, S> + Clone + Send + Sync + 'static,
{
    let service = service.clone();
    runnable(move |context| {
        let (service, run) = (service.clone(), run.clone());
        let future = async move { run.call(&service, context).await.into_exit() };
        Box::pin(future) as BoxFuture<'static, Exit>
    })
}

/// An `async fn(&self, Context)`; what [`method`] takes. Not to be implemented.
pub trait Method<'a, S: 'a> {
    #[doc(hidden)]
    type Future: Future<Output: IntoExit + Send> + Send + 'a;

    #[doc(hidden)]
    fn call(&self, service: &'a S, context: Context) -> Self::Future;
}

impl<'a, S, F, Fut> Method<'a, S> for F
where
    S: 'a,
    F: Fn(&'a S, Context) -> Fut,
    Fut: Future<Output: IntoExit + Send> + Send + 'a,
{
    type Future = Fut;

    fn call(&self, service: &'a S, context: Context) -> Fut {
        self(service, context)
    }
}

impl<F, Fut> Runnable for F
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    fn into_spec(self) -> Spec {
        Spec::plain(Restart::Permanent, Stored::Again(Arc::new(self)))
    }
}

impl<F, Fut> Runnable for Configured<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    fn into_spec(self) -> Spec {
        let (run, chosen) = self.into_parts();
        Spec::new(chosen, Stored::Again(Arc::new(run)))
    }
}

impl<F, Fut> Startable for F
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    fn into_child(self) -> Spec {
        Spec::plain(Restart::Temporary, Stored::Once(Some(Box::new(self))))
    }
}

impl<F, Fut> Startable for Configured<F, Once>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    fn into_child(self) -> Spec {
        let (run, chosen) = self.into_parts();
        Spec::pooled(chosen, Stored::Once(Some(Box::new(run))))
    }
}

impl<F, Fut> Startable for Configured<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    fn into_child(self) -> Spec {
        let (run, chosen) = self.into_parts();
        Spec::pooled(chosen, Stored::Again(Arc::new(run)))
    }
}

/// What a declaration is made of.
#[doc(hidden)]
pub struct Spec {
    pub(super) options: Arc<Options>,
    pub(super) stored: Stored,
    /// The restart type, if one was chosen: that of a pooled child is another by default.
    restart: Option<Restart>,
    pub(super) claim: Option<Box<Claim>>,
}

/// What travels with code until it is known what it becomes.
pub(super) struct Chosen {
    /// All options but the restart type.
    pub(super) options: Options,
    pub(super) restart: Option<Restart>,
    pub(super) claim: Option<Box<Claim>>,
}

impl Spec {
    /// Code without options. Its restart type is the one that its place has by default.
    fn plain(restart: Restart, stored: Stored) -> Self {
        Self {
            options: defaults(restart).clone(),
            stored,
            restart: None,
            claim: None,
        }
    }

    pub(super) fn new(chosen: Chosen, stored: Stored) -> Self {
        let Chosen {
            options,
            restart,
            claim,
        } = chosen;
        let options = Options {
            restart: restart.unwrap_or(Restart::Permanent),
            ..options
        };
        Self {
            options: share(options),
            stored,
            restart,
            claim,
        }
    }

    /// A child of a pool, which comes and goes without it, and stops together with the others.
    fn pooled(chosen: Chosen, stored: Stored) -> Self {
        let options = Options {
            significant: None,
            stops: Stops::Together,
            ..chosen.options
        };
        let chosen = Chosen {
            options,
            restart: chosen.restart.or(Some(Restart::Temporary)),
            claim: chosen.claim,
        };
        Self::new(chosen, stored)
    }

    /// The same for the place of a child of a pool.
    pub(super) fn into_pooled(self) -> Self {
        let chosen = Chosen {
            options: Options::clone(&self.options),
            restart: self.restart,
            claim: self.claim,
        };
        Self::pooled(chosen, self.stored)
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Most nodes take the defaults: they share them.
fn share(options: Options) -> Arc<Options> {
    let defaults = defaults(options.restart);
    if **defaults == options {
        return defaults.clone();
    }
    Arc::new(options)
}

fn defaults(restart: Restart) -> &'static Arc<Options> {
    static PERMANENT: LazyLock<Arc<Options>> = LazyLock::new(|| only(Restart::Permanent));
    static TRANSIENT: LazyLock<Arc<Options>> = LazyLock::new(|| only(Restart::Transient));
    static TEMPORARY: LazyLock<Arc<Options>> = LazyLock::new(|| only(Restart::Temporary));
    match restart {
        Restart::Permanent => &PERMANENT,
        Restart::Transient => &TRANSIENT,
        Restart::Temporary => &TEMPORARY,
    }
}

fn only(restart: Restart) -> Arc<Options> {
    Arc::new(Options {
        restart,
        ..Options::default()
    })
}

/// The code of a node, kept by the processor. What is erased is the spawn, not the future, so that
/// a task is one allocation.
pub(crate) enum Stored {
    /// To be run again and again.
    Again(Arc<dyn Launch>),
    /// To be run once; gone when it was.
    Once(Option<Box<dyn LaunchOnce>>),
    /// None: a pool.
    Pool(Arc<PoolCell>),
}

/// Spawns a task that runs incarnations of a runnable.
pub(crate) trait Launch: Send + Sync {
    fn launch(self: Arc<Self>, incarnation: Incarnation) -> AbortHandle;

    /// The runnable for a task that knows its type.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<F, Fut> Launch for F
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    fn launch(self: Arc<Self>, incarnation: Incarnation) -> AbortHandle {
        task::spawn_again(self, incarnation)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// Spawns a task that runs the only incarnation of a runnable.
pub(crate) trait LaunchOnce: Send {
    fn launch_once(self: Box<Self>, incarnation: Incarnation) -> AbortHandle;
}

impl<F, Fut> LaunchOnce for F
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    fn launch_once(self: Box<Self>, incarnation: Incarnation) -> AbortHandle {
        task::spawn_once(self, incarnation)
    }
}

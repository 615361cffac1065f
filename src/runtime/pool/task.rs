//! Tasks: children of a pool whose output somebody awaits.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};

use futures::future::{BoxFuture, Either};
use futures::{FutureExt, Stream, StreamExt};

use crate::runtime::child::{Child, Ended};
use crate::runtime::configured::{Configured, Once};
use crate::runtime::context::Context;
use crate::runtime::error::{StartError, TaskError};
use crate::runtime::pool::Pool;
use crate::runtime::runnable::{Startable, once};
use crate::runtime::sync::{oneshot, yield_now};
use crate::tree::Down;

/// What [`Pool::task`] takes: code that runs once and returns a `Result`, or what [`once`] made of
/// it. Not to be implemented.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no task",
    label = "expected `FnOnce(Context) -> impl Future<Output = Result<T, E>> + Send + 'static`"
)]
pub trait IntoTask<T>: Send + 'static {
    #[doc(hidden)]
    fn into_task(self, output: Output<T>) -> impl Startable;
}

impl<F, Fut, T, E> IntoTask<T> for F
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    fn into_task(self, output: Output<T>) -> impl Startable {
        once(self).into_task(output)
    }
}

impl<F, Fut, T, E> IntoTask<T> for Configured<F, Once>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    fn into_task(self, output: Output<T>) -> impl Startable {
        self.map(|run| {
            move |context| {
                run(context).map(|result| {
                    // Nobody may want it any more.
                    result.map(|value| drop(output.0.send(value)))
                })
            }
        })
    }
}

/// Where a task puts its output.
#[doc(hidden)]
#[derive(Debug)]
pub struct Output<T>(oneshot::Sender<T>);

/// A child of a pool that ends with an output: a future of that, or of why there is none.
///
/// It resolves when the child and all that it owned have ended. Dropping it leaves the child alone,
/// unless [`cancel_on_drop`](Self::cancel_on_drop) was chosen.
#[must_use = "a task's failure is told to whoever awaits it"]
pub struct Task<T> {
    child: Child,
    output: oneshot::Receiver<T>,
    ended: BoxFuture<'static, Ended>,
    on_drop: OnDrop,
}

/// A task of a stream, or why it was not started.
type Begun<T> = Either<Task<T>, BoxFuture<'static, Result<T, TaskError>>>;

/// What becomes of a task when its handle is dropped.
enum OnDrop {
    Leave,
    Cancel,
}

impl Pool {
    /// Starts a child that ends with an output, which the handle is a future of.
    ///
    /// Its failure reaches whoever awaits it as an error value, and nobody else: it is a child that
    /// runs once, like others. Options travel with [`once`](crate::once).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Examples
    ///
    /// ```
    /// use perennial::{Context, TaskError};
    ///
    /// # use std::io::{Error, ErrorKind};
    /// # async fn fetch(name: &str) -> Result<u64, Error> { Err(Error::from(ErrorKind::NotFound)) }
    /// async fn root(ctx: Context) -> anyhow::Result<()> {
    ///     let fetches = ctx.pool("fetches")?;
    ///     ctx.healthy();
    ///     let size = fetches.task(|_ctx| fetch("index.html"))?.cancel_on_drop();
    ///     match size.await {
    ///         Ok(size) => println!("{size} bytes"),
    ///         Err(TaskError::Failed { source, .. }) => eprintln!("{}", source.chain()),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    ///     ctx.cancelled().await;
    ///     Ok(())
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), perennial::Failure> {
    /// #     let tree = perennial::Supervisor::new(root).start();
    /// #     tree.settled().await;
    /// #     tree.stop().await.map(drop)
    /// # }
    /// ```
    pub fn task<T: Send + 'static>(&self, task: impl IntoTask<T>) -> Result<Task<T>, StartError> {
        let (sender, output) = oneshot::channel();
        let child = self.start(task.into_task(Output(sender)))?;
        let ended = child.clone();
        Ok(Task {
            child,
            output,
            ended: async move { ended.ended().await }.boxed(),
            on_drop: OnDrop::Leave,
        })
    }

    /// Runs a task for each item of a stream, at most `limit` at a time, and gives their results in
    /// the order of the items: one for each, whatever becomes of it.
    ///
    /// Items are taken from the input as their turn comes. A result that waits for those before it
    /// counts as running, so memory is bounded by the limit. A time limit for each item is one of
    /// the task's options. When the stream is dropped, the tasks that run are told to stop.
    ///
    /// For the item of each result, keep it: `let kept = item.clone()`, and return it in `T`, or
    /// build on [`task`](Self::task) and [`StreamExt::buffered`].
    ///
    /// # Panics
    ///
    /// If the limit is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use futures::{StreamExt, stream};
    /// use perennial::{Context, once};
    ///
    /// # async fn fetch(page: u32) -> io::Result<usize> { Ok(page as usize) }
    /// async fn root(ctx: Context) -> anyhow::Result<()> {
    ///     let pool = ctx.pool("fetches")?;
    ///     ctx.healthy();
    ///     let mut sizes = pool.stream(stream::iter(1..=100), 8, |page| move |_ctx| fetch(page));
    ///     while let Some(size) = sizes.next().await {
    ///         println!("{}", size?);
    ///     }
    ///     ctx.cancelled().await;
    ///     Ok(())
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), perennial::Failure> {
    /// #     let tree = perennial::Supervisor::new(root).start();
    /// #     tree.settled().await;
    /// #     tree.stop().await.map(drop)
    /// # }
    /// ```
    pub fn stream<S, F, I, T>(
        &self,
        input: S,
        limit: usize,
        make: F,
    ) -> impl Stream<Item = Result<T, TaskError>> + use<S, F, I, T>
    where
        S: Stream,
        F: FnMut(S::Item) -> I,
        I: IntoTask<T>,
        T: Send + 'static,
    {
        assert!(limit > 0, "a stream of tasks of which none may run");
        self.begun(input, make).buffered(limit)
    }

    /// As [`stream`](Self::stream), with the results in the order in which the tasks end.
    ///
    /// # Panics
    ///
    /// If the limit is zero.
    pub fn stream_unordered<S, F, I, T>(
        &self,
        input: S,
        limit: usize,
        make: F,
    ) -> impl Stream<Item = Result<T, TaskError>> + use<S, F, I, T>
    where
        S: Stream,
        F: FnMut(S::Item) -> I,
        I: IntoTask<T>,
        T: Send + 'static,
    {
        assert!(limit > 0, "a stream of tasks of which none may run");
        self.begun(input, make).buffer_unordered(limit)
    }

    /// Starts a task for each item that is taken.
    fn begun<S, F, I, T>(
        &self,
        input: S,
        mut make: F,
    ) -> impl Stream<Item = Begun<T>> + use<S, F, I, T>
    where
        S: Stream,
        F: FnMut(S::Item) -> I,
        I: IntoTask<T>,
        T: Send + 'static,
    {
        let pool = self.clone();
        input.map(move |item| {
            let made = pool.made(|| make(item));
            match made.and_then(|task| pool.task(task)) {
                Ok(task) => Either::Left(task.cancel_on_drop()),
                Err(refused) => Either::Right(refusal(refused).boxed()),
            }
        })
    }
}

/// Why an item was not started, after others had a turn: an input that is always ready, and a pool
/// that takes nothing more, would keep the thread from them.
async fn refusal<T>(refused: StartError) -> Result<T, TaskError> {
    yield_now().await;
    Err(refused.into())
}

impl<T> Task<T> {
    /// Stops the task, by an order to terminate it, when this handle is dropped before the end.
    pub fn cancel_on_drop(mut self) -> Self {
        self.on_drop = OnDrop::Cancel;
        self
    }

    /// The child that runs it, to give it orders.
    #[must_use]
    pub const fn child(&self) -> &Child {
        &self.child
    }

    fn result(&mut self, ended: Ended) -> Result<T, TaskError> {
        let path = self.child.path().clone();
        let Ended { down, evidence, .. } = ended;
        let is_sound = evidence
            .as_ref()
            .is_some_and(|evidence| evidence.is_sound());
        match (self.output.try_recv(), down, evidence) {
            (Ok(output), _, _) if is_sound => Ok(output),
            (_, Some(Down::Stopped | Down::Temporary | Down::Terminated) | None, source) => {
                Err(TaskError::Stopped { path, source })
            }
            (_, Some(_), Some(source)) => Err(TaskError::Failed { path, source }),
            (_, Some(_), source @ None) => Err(TaskError::Stopped { path, source }),
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let ended = std::task::ready!(self.ended.as_mut().poll(cx));
        self.on_drop = OnDrop::Leave;
        Poll::Ready(self.result(ended))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if matches!(self.on_drop, OnDrop::Cancel) {
            // Given at once; nobody waits for its effect.
            drop(self.child.terminate());
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(self.child.path()).finish()
    }
}

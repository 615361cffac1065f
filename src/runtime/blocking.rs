//! Blocking work: a runnable on a thread of its own (R15).
//!
//! The node's task waits for what its thread returns, and that task is what can be aborted. The
//! thread holds the incarnation open (R14) until nothing of its code is left.

use std::io;
use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::exit::{Exit, IntoExit, SharedError};
use crate::runtime::configured::{Configured, Once};
use crate::runtime::context::Context;
use crate::runtime::incarnation::Life;
use crate::runtime::owned::{self, Hold};
use crate::runtime::panics;
use crate::runtime::runnable::{once, runnable};
use crate::runtime::sync::{oneshot, thread};
use crate::runtime::task::{Ran, supervise};

/// Makes a runnable of code that blocks: each incarnation runs on a thread of its own.
///
/// The code asks [`ctx.is_cancelled()`](Context::is_cancelled) in its loops, and returns when that
/// is so. The rest of the [`Context`] works from the thread, too. The thread is named after the
/// node's path and is in the tree's runtime, so it can await something, or the stop:
/// `Handle::current().block_on(ctx.until_cancelled(future))`
/// ([`Handle`](tokio::runtime::Handle)).
///
/// What it returns is the exit, and its panic is, as of any runnable. If the system has no thread
/// to give, that error is the exit.
///
/// A thread cannot be aborted. When the grace is over the node's task is, and the exit is an abort
/// (R5); the thread [holds](Context::hold) the incarnation open under the name `thread`. So the
/// next incarnation starts when the thread has ended, and one that does not end is leaked by that
/// name ([`OnLeak`](crate::OnLeak)). What it returns after the abort changes nothing: an error is
/// told to `tracing`, and a panic is evidence, as that of an owned task. When the last
/// [`Tree`](crate::Tree) is dropped, the thread hears it from its context, and may outlive the
/// runtime.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::{Context, blocking};
/// use tokio::{runtime::Handle, time::sleep};
///
/// # struct Sensor;
/// # impl Sensor {
/// #     fn open() -> std::io::Result<Self> { Ok(Self) }
/// #     fn read(&mut self) -> std::io::Result<u8> { Ok(1) }
/// # }
/// fn watch(ctx: Context) -> std::io::Result<()> {
///     let mut sensor = Sensor::open()?;
///     ctx.healthy();
///     while !ctx.is_cancelled() {
///         println!("{}", sensor.read()?); // blocks
///         let rest = sleep(Duration::from_secs(1));
///         Handle::current().block_on(ctx.until_cancelled(rest));
///     }
///     Ok(())
/// }
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     ctx.run("watch", blocking(watch).grace(Duration::from_secs(2)))?;
///     ctx.done();
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// #     let tree = perennial::Supervisor::new(root).start();
/// #     tree.settled().await;
/// #     let report = tree.stop().await.expect("a stop is no failure");
/// #     assert!(report.stops.is_empty(), "{report}");
/// # }
/// ```
pub fn blocking<F, T>(
    run: F,
) -> Configured<impl Fn(Context) -> BoxFuture<'static, Exit> + Clone + Send + Sync + 'static>
where
    F: Fn(Context) -> T + Send + Sync + 'static,
    T: IntoExit,
{
    let run = Arc::new(run);
    runnable(move |context| {
        let run = run.clone();
        on_thread(context, move |context| run(context).into_exit())
    })
}

/// Makes a runnable of code that blocks and runs once, for [`Pool::start`](crate::Pool::start); see
/// [`blocking`].
pub fn blocking_once<F, T>(
    run: F,
) -> Configured<impl FnOnce(Context) -> BoxFuture<'static, Exit> + Send + 'static, Once>
where
    F: FnOnce(Context) -> T + Send + 'static,
    T: IntoExit,
{
    once(move |context| on_thread(context, move |context| run(context).into_exit()))
}

/// The system did not give a thread.
#[derive(Debug, Error)]
#[error("no thread could be started")]
struct NoThread(#[source] io::Error);

/// Runs code on a thread of its own, and waits for its exit.
fn on_thread(
    context: Context,
    code: impl FnOnce(Context) -> Exit + Send + 'static,
) -> BoxFuture<'static, Exit> {
    Box::pin(async move {
        let hold = match context.hold("thread") {
            Ok(hold) => hold,
            Err(error) => return Exit::failed(error),
        };
        let name = context.path().to_string();
        let (reply, result) = oneshot::channel();
        let work = Work {
            code,
            context,
            reply,
            hold,
        };
        if let Err(error) = thread::Builder::new().name(name).spawn(move || work.run()) {
            return Exit::failed(NoThread(error));
        }
        // Without a reply the thread has vanished.
        let result = result.await;
        result.map_or(Exit::Aborted, Finished::into_exit)
    })
}

/// What a thread does. Its fields are dropped in this order: the hold ends when nothing else is
/// left.
struct Work<C> {
    code: C,
    context: Context,
    reply: oneshot::Sender<Finished>,
    hold: Hold,
}

impl<C: FnOnce(Context) -> Exit> Work<C> {
    fn run(self) {
        let Self {
            code,
            context,
            reply,
            hold,
        } = self;
        let life = &hold.life;
        let _entered = life.shared.runtime.enter();
        let ran = supervise(life, &life.scope(), || code(context));
        let finished = Finished {
            ran: Some(ran),
            hold,
        };
        // If nobody waits for it any more, it is told by its drop.
        drop(reply.send(finished));
    }
}

/// What became of the code of a thread, and the hold, which goes with that to the task. Present
/// until it is taken: what comes too late is told by whoever drops it.
struct Finished {
    ran: Option<Ran<Exit>>,
    hold: Hold,
}

impl Finished {
    /// The exit of the incarnation. A panic goes on in its task.
    fn into_exit(mut self) -> Exit {
        match self.ran.take() {
            Some(Ran::Returned(exit)) => exit,
            Some(Ran::Panicked(panic, payload)) => panics::resume(panic, payload),
            Some(Ran::Abandoned) | None => Exit::Aborted,
        }
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        let life = &self.hold.life;
        match self.ran.take() {
            Some(Ran::Returned(Exit::Failed(error))) => {
                // The text of an error is code of the user's.
                let _ = panics::shield(|| tell_late(life, &error));
            }
            Some(Ran::Panicked(panic, payload)) => {
                owned::fail(life, panic, payload);
            }
            Some(Ran::Returned(_) | Ran::Abandoned) | None => {}
        }
    }
}

fn tell_late(life: &Life, error: &SharedError) {
    let (path, incarnation) = (life.path(), life.id().incarnation());
    let error = crate::exit::chain(error.error());
    tracing::warn!(target: "perennial", %path, incarnation, "failed after its abort: {error}");
}

//! The tasks of the runtime: every `tokio::spawn` of the crate, and what runs inside (R7, R18).

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt;
use futures::future::Either;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::exit::{Exit, IntoExit, Panic};
use crate::runtime::context::Context;
use crate::runtime::incarnation::{Incarnation, Life};
use crate::runtime::interpose::Run;
use crate::runtime::mailbox::Payload;
use crate::runtime::panics;
use crate::runtime::shared::Shared;

/// Spawns a task. Whoever calls this owns it: the processor, or an incarnation.
pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(future).abort_handle()
}

/// Spawns the processor, and on a multi-thread runtime the task that makes way for it.
///
/// A panic of the processor is a fault of this crate: whoever awaits the tree's end meets it, and no
/// code of the tree is polled any more.
pub(super) fn spawn_processor(
    processor: impl Future<Output = ()> + Send + 'static,
    shared: Arc<Shared>,
) {
    let way = match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => None,
        _ => Some(AbortOnDropHandle::new(tokio::spawn(
            shared.clone().make_way(),
        ))),
    };
    spawn(async move {
        let _way = way;
        if let Err(payload) = AssertUnwindSafe(processor).catch_unwind().await {
            shared.abandon();
            shared.thrown.lock().get_or_insert(payload);
        }
    });
}

/// What became of supervised code.
pub(super) enum Ran<T> {
    Returned(T),
    Panicked(Panic, Payload),
    /// The last handle of the tree was dropped: the code was not polled again.
    Abandoned,
}

/// Runs a runnable again and again in one task: whenever an incarnation has returned, the task
/// parks until the tree puts the next one in place.
pub(super) fn spawn_again<F, Fut>(runnable: Arc<F>, first: Incarnation) -> AbortHandle
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn(async move {
        // Dropped after the code: an abort is reported when nothing of the incarnation is left (L1).
        let mut incarnation = first;
        let mut code = pin!(None);
        loop {
            let ran = run(
                &incarnation.life,
                |context| runnable(context),
                code.as_mut(),
            )
            .await;
            let Some(seat) = report(incarnation, ran) else {
                return;
            };
            let Ok(next) = seat.await else { return };
            incarnation = next;
            // A runnable that returns at once, for ever, lets others run in between.
            tokio::task::yield_now().await;
        }
    })
}

/// Runs a runnable once.
pub(super) fn spawn_once<F, Fut>(runnable: F, incarnation: Incarnation) -> AbortHandle
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn(async move {
        let mut code = pin!(None);
        let ran = run(&incarnation.life, runnable, code.as_mut()).await;
        // The seat is dropped: there is nothing left to run here.
        drop(report(incarnation, ran));
    })
}

/// Runs one incarnation to its end. Its future lives in `code`, once in the task and not in every
/// frame that it passes, and is gone when this returns.
async fn run<Fut>(
    life: &Arc<Life>,
    call: impl FnOnce(Context) -> Fut,
    mut code: Pin<&mut Option<Fut>>,
) -> Ran<Exit>
where
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let context = || Context::new(life.clone());
    let call = || match &life.shared.interpose {
        None => Either::Left(call(context())),
        Some(interpose) => {
            let future = call(context());
            let run = Run::new(async move { future.await.into_exit() });
            Either::Right(interpose.wrap(context(), run))
        }
    };
    let ran = match panics::catch(life.shared.hook(), || life.span().in_scope(call)) {
        Ok(Either::Left(future)) => {
            code.set(Some(future));
            let ran = poll_supervised(life, code.as_mut()).await;
            ran.map(IntoExit::into_exit)
        }
        Ok(Either::Right(run)) => poll_supervised(life, pin!(Some(run))).await,
        Err((panic, payload)) => Ran::Panicked(panic, payload),
    };
    match panics::catch(life.shared.hook(), || code.set(None)) {
        Ok(()) => ran,
        Err((panic, payload)) => Ran::Panicked(panic, payload),
    }
}

/// Polls code of the user's: panics are caught, and nothing is polled once the tree is abandoned.
pub(super) async fn poll_supervised<F: Future>(
    life: &Life,
    mut code: Pin<&mut Option<F>>,
) -> Ran<F::Output> {
    let span = life.span();
    std::future::poll_fn(|cx| {
        let code = code.as_mut().as_pin_mut();
        let Some(code) = code.filter(|_| !life.shared.is_abandoned()) else {
            return Poll::Ready(Ran::Abandoned);
        };
        match panics::catch(life.shared.hook(), || span.in_scope(|| code.poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ran::Returned(output)),
            Err((panic, payload)) => Poll::Ready(Ran::Panicked(panic, payload)),
        }
    })
    .await
}

/// Reports how an incarnation returned. `None` if its task must end too.
fn report(incarnation: Incarnation, ran: Ran<Exit>) -> Option<oneshot::Receiver<Incarnation>> {
    match ran {
        Ran::Returned(exit) => Some(incarnation.report_and_park(exit)),
        Ran::Panicked(panic, payload) => {
            incarnation.report_panic(panic, payload);
            None
        }
        Ran::Abandoned => {
            incarnation.report_gone(Exit::Aborted);
            None
        }
    }
}

impl<T> Ran<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Ran<U> {
        match self {
            Self::Returned(value) => Ran::Returned(change(value)),
            Self::Panicked(panic, payload) => Ran::Panicked(panic, payload),
            Self::Abandoned => Ran::Abandoned,
        }
    }
}

//! The tasks of the runtime: every `tokio::spawn` of the crate, and what runs inside (R7, R18).

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::Span;

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

/// What became of supervised code.
pub(super) enum Ran<T> {
    Returned(T),
    Panicked(Panic, Payload),
    /// The last handle of the tree was dropped: the code was not polled again.
    Abandoned,
}

/// Polls code of the user's: panics are caught, and nothing is polled once the tree is abandoned.
pub(super) async fn poll_supervised<F: Future>(
    shared: &Shared,
    span: Span,
    future: F,
) -> Ran<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        if shared.is_abandoned() {
            return Poll::Ready(Ran::Abandoned);
        }
        let poll = || span.in_scope(|| future.as_mut().poll(cx));
        match panics::catch(shared.hook(), poll) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ran::Returned(output)),
            Err((panic, payload)) => Poll::Ready(Ran::Panicked(panic, payload)),
        }
    })
    .await
}

/// Runs a runnable again and again in one task: whenever an incarnation has returned, the task
/// parks until the tree puts the next one in place.
pub(super) fn spawn_again<F, Fut>(runnable: Arc<F>, first: Incarnation) -> AbortHandle
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn(async move {
        let mut incarnation = first;
        loop {
            let exit = run(&incarnation.life, |context| runnable(context)).await;
            let Some(seat) = report(incarnation, exit) else {
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
        let ran = run(&incarnation.life, runnable).await;
        // The seat is dropped: there is nothing left to run here.
        drop(report(incarnation, ran));
    })
}

/// Runs one incarnation to its end. Its future is gone when this returns.
async fn run<Fut>(life: &Arc<Life>, call: impl FnOnce(Context) -> Fut) -> Ran<Exit>
where
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let shared = &life.shared;
    let context = Context::new(life.clone());
    let span = life.span();
    let future = match panics::catch(shared.hook(), || span.in_scope(|| call(context))) {
        Ok(future) => async move { future.await.into_exit() },
        Err((panic, payload)) => return Ran::Panicked(panic, payload),
    };
    match &shared.interpose {
        None => poll_supervised(shared, span, future).await,
        Some(interpose) => {
            let context = Context::new(life.clone());
            let wrapped = async move { interpose.wrap(context, Run::new(future)).await };
            poll_supervised(shared, span, wrapped).await
        }
    }
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

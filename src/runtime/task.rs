//! The tasks of the runtime: every spawn of the crate, and what runs inside (R7, R18).

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt;
use futures::future::Either;
use tracing::Span;

use crate::exit::{Exit, IntoExit, Panic};
use crate::runtime::context::Context;
use crate::runtime::incarnation::{Incarnation, Life};
use crate::runtime::interpose::Run;
use crate::runtime::mailbox::Payload;
use crate::runtime::panics;
use crate::runtime::shared::Shared;
use crate::runtime::sync::{AbortHandle, AbortOnDropHandle, Handle, oneshot};

/// Spawns a task. Whoever calls this owns it: the processor, or an incarnation.
pub(super) fn spawn(
    runtime: &Handle,
    future: impl Future<Output = ()> + Send + 'static,
) -> AbortHandle {
    runtime.spawn(future).abort_handle()
}

/// Takes the place that a worker keeps for the task it woke last, so that other workers can take
/// that task; see [`Shared::say`].
pub(super) fn make_way(runtime: &Handle) {
    drop(runtime.spawn(std::future::ready(())));
}

/// Spawns the processor, with the task that hears signals, if one does.
///
/// A panic of the processor is a fault of this crate: whoever awaits the tree's end meets it, and
/// no code of the tree is polled any more.
pub(super) fn spawn_processor(
    processor: impl Future<Output = ()> + Send + 'static,
    shared: Arc<Shared>,
    signals: Option<impl Future<Output = ()> + Send + 'static>,
) {
    let runtime = shared.runtime.clone();
    let signals = signals.map(|signals| AbortOnDropHandle::new(runtime.spawn(signals)));
    spawn(&runtime, async move {
        let _ends_with_it = signals;
        if let Err(payload) = AssertUnwindSafe(processor).catch_unwind().await {
            shared.abandon();
            shared.throw(payload);
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

/// What an incarnation is to run. Its fields are dropped in this order: an abort before the first
/// poll is reported when nothing of the runnable is left (L1).
struct Turn<C> {
    call: C,
    incarnation: Incarnation,
}

/// The next incarnation for a task that parks, with its runnable: a parked task owns nothing of the
/// user's.
pub(crate) struct Seated {
    pub(crate) runnable: Arc<dyn Any + Send + Sync>,
    pub(crate) incarnation: Incarnation,
}

/// Runs a runnable again and again in one task: whenever an incarnation has returned, the task
/// parks until the tree puts the next one in place.
pub(super) fn spawn_again<F, Fut>(runnable: Arc<F>, incarnation: Incarnation) -> AbortHandle
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let runtime = incarnation.life.shared.runtime.clone();
    let first = Turn {
        call: call_once(runnable),
        incarnation,
    };
    spawn(&runtime, async move {
        let mut turn = first;
        while let Some(seat) = take_turn(turn).await {
            let Ok(Seated {
                runnable,
                incarnation,
            }) = seat.await
            else {
                return;
            };
            let runnable = runnable.downcast::<F>();
            let runnable = runnable.expect("a seat is filled with the runnable of its place");
            turn = Turn {
                call: call_once(runnable),
                incarnation,
            };
            // A runnable that returns at once, for ever, lets others run in between.
            requeue().await;
        }
    })
}

/// Lets the tasks that were woken before run first. What starts in one pass thus runs in the order
/// in which it was started; tokio's own `yield_now` wakes in reverse those that yield together.
async fn requeue() {
    let mut is_queued = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut is_queued, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// One call of a runnable, which gives its share of it back at once.
fn call_once<F, Fut>(runnable: Arc<F>) -> impl FnOnce(Context) -> Fut
where
    F: Fn(Context) -> Fut,
{
    move |context| runnable(context)
}

/// Runs a runnable once.
pub(super) fn spawn_once<F, Fut>(call: F, incarnation: Incarnation) -> AbortHandle
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let runtime = incarnation.life.shared.runtime.clone();
    // The seat is dropped: there is nothing left to run here.
    spawn(&runtime, take_turn(Turn { call, incarnation }).map(drop))
}

/// Runs one incarnation to its end and reports that. Returns the seat in which the next one may be
/// put, unless the task must end too.
async fn take_turn<C, Fut>(turn: Turn<C>) -> Option<oneshot::Receiver<Seated>>
where
    C: FnOnce(Context) -> Fut,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    // Dropped after the code, too.
    let incarnation = turn.incarnation;
    let ran = run(&incarnation.life, turn.call, pin!(None)).await;
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

/// Runs the code of one incarnation. Its future lives in `code`, once in the task and not in every
/// frame that it passes, and is gone when this returns.
async fn run<Fut>(
    life: &Arc<Life>,
    call: impl FnOnce(Context) -> Fut,
    mut code: Pin<&mut Option<Fut>>,
) -> Ran<Exit>
where
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let span = life.span();
    let context = || Context::new(life.clone());
    let call = || match &life.shared.interpose {
        None => Either::Left(call(context())),
        Some(interpose) => {
            let future = call(context());
            let run = Run::new(async move { future.await.into_exit() });
            Either::Right(interpose.wrap(context(), run))
        }
    };
    let called = supervise(life, &span, call);
    match called {
        Ran::Returned(Either::Left(future)) => {
            code.set(Some(future));
            let ran = poll_supervised(life, &span, code.as_mut()).await;
            let ran = ran.and_then(|output| supervise(life, &span, || output.into_exit()));
            ran.and_then(|exit| supervise(life, &span, || code.set(None)).map(|()| exit))
        }
        Ran::Returned(Either::Right(run)) => poll_supervised(life, &span, pin!(Some(run))).await,
        Ran::Panicked(panic, payload) => Ran::Panicked(panic, payload),
        Ran::Abandoned => Ran::Abandoned,
    }
}

/// Polls code of the user's until it is ready.
pub(super) async fn poll_supervised<F: Future>(
    life: &Life,
    span: &Span,
    mut code: Pin<&mut Option<F>>,
) -> Ran<F::Output> {
    std::future::poll_fn(|cx| {
        let code = code.as_mut().as_pin_mut();
        let code = code.expect("the code is there until it has returned");
        match supervise(life, span, || code.poll(cx)) {
            Ran::Returned(Poll::Pending) => Poll::Pending,
            Ran::Returned(Poll::Ready(output)) => Poll::Ready(Ran::Returned(output)),
            Ran::Panicked(panic, payload) => Poll::Ready(Ran::Panicked(panic, payload)),
            Ran::Abandoned => Poll::Ready(Ran::Abandoned),
        }
    })
    .await
}

/// Runs code of the user's: its panic is caught, and nothing runs once the tree is abandoned.
pub(super) fn supervise<T>(life: &Life, span: &Span, code: impl FnOnce() -> T) -> Ran<T> {
    if life.shared.is_abandoned() {
        return Ran::Abandoned;
    }
    match panics::catch(life.shared.hook(), || span.in_scope(code)) {
        Ok(value) => Ran::Returned(value),
        Err((panic, payload)) => Ran::Panicked(panic, payload),
    }
}

impl<T> Ran<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Ran<U> {
        self.and_then(|value| Ran::Returned(change(value)))
    }

    pub(super) fn and_then<U>(self, then: impl FnOnce(T) -> Ran<U>) -> Ran<U> {
        match self {
            Self::Returned(value) => then(value),
            Self::Panicked(panic, payload) => Ran::Panicked(panic, payload),
            Self::Abandoned => Ran::Abandoned,
        }
    }
}

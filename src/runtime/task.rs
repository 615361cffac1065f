//! The tasks of the runtime: every spawn of the crate, and what runs inside (R7, R18).

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt;
use tracing::Span;

use crate::exit::Panic;
use crate::runtime::incarnation::Life;
use crate::runtime::mailbox::Payload;
use crate::runtime::panics;
use crate::runtime::shared::Shared;
use crate::runtime::sync::{AbortHandle, AbortOnDropHandle, Handle};

mod node;

pub(crate) use node::Seated;
pub(super) use node::{spawn_again, spawn_once};

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

/// The `tracing` span in which an incarnation's code is polled. Without a subscriber there is none.
#[derive(Debug, Default)]
pub(super) struct Scope(Option<Box<Span>>);

impl Scope {
    pub(super) fn new(span: Span) -> Self {
        Self(Some(span).filter(|span| !span.is_disabled()).map(Box::new))
    }

    fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(span) => span.in_scope(code),
            None => code(),
        }
    }
}

/// What became of supervised code.
pub(super) enum Ran<T> {
    Returned(T),
    Panicked(Panic, Payload),
    /// The last handle of the tree was dropped: the code was not polled again.
    Abandoned,
}

/// Polls code of the user's until it is ready.
pub(super) async fn poll_supervised<F: Future>(
    life: &Life,
    scope: &Scope,
    mut code: Pin<&mut Option<F>>,
) -> Ran<F::Output> {
    std::future::poll_fn(|cx| {
        let code = code.as_mut().as_pin_mut();
        let code = code.expect("the code is there until it has returned");
        supervise(life, scope, || code.poll(cx)).transpose()
    })
    .await
}

/// Runs code of the user's: its panic is caught, and nothing runs once the tree is abandoned.
pub(super) fn supervise<T>(life: &Life, scope: &Scope, code: impl FnOnce() -> T) -> Ran<T> {
    if life.shared.is_abandoned() {
        return Ran::Abandoned;
    }
    match panics::catch(life.shared.hook(), || scope.run(code)) {
        Ok(value) => Ran::Returned(value),
        Err((panic, payload)) => Ran::Panicked(panic, payload),
    }
}

impl<T> Ran<Poll<T>> {
    /// Waits with the code, and not with what became of it.
    fn transpose(self) -> Poll<Ran<T>> {
        match self {
            Self::Returned(Poll::Pending) => Poll::Pending,
            Self::Returned(Poll::Ready(value)) => Poll::Ready(Ran::Returned(value)),
            Self::Panicked(panic, payload) => Poll::Ready(Ran::Panicked(panic, payload)),
            Self::Abandoned => Poll::Ready(Ran::Abandoned),
        }
    }
}

impl<T> Ran<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Ran<U> {
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

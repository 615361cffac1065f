//! The task of a node: it runs one incarnation after the other.
//!
//! Written by hand, as every node has one: it is no larger than the code that it runs and two
//! pointers, where an `async` block would keep a place for each step.

use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waking, Poll, ready};

use pin_project_lite::pin_project;

use crate::exit::{Exit, IntoExit, Panic};
use crate::runtime::context::Context;
use crate::runtime::incarnation::Incarnation;
use crate::runtime::interpose::Run;
use crate::runtime::mailbox::Payload;
use crate::runtime::panics::shield;
use crate::runtime::sync::{AbortHandle, oneshot};
use crate::runtime::task::{Ran, Scope, spawn, supervise};

/// The next incarnation for a task that parks, with its runnable: a parked task owns nothing of the
/// user's.
pub(crate) struct Seated {
    pub(crate) runnable: Arc<dyn Any + Send + Sync>,
    pub(crate) incarnation: Incarnation,
}

/// Runs a runnable again and again in one task: whenever an incarnation has returned, the task
/// parks until the tree puts the next one in place.
pub(in crate::runtime) fn spawn_again<F, Fut>(
    runnable: Arc<F>,
    incarnation: Incarnation,
) -> AbortHandle
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn_node(Again(runnable), incarnation)
}

/// Runs a runnable once.
pub(in crate::runtime) fn spawn_once<F, Fut>(run: F, incarnation: Incarnation) -> AbortHandle
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    spawn_node(Once(run), incarnation)
}

fn spawn_node<C, Fut>(call: C, incarnation: Incarnation) -> AbortHandle
where
    C: Call<Fut> + Send + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let runtime = incarnation.life.shared.runtime.clone();
    let node = Node {
        stage: Stage::Call { call: Some(call) },
        scope: Scope::default(),
        incarnation: Some(incarnation),
        code: PhantomData,
    };
    spawn(&runtime, node)
}

/// One call of a runnable.
trait Call<Fut>: Sized {
    fn call(self, context: Context) -> Fut;

    /// Waits for the next incarnation, if the code can run again.
    fn park(incarnation: Incarnation, exit: Exit) -> Option<oneshot::Receiver<Seated>>;

    /// The same call of what a seat was filled with.
    fn again(runnable: Arc<dyn Any + Send + Sync>) -> Option<Self>;
}

/// Gives its share of the runnable back as soon as that was called.
struct Again<F>(Arc<F>);

impl<F, Fut> Call<Fut> for Again<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
{
    fn call(self, context: Context) -> Fut {
        (self.0)(context)
    }

    fn park(incarnation: Incarnation, exit: Exit) -> Option<oneshot::Receiver<Seated>> {
        if incarnation.life.shared.is_stopping() {
            // What starts again all the same has a new task.
            incarnation.report_gone(exit);
            return None;
        }
        Some(incarnation.report_and_park(exit))
    }

    fn again(runnable: Arc<dyn Any + Send + Sync>) -> Option<Self> {
        runnable.downcast().ok().map(Self)
    }
}

struct Once<F>(F);

impl<F, Fut> Call<Fut> for Once<F>
where
    F: FnOnce(Context) -> Fut,
{
    fn call(self, context: Context) -> Fut {
        (self.0)(context)
    }

    fn park(incarnation: Incarnation, exit: Exit) -> Option<oneshot::Receiver<Seated>> {
        incarnation.report_gone(exit);
        None
    }

    fn again(_: Arc<dyn Any + Send + Sync>) -> Option<Self> {
        None
    }
}

pin_project! {
    // Its fields are dropped in this order: an abort is reported when nothing of the runnable is
    // left (L1).
    struct Node<C, Fut> {
        #[pin]
        stage: Stage<C, Fut>,
        scope: Scope,
        // There is one but for a task that is parked or has ended.
        incarnation: Option<Incarnation>,
        code: PhantomData<fn() -> Fut>,
    }
}

pin_project! {
    #[project = Staged]
    enum Stage<C, Fut> {
        Call { call: Option<C> },
        Code { #[pin] code: Fut },
        Interposed { run: Run },
        Parked { seat: oneshot::Receiver<Seated> },
        Ended,
    }
}

impl<C, Fut> Future for Node<C, Fut>
where
    C: Call<Fut>,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Waking<'_>) -> Poll<()> {
        loop {
            let step = match self.as_mut().project().stage.project() {
                Staged::Call { call } => {
                    let call = call.take();
                    self.as_mut().call(call)
                }
                Staged::Code { .. } | Staged::Interposed { .. } => {
                    let ran = self.as_mut().poll_code(cx);
                    ready!(ran.transpose()).map(Some)
                }
                Staged::Parked { seat } => {
                    let seated = ready!(Pin::new(seat).poll(cx));
                    return self.sit(seated.ok(), cx);
                }
                Staged::Ended => return Poll::Ready(()),
            };
            match step {
                Ran::Returned(None) => {}
                Ran::Returned(Some(exit)) => self.as_mut().park(exit),
                Ran::Panicked(panic, payload) => self.as_mut().fail(panic, payload),
                Ran::Abandoned => self.as_mut().abandon(),
            }
        }
    }
}

impl<C, Fut> Node<C, Fut>
where
    C: Call<Fut>,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    /// Calls the runnable, which gives its future.
    fn call(self: Pin<&mut Self>, call: Option<C>) -> Ran<Option<Exit>> {
        let mut this = self.project();
        let (Some(call), Some(incarnation)) = (call, &*this.incarnation) else {
            this.stage.set(Stage::Ended);
            return Ran::Returned(None);
        };
        let life = &incarnation.life;
        *this.scope = life.scope();
        let context = || Context::new(life.clone());
        let called = supervise(life, this.scope, || {
            let code = call.call(context());
            match &life.shared.interpose {
                None => Stage::Code { code },
                Some(interpose) => {
                    let run = Run::new(async move { code.await.into_exit() });
                    let run = interpose.wrap(context(), run);
                    Stage::Interposed { run }
                }
            }
        });
        called.map(|stage| {
            this.stage.set(stage);
            None
        })
    }

    /// Polls the code; when it is ready, makes its exit of it and drops it. All of that is code of
    /// the user's.
    fn poll_code(self: Pin<&mut Self>, cx: &mut Waking<'_>) -> Ran<Poll<Exit>> {
        let mut this = self.project();
        let Some(incarnation) = &*this.incarnation else {
            return Ran::Abandoned;
        };
        let life = &incarnation.life;
        supervise(life, this.scope, || {
            let exit = match this.stage.as_mut().project() {
                Staged::Code { code } => ready!(code.poll(cx)).into_exit(),
                Staged::Interposed { run } => ready!(Pin::new(run).poll(cx)),
                Staged::Call { .. } | Staged::Parked { .. } | Staged::Ended => Exit::Aborted,
            };
            this.stage.set(Stage::Ended);
            Poll::Ready(exit)
        })
    }

    /// Reports an exit, and waits for the next incarnation.
    fn park(self: Pin<&mut Self>, exit: Exit) {
        let mut this = self.project();
        *this.scope = Scope::default();
        let seat = this.incarnation.take().and_then(|this| C::park(this, exit));
        this.stage.set(match seat {
            Some(seat) => Stage::Parked { seat },
            None => Stage::Ended,
        });
    }

    /// Takes the next incarnation, if there is one, and lets the tasks that were woken before run
    /// first: a runnable that returns at once, for ever, lets others run in between, and what
    /// starts in one pass runs in the order in which it was started. (tokio's own `yield_now` wakes
    /// in reverse those that yield together.)
    fn sit(self: Pin<&mut Self>, seated: Option<Seated>, cx: &mut Waking<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(seated) = seated else {
            this.stage.set(Stage::Ended);
            return Poll::Ready(());
        };
        let call = C::again(seated.runnable);
        let call = call.expect("a seat is filled with the runnable of its place");
        *this.incarnation = Some(seated.incarnation);
        this.stage.set(Stage::Call { call: Some(call) });
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn fail(self: Pin<&mut Self>, panic: Panic, payload: Payload) {
        if let Some(incarnation) = self.end() {
            incarnation.report_panic(panic, payload);
        }
    }

    fn abandon(self: Pin<&mut Self>) {
        if let Some(incarnation) = self.end() {
            incarnation.report_gone(Exit::Aborted);
        }
    }

    /// Drops what is left of the code, before its end is reported.
    fn end(self: Pin<&mut Self>) -> Option<Incarnation> {
        let mut this = self.project();
        let _ = shield(|| this.stage.set(Stage::Ended));
        this.incarnation.take()
    }
}

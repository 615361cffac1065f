//! The handle of a helper: what its users have, and what a node runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::process::Command;
use crate::{
    Configured, Context, Exit, GoneError, IntoExit, Published, Runnable, Spec, Startable, Values,
    runnable,
};

use super::calls::Queue;
use super::error::CallError;
use super::node;
use super::protocol::{CallId, Protocol};
use super::report::CloseReport;

/// A program that answers calls, run by a node of the tree; cheap to clone.
///
/// The handle is there before the node and outlives its incarnations: a call that finds the program
/// starting, or crashed, waits for the next incarnation. It is a [`Runnable`], so one of its clones
/// is declared, once: `ctx.run("cache", helper.clone())`.
///
/// # Examples
///
/// A program that answers each line with the same line, so that its protocol is hardly one:
///
/// ```
/// use perennial::helper::{CallId, Framing, Helper, Message, Protocol, ProtocolError};
/// use perennial::process::Command;
/// use perennial::{Context, Supervisor};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     type Request = String;
///     type Response = String;
///     type Capabilities = ();
///
///     fn framing(&self) -> Framing {
///         Framing::Lines
///     }
///
///     fn read_hello(&self, _: &[u8]) -> Result<Option<()>, ProtocolError> {
///         Ok(Some(()))
///     }
///
///     fn write(&self, id: CallId, request: &String, message: &mut Vec<u8>) {
///         message.extend(format!("{id} {request}").bytes());
///     }
///
///     fn read(&self, message: &[u8]) -> Result<Message<String>, ProtocolError> {
///         let text = String::from_utf8_lossy(message);
///         let (id, words) = text.split_once(' ').expect("it is what we wrote");
///         let id = id.parse().map_err(|why| ProtocolError::malformed(message, why))?;
///         Ok(Message::Answer { id, result: Ok(words.to_owned()) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let helper = Helper::new(Command::new("sh").args(["-c", "echo hello; exec cat"]), Echo);
/// let declared = helper.clone();
/// let root = move |ctx: Context| {
///     let helper = declared.clone();
///     async move {
///         ctx.run("echo", helper)?;
///         ctx.done();
///         anyhow::Ok(())
///     }
/// };
/// let tree = Supervisor::new(root).start();
/// assert_eq!(helper.call("a word".to_owned()).await?, "a word");
/// tree.stop().await?;
/// # Ok(())
/// # }
/// ```
pub struct Helper<P: Protocol> {
    pub(super) inner: Arc<Inner<P>>,
}

/// What all handles and incarnations share.
pub(super) struct Inner<P: Protocol> {
    pub(super) command: Command,
    /// How errors call it.
    pub(super) name: Arc<str>,
    pub(super) protocol: P,
    pub(super) limits: Limits,
    pub(super) queue: Arc<Queue<P>>,
    pub(super) up: Published<P::Capabilities>,
    pub(super) state: watch::Sender<State>,
    ids: AtomicU64,
}

/// Whether the helper takes calls.
#[derive(Clone, Debug)]
pub(super) enum State {
    Open,
    Closing,
    Closed(Arc<CloseReport>),
}

/// What may take how long, and how much there may be of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) handshake: Duration,
    pub(super) call: Duration,
    pub(super) write: Duration,
    pub(super) drain: Duration,
    pub(super) close: Duration,
    pub(super) message_max: usize,
    pub(super) waiting_max: usize,
    pub(super) in_flight_max: usize,
    pub(super) tries_max: u32,
    pub(super) stray_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            call: Duration::from_secs(60),
            write: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            close: Duration::from_secs(5),
            message_max: 16 * 1024 * 1024,
            waiting_max: 1024,
            in_flight_max: 1024,
            tries_max: 3,
            stray_max: 0,
        }
    }
}

/// Chooses the limits of a [`Helper`]; made by [`Helper::builder`].
#[must_use = "a builder does nothing until it builds"]
pub struct Builder<P> {
    command: Command,
    protocol: P,
    limits: Limits,
}

impl<P: Protocol> Helper<P> {
    /// A helper with the default limits.
    pub fn new(command: Command, protocol: P) -> Self {
        Self::builder(command, protocol).build()
    }

    /// A helper whose limits are to be chosen.
    ///
    /// The command's [ladder](Command::ladder) is that of its close. Its standard input and output
    /// are the helper's, whatever it says of them.
    pub fn builder(command: Command, protocol: P) -> Builder<P> {
        Builder {
            command,
            protocol,
            limits: Limits::default(),
        }
    }

    /// Asks the program, and waits for its answer at most as long as a call may take: a minute,
    /// unless [`call_timeout`](Builder::call_timeout) says otherwise.
    ///
    /// A request that was not sent when the program crashes is sent to its next incarnation; one
    /// that was sent only if it is [idempotent](Protocol::is_idempotent), and not more often than
    /// [`tries_max`](Builder::tries_max) says.
    ///
    /// The node may run on another runtime.
    ///
    /// # Errors
    ///
    /// [`CallError`] says why there is no answer. Each call ends once.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or on one without a timer.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before it was sent is never sent. After that its answer is dropped,
    /// and the program is told, if the [protocol](Protocol::cancellation) has words for it. A
    /// request is never sent in part because of this.
    pub async fn call(&self, request: P::Request) -> Result<P::Response, CallError> {
        self.call_within(request, self.inner.limits.call).await
    }

    /// Asks the program, and waits so long for its answer; otherwise as [`call`](Self::call).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn call_within(
        &self,
        request: P::Request,
        within: Duration,
    ) -> Result<P::Response, CallError> {
        let helper = || self.inner.name.clone();
        if !self.is_open() {
            return Err(self.inner.closed());
        }
        let mut answer = self.inner.queue.add(request)?;
        // A close that came in between may have ended those before this one.
        if !self.is_open() {
            return Err(self.inner.closed());
        }
        let gone = gone(self.inner.up.watch());
        let answered = timeout(within, async {
            tokio::select! {
                biased;
                answered = answer.wait() => answered,
                source = gone => Err(self.refusal(source)),
            }
        });
        let late = |_| {
            Err(CallError::Timeout {
                helper: helper(),
                within,
            })
        };
        answered.await.unwrap_or_else(late)
    }

    /// Why nobody will answer. A call that was made as the helper was closed may find it gone.
    fn refusal(&self, source: GoneError) -> CallError {
        let helper = self.inner.name.clone();
        match *self.inner.state.borrow() {
            State::Closed(_) => CallError::Closed { helper },
            State::Open | State::Closing => CallError::Down { helper, source },
        }
    }

    /// What the program that runs now can do; waits for one that runs.
    ///
    /// # Errors
    ///
    /// [`GoneError`] if there will be none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn capabilities(&self) -> Result<P::Capabilities, GoneError> {
        self.inner.up.get().await
    }

    /// Closes the helper in order, for good: no call is taken any more, those that were sent are
    /// answered, the program is told as its protocol has it, its standard input is closed, and it
    /// is stopped by its ladder if it does not end. The node is done then.
    ///
    /// Calls that were not sent end with [`CallError::Closed`] at once. A program that has not said
    /// hello is closed when it has, or when its time for that is over. One that waits to be started
    /// again, or whose node is still to be declared, is closed with that start, which the close
    /// waits for. Whoever closes it, and how often: there is one close, and one report.
    ///
    /// # Errors
    ///
    /// [`GoneError`] if its node is down or is stopped: nothing is left to close.
    ///
    /// # Cancel safety
    ///
    /// The helper is closed all the same.
    pub async fn close(&self) -> Result<Arc<CloseReport>, GoneError> {
        self.refuse_calls();
        let mut states = self.inner.state.subscribe();
        let closed = async {
            loop {
                if let State::Closed(report) = &*states.borrow_and_update() {
                    return report.clone();
                }
                if states.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            biased;
            report = closed => Ok(report),
            error = gone(self.inner.up.watch()) => Err(error),
        }
    }

    fn is_open(&self) -> bool {
        matches!(*self.inner.state.borrow(), State::Open)
    }

    /// Says that it is closed, and ends the calls that were not sent.
    fn refuse_calls(&self) {
        let has_changed = self.inner.state.send_if_modified(|state| {
            let is_open = matches!(state, State::Open);
            if is_open {
                *state = State::Closing;
            }
            is_open
        });
        if has_changed {
            self.inner.queue.end_all(&self.inner.closed());
        }
    }

    /// Makes a runnable of the helper, to give it options.
    ///
    /// - The node is healthy when the program has said hello.
    /// - A program that crashes, or says what it may not, has failed: it is stopped, and starts
    ///   again as the node's options have it. What a start cannot change, such as a program that is
    ///   missing, [gives up](Context::give_up) at once.
    /// - When the node is asked to stop, the program is closed in order. The
    ///   [grace](Configured::grace) is what that may take; by default the sum of
    ///   [`drain_timeout`](Builder::drain_timeout), [`close_timeout`](Builder::close_timeout) and
    ///   what the command's ladder may take. Past it, the calls that are left end with
    ///   [`CallError::Aborted`].
    /// - What it writes to standard error is told to `tracing`, as `INFO` of the target
    ///   `perennial::process` with the node's path.
    pub fn runnable(
        self,
    ) -> Configured<impl Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync + 'static> {
        let grace = node::grace(&self.inner);
        let up = self.inner.up.clone();
        let node = runnable(move |context: Context| {
            let inner = self.inner.clone();
            let future = async move { node::run(&context, &inner).await.into_exit() };
            Box::pin(future) as BoxFuture<'static, Exit>
        });
        node.grace(grace).publishes(&up)
    }
}

impl<P: Protocol> Inner<P> {
    /// A number that no call of this helper had before.
    pub(super) fn next_id(&self) -> CallId {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// What a call that is not sent hears of a close.
    pub(super) fn closed(&self) -> CallError {
        let helper = self.name.clone();
        CallError::Closed { helper }
    }
}

/// Waits until nobody publishes any more.
async fn gone<T: Clone>(mut values: Values<T>) -> GoneError {
    loop {
        if let Err(gone) = values.next().await {
            return gone;
        }
    }
}

impl<P: Protocol> Builder<P> {
    /// How long the program may take from its start to its hello: 10 s by default.
    pub const fn handshake_timeout(mut self, time: Duration) -> Self {
        self.limits.handshake = time;
        self
    }

    /// How long a [call](Helper::call) waits for its answer: 60 s by default.
    pub const fn call_timeout(mut self, time: Duration) -> Self {
        self.limits.call = time;
        self
    }

    /// How long the program may read nothing of a request: 30 s by default. Then it has crashed.
    /// It is for each message, and for each piece of a [body](Protocol::body), whose source has as
    /// long to give it.
    pub const fn write_timeout(mut self, time: Duration) -> Self {
        self.limits.write = time;
        self
    }

    /// How long a close waits for the answers to what was sent: 5 s by default.
    pub const fn drain_timeout(mut self, time: Duration) -> Self {
        self.limits.drain = time;
        self
    }

    /// How long a close waits for the answer to the request to close: 5 s by default.
    pub const fn close_timeout(mut self, time: Duration) -> Self {
        self.limits.close = time;
        self
    }

    /// How long a message may be, in bytes, either way: 16 MiB by default. A
    /// [body](Protocol::body) may have any length.
    pub const fn message_length_max(mut self, bytes: usize) -> Self {
        self.limits.message_max = bytes;
        self
    }

    /// How many calls may wait to be sent: 1024 by default, and at least one.
    pub const fn waiting_max(mut self, calls: usize) -> Self {
        self.limits.waiting_max = calls;
        self
    }

    /// How many calls may wait for an answer: 1024 by default, and at least one; those beyond wait
    /// to be sent.
    pub const fn in_flight_max(mut self, calls: usize) -> Self {
        self.limits.in_flight_max = if calls == 0 { 1 } else { calls };
        self
    }

    /// How often an idempotent call is made at most, when the program crashes each time: 3 times
    /// by default, and at least once, so that one request cannot crash the program for ever.
    ///
    /// The last time it is made alone: others wait until it has its end. So those that were in
    /// flight with it are not taken for what crashes the program.
    pub const fn tries_max(mut self, tries: u32) -> Self {
        self.limits.tries_max = tries;
        self
    }

    /// How many messages that are none an incarnation may say: none by default, so that the first
    /// one is a crash. Those that are allowed are told as warnings. An answer that nobody waits for
    /// is a message, and a crash however many are allowed.
    pub const fn stray_max(mut self, messages: u32) -> Self {
        self.limits.stray_max = messages;
        self
    }

    /// The helper.
    pub fn build(self) -> Helper<P> {
        let Self {
            command,
            protocol,
            mut limits,
        } = self;
        // Without room for one, no call would ever be made.
        limits.waiting_max = limits.waiting_max.max(1);
        limits.in_flight_max = limits.in_flight_max.max(1);
        let name: Arc<str> = command.name().into();
        let inner = Inner {
            command,
            name: name.clone(),
            protocol,
            limits,
            queue: Arc::new(Queue::new(name, limits.waiting_max)),
            up: Published::new(),
            state: watch::Sender::new(State::Open),
            ids: AtomicU64::new(1),
        };
        Helper {
            inner: Arc::new(inner),
        }
    }
}

impl<P: Protocol> Clone for Helper<P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<P: Protocol> Runnable for Helper<P> {
    fn into_spec(self) -> Spec {
        self.runnable().into_spec()
    }
}

impl<P: Protocol> Startable for Helper<P> {
    fn into_child(self) -> Spec {
        self.runnable().into_child()
    }
}

impl<P: Protocol> fmt::Debug for Helper<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helper")
            .field("command", &self.inner.command)
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for Builder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("command", &self.command)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

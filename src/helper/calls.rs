//! The calls of a helper: those that wait to be sent, and those that wait for an answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::error::{CallError, Crash, Delivered};
use super::protocol::{CallId, Protocol};

/// One call, until it has its answer.
pub(super) struct Call<P: Protocol> {
    pub(super) request: P::Request,
    /// The number that it was sent by last; 0 before that.
    id: Arc<AtomicU64>,
    /// How often it was sent to a program that has crashed then.
    tries: u32,
    turn: Turn,
    reply: oneshot::Sender<Result<P::Response, CallError>>,
}

/// Whether a call is made while others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Together,
    /// It may be the one that crashes the program, and is made for the last time.
    Alone,
}

/// Where the answer to a call comes. Dropped before, it says that nobody waits any more.
pub(super) struct Answer<P: Protocol> {
    reply: oneshot::Receiver<Result<P::Response, CallError>>,
    id: Arc<AtomicU64>,
    queue: Arc<Queue<P>>,
}

/// Calls that were not sent, the oldest first, and those that nobody waits for any more. They
/// outlive the incarnations of the node.
pub(super) struct Queue<P: Protocol> {
    /// Whose calls they are.
    helper: Arc<str>,
    waiting: Mutex<VecDeque<Call<P>>>,
    given_up: Mutex<Vec<CallId>>,
    has_call: Notify,
    has_given_up: Notify,
    length_max: usize,
}

/// Calls that were sent to this incarnation of the program.
pub(super) struct InFlight<P: Protocol> {
    calls: HashMap<CallId, Sent<P>>,
    /// Those that nobody waits for, and that may be answered still. What they ask for is not kept.
    given_up: HashSet<CallId>,
    /// The call that is made alone.
    alone: Option<CallId>,
    queue: Arc<Queue<P>>,
    tries_max: u32,
    fate: Fate,
}

/// What becomes of the calls that are left at the end.
enum Fate {
    /// Nobody has said: the node was aborted.
    Aborted,
    Crashed(Arc<Crash>),
    /// It has crashed as it was closed: there is no next one.
    LastCrashed(Arc<Crash>),
    Closed,
}

struct Sent<P: Protocol> {
    call: Call<P>,
    delivered: Delivered,
    is_idempotent: bool,
}

impl<P: Protocol> Call<P> {
    /// Whether somebody waits for the answer.
    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    pub(super) fn end(self, result: Result<P::Response, CallError>) {
        // Who does not wait any more does not need it.
        drop(self.reply.send(result));
    }
}

impl<P: Protocol> Queue<P> {
    pub(super) fn new(helper: Arc<str>, length_max: usize) -> Self {
        Self {
            helper,
            waiting: Mutex::default(),
            given_up: Mutex::default(),
            has_call: Notify::new(),
            has_given_up: Notify::new(),
            length_max,
        }
    }

    /// Adds a call, unless too many wait.
    pub(super) fn add(self: &Arc<Self>, request: P::Request) -> Result<Answer<P>, CallError> {
        let (reply, answer) = oneshot::channel();
        let id = Arc::new(AtomicU64::new(0));
        let mut waiting = self.waiting.lock();
        if waiting.len() >= self.length_max {
            waiting.retain(Call::is_wanted);
        }
        if waiting.len() >= self.length_max {
            let (helper, waiting) = (self.helper.clone(), waiting.len());
            return Err(CallError::Full { helper, waiting });
        }
        waiting.push_back(Call {
            request,
            id: id.clone(),
            tries: 0,
            turn: Turn::Together,
            reply,
        });
        drop(waiting);
        self.has_call.notify_one();
        Ok(Answer {
            reply: answer,
            id,
            queue: self.clone(),
        })
    }

    /// Waits for a call that somebody wants, and that can be made beside those in flight.
    ///
    /// Cancel safe: what is not returned stays.
    pub(super) async fn next(&self, in_flight: &InFlight<P>) -> Call<P> {
        loop {
            if let Some(call) = self.take(in_flight) {
                return call;
            }
            self.has_call.notified().await;
        }
    }

    /// Waits for a call that was sent, and that nobody wants any more. Cancel safe.
    pub(super) async fn next_given_up(&self) -> CallId {
        loop {
            let given_up = self.given_up.lock().pop();
            if let Some(id) = given_up {
                return id;
            }
            self.has_given_up.notified().await;
        }
    }

    fn take(&self, in_flight: &InFlight<P>) -> Option<Call<P>> {
        let mut waiting = self.waiting.lock();
        while waiting.front().is_some_and(|call| !call.is_wanted()) {
            waiting.pop_front();
        }
        waiting.pop_front_if(|call| call.turn == Turn::Together || in_flight.wanted() == 0)
    }

    /// Forgets a call that nobody waits for, if one waits to be sent.
    fn forget(&self) {
        let mut waiting = self.waiting.lock();
        let unwanted = waiting.iter().position(|call| !call.is_wanted());
        let unwanted = unwanted.and_then(|at| waiting.remove(at));
        drop(waiting);
        // What it asks for is the user's, and dropped without the lock.
        drop(unwanted);
    }

    /// Tells that nobody waits for a call any more, if it was sent.
    fn give_up(&self, id: &AtomicU64) {
        let mut given_up = self.given_up.lock();
        let id = id.load(Ordering::Relaxed);
        if id != 0 {
            given_up.push(id);
            self.has_given_up.notify_one();
        }
    }

    /// Gives a call its number. Its caller may give up just now: it sees the number, or we see that
    /// it has.
    fn number(&self, call: &Call<P>, id: CallId) {
        let given_up = self.given_up.lock();
        call.id.store(id, Ordering::Relaxed);
        drop(given_up);
        if !call.is_wanted() {
            self.give_up(&call.id);
        }
    }

    /// Puts a call back that is to be made again, before all others.
    fn put_back(&self, call: Call<P>) {
        self.waiting.lock().push_front(call);
        self.has_call.notify_one();
    }

    /// Ends all that wait.
    pub(super) fn end_all(&self, error: &CallError) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        for call in waiting {
            call.end(Err(error.clone()));
        }
    }
}

impl<P: Protocol> Answer<P> {
    pub(super) async fn wait(&mut self) -> Result<P::Response, CallError> {
        let answer = (&mut self.reply).await;
        // Every call is ended, unless the protocol panicked when it was to be written.
        answer.unwrap_or_else(|_| {
            Err(CallError::Aborted {
                helper: self.queue.helper.clone(),
                delivered: Delivered::InPart,
            })
        })
    }
}

impl<P: Protocol> Drop for Answer<P> {
    fn drop(&mut self) {
        let is_answered = self.reply.is_terminated();
        self.reply.close();
        if is_answered {
            return;
        }
        self.queue.forget();
        self.queue.give_up(&self.id);
    }
}

impl<P: Protocol> InFlight<P> {
    pub(super) fn new(queue: Arc<Queue<P>>, tries_max: u32) -> Self {
        Self {
            calls: HashMap::new(),
            given_up: HashSet::new(),
            alone: None,
            queue,
            tries_max,
            fate: Fate::Aborted,
        }
    }

    /// How many callers wait.
    pub(super) fn wanted(&self) -> usize {
        let calls = self.calls.values();
        calls.filter(|sent| sent.call.is_wanted()).count()
    }

    /// Forgets what a call asks for that waits for its answer, though nobody waits for it; false if
    /// there is none.
    pub(super) fn give_up(&mut self, id: CallId) -> bool {
        let sent = self.calls.get(&id);
        let is_given_up = sent.is_some_and(|sent| !sent.call.is_wanted());
        if is_given_up {
            self.remove(id);
            self.given_up.insert(id);
        }
        is_given_up
    }

    /// How many may be answered still.
    pub(super) fn len(&self) -> usize {
        self.calls.len() + self.given_up.len()
    }

    /// Whether a call is made that has to be the only one.
    pub(super) const fn is_reserved(&self) -> bool {
        self.alone.is_some()
    }

    /// Keeps a call whose request is about to be written.
    pub(super) fn begin(&mut self, id: CallId, call: Call<P>, is_idempotent: bool) {
        self.queue.number(&call, id);
        self.alone = (call.turn == Turn::Alone).then_some(id);
        self.calls.insert(
            id,
            Sent {
                call,
                delivered: Delivered::InPart,
                is_idempotent,
            },
        );
    }

    /// Notes that the whole request was written.
    pub(super) fn written(&mut self, id: CallId) {
        if let Some(sent) = self.calls.get_mut(&id) {
            sent.delivered = Delivered::Whole;
        }
    }

    /// Gives a call its answer; false if there is no such call.
    pub(super) fn answer(&mut self, id: CallId, result: Result<P::Response, String>) -> bool {
        if self.given_up.remove(&id) {
            return true;
        }
        let Some(sent) = self.remove(id) else {
            return false;
        };
        let result = result.map_err(|error| CallError::Remote {
            helper: self.queue.helper.clone(),
            error,
        });
        sent.call.end(result);
        true
    }

    /// Ends a call that has no answer to hope for.
    pub(super) fn fail(&mut self, id: CallId, error: CallError) {
        if let Some(sent) = self.remove(id) {
            sent.call.end(Err(error));
        }
    }

    fn remove(&mut self, id: CallId) -> Option<Sent<P>> {
        self.alone.take_if(|alone| *alone == id);
        self.calls.remove(&id)
    }

    /// Says why the calls that are left have no answer.
    pub(super) fn condemn(&mut self, crash: Arc<Crash>) {
        self.fate = Fate::Crashed(crash);
    }

    /// Says that there will be no other incarnation.
    pub(super) fn close(&mut self) {
        self.fate = match &self.fate {
            Fate::Crashed(crash) => Fate::LastCrashed(crash.clone()),
            _ => Fate::Closed,
        };
    }
}

impl<P: Protocol> Drop for InFlight<P> {
    /// Whichever way the incarnation ends, each call has its end, or another try.
    fn drop(&mut self) {
        let mut left: Vec<_> = self.calls.drain().collect();
        // Those that are made again keep their order.
        left.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        for (_, sent) in left {
            let Sent {
                mut call,
                delivered,
                is_idempotent,
            } = sent;
            call.tries += 1;
            let tries = call.tries;
            let helper = self.queue.helper.clone();
            let error = match &self.fate {
                Fate::Closed => CallError::Closed { helper },
                Fate::Aborted | Fate::Crashed(_)
                    if is_idempotent && tries < self.tries_max && call.is_wanted() =>
                {
                    if tries + 1 == self.tries_max {
                        call.turn = Turn::Alone;
                    }
                    self.queue.put_back(call);
                    continue;
                }
                Fate::Aborted => CallError::Aborted { helper, delivered },
                Fate::Crashed(crash) | Fate::LastCrashed(crash) => CallError::Crashed {
                    crash: crash.clone(),
                    delivered,
                    tries,
                },
            };
            call.end(Err(error));
        }
    }
}

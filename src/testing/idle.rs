//! When the runtime has nothing left to do, and what happens then: tokio's park hook tells.
//!
//! A current-thread runtime parks when no task is queued, deferred or woken, from whatever thread.
//! On a paused clock tokio jumps to the next timer then. Here it does so only when a wait has asked
//! for it; otherwise whoever waits for this moment is told, and the clock stands still.
//!
//! What comes from outside of the runtime, from a socket or a thread, comes when it wants. Where
//! that may happen, a moment of real time goes by before the runtime counts as idle.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long the runtime has nothing to do, in real time, before nothing more is expected of
/// sockets.
const OUTSIDE_QUIET: Duration = Duration::from_millis(20);

/// How long something may block or hold up the test, in real time, before it is given up.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// How long a test may wait for what only a thread can bring, in real time.
const ALONE_MAX: Duration = Duration::from_secs(5);

/// How long is waited for the outside before it is looked at again.
const NAP: Duration = Duration::from_millis(1);

/// More polls of one runnable, with the runtime never idle in between, are a livelock.
const POLLS_MAX: u64 = 100_000;

/// More starts of one node, with the runtime never idle in between, are a livelock.
const STARTS_MAX: u64 = 10_000;

/// What was polled less often since the runtime was idle is not what keeps it busy.
const WORTH_A_NAME: u64 = 1000;

/// What the runtime of a harness does when it has nothing to do.
#[derive(Debug, Default)]
pub(super) struct Idle {
    state: Mutex<State>,
    /// How often the runtime had nothing to do; polls and starts are counted from one such moment
    /// to the next.
    moments: AtomicU64,
    /// Counts the polls of runnables, and the events.
    activity: AtomicU64,
    events: AtomicU64,
    threads: AtomicUsize,
    has_io: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Wakes the future that the runtime blocks on.
    main: Option<Waker>,
    /// Those who wait until the runtime is idle.
    waiting: Vec<Waker>,
    /// How often they were told.
    told: u64,
    /// How many wait for time: the clock may jump to the next timer, once for all of them.
    steps: usize,
    /// How often it jumped.
    jumps: u64,
    /// Since when, in real time, there was nothing to do, and what had happened by then.
    calm: Option<(Instant, u64)>,
    /// How often each runnable was polled and started since a moment.
    busy: BTreeMap<String, Busy>,
    counted_at: u64,
    /// The runnable that is polled now.
    polling: Option<Arc<str>>,
    held_up: HeldUp,
    stuck: Option<Stuck>,
}

/// Whether the runtime was seen to do nothing but run, for a long time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HeldUp {
    #[default]
    No,
    /// The future that it blocks on was asked to answer.
    Asked,
    /// It has answered: it is not a single poll that takes long.
    Answered,
}

/// What one node did since the runtime was last idle.
#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    polls: u64,
    starts: u64,
}

/// Why a test cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The runtime is never idle; the busiest nodes first.
    Livelock(Vec<String>),
    /// A thread of the blocking pool does not end, and time stands still until it has.
    Blocked,
    /// The test waits for something that nobody will do.
    Alone,
}

/// What happens when the runtime is about to park.
enum Next {
    /// The clock jumps to the next timer.
    Step,
    /// Something may come from outside.
    Nap(Option<Waker>),
    Wake(Vec<Waker>),
}

impl Idle {
    pub(super) fn new(has_io: bool) -> Self {
        Self {
            has_io,
            ..Self::default()
        }
    }

    /// Waits until the runtime has nothing to do.
    ///
    /// # Errors
    ///
    /// If that does not happen.
    pub(super) async fn reached(&self) -> Result<(), Stuck> {
        let seen = self.state.lock().told;
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(stuck) = state.stuck.take() {
                return Poll::Ready(Err(stuck));
            }
            if state.told > seen {
                return Poll::Ready(Ok(()));
            }
            if !state.waiting.iter().any(|it| it.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Lets the clock jump to the next timer as soon as the runtime has nothing to do, and waits
    /// until it has nothing to do again. The permission ends with the wait.
    ///
    /// # Errors
    ///
    /// As [`reached`](Self::reached).
    pub(super) async fn step(&self) -> Result<(), Stuck> {
        let _step = Step::allow(self);
        self.reached().await
    }

    /// Whether something that the runtime does not see may still act.
    pub(super) fn is_exact(&self) -> bool {
        !self.has_io && self.threads.load(Ordering::Acquire) == 0
    }

    /// Keeps the waker of the future that the runtime blocks on.
    pub(super) fn attend(&self, main: &Waker) {
        let mut state = self.state.lock();
        if state.held_up == HeldUp::Asked {
            state.held_up = HeldUp::Answered;
        }
        match &mut state.main {
            Some(waker) => waker.clone_from(main),
            none => *none = Some(main.clone()),
        }
    }

    /// Why the test cannot go on, if it cannot and nobody has heard of it.
    pub(super) fn stuck(&self) -> Option<Stuck> {
        self.state.lock().stuck.take()
    }

    /// Notes that the tree has told something.
    pub(super) fn told(&self) {
        self.activity.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that an incarnation starts.
    pub(super) fn started(&self, path: &str) {
        self.count(path, |busy| &mut busy.starts, STARTS_MAX);
    }

    /// Notes that a runnable is polled, until [`poll_ended`](Self::poll_ended).
    pub(super) fn poll_begins(&self, path: &Arc<str>) {
        self.count(path, |busy| &mut busy.polls, POLLS_MAX);
        self.state.lock().polling = Some(path.clone());
    }

    pub(super) fn poll_ended(&self) {
        self.state.lock().polling = None;
    }

    fn count(&self, path: &str, what: impl Fn(&mut Busy) -> &mut u64, max: u64) {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        let moment = self.moments.load(Ordering::Relaxed);
        if state.counted_at != moment {
            state.counted_at = moment;
            state.busy.clear();
        }
        let times = match state.busy.get_mut(path) {
            Some(busy) => what(busy),
            None => what(state.busy.entry(path.to_owned()).or_default()),
        };
        *times += 1;
        if *times > max {
            let busiest = state.busiest();
            state.busy.clear();
            state.get_stuck(Stuck::Livelock(busiest));
        }
    }

    /// The park hook of the runtime.
    pub(super) fn parks(&self) {
        self.moments.fetch_add(1, Ordering::Relaxed);
        match self.next(&mut self.state.lock()) {
            Next::Step => {}
            Next::Nap(main) => {
                std::thread::sleep(NAP);
                main.into_iter().for_each(Waker::wake);
            }
            Next::Wake(waiting) => waiting.into_iter().for_each(Waker::wake),
        }
    }

    fn next(&self, state: &mut State) -> Next {
        let activity = self.activity.load(Ordering::Relaxed);
        let calm = match state.calm {
            Some((since, seen)) if seen == activity => since.elapsed(),
            Some(_) | None => {
                state.calm = Some((Instant::now(), activity));
                Duration::ZERO
            }
        };
        let has_threads = self.threads.load(Ordering::Acquire) > 0;
        let may_step = state.steps > 0;
        if state.waiting.is_empty() && !may_step {
            // Nobody waits through the harness. Only a thread could bring what the test wants.
            if calm >= ALONE_MAX {
                state.calm = None;
                state.get_stuck(Stuck::Alone);
            }
            return Next::Nap(state.main.clone());
        }
        if !self.is_exact() && calm < OUTSIDE_QUIET {
            return Next::Nap(state.main.clone());
        }
        if may_step && has_threads {
            // Tokio does not move a paused clock while a blocking task runs.
            if calm >= GIVE_UP_AFTER {
                state.calm = None;
                state.get_stuck(Stuck::Blocked);
            }
            return Next::Nap(state.main.clone());
        }
        state.calm = None;
        if may_step {
            state.steps = 0;
            state.jumps += 1;
            return Next::Step;
        }
        state.told += 1;
        Next::Wake(std::mem::take(&mut state.waiting))
    }

    /// How far the runtime has come, as seen from another thread.
    pub(super) fn progress(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.moments), count(&self.events))
    }

    /// Notes, from another thread, that the runtime has come no further for a long time. A single
    /// poll that takes long is no livelock, but worth a word.
    pub(super) fn hold_up(&self) {
        let mut state = self.state.lock();
        match state.held_up {
            HeldUp::Answered => {
                let mut busiest = state.busiest();
                if state.most_work() < WORTH_A_NAME {
                    busiest.clear();
                }
                state.held_up = HeldUp::No;
                state.get_stuck(Stuck::Livelock(busiest));
            }
            HeldUp::Asked | HeldUp::No => state.held_up = HeldUp::Asked,
        }
        if let Some(path) = &state.polling {
            eprintln!("perennial: {path} does not return from a poll");
        }
        if let Some(main) = &state.main {
            main.wake_by_ref();
        }
    }

    /// Notes that it has come further.
    pub(super) fn go_on(&self) {
        self.state.lock().held_up = HeldUp::No;
    }

    /// The hooks of the blocking pool's threads.
    pub(super) fn thread_starts(&self) {
        self.threads.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn thread_stops(&self) {
        self.threads.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The permission to jump, once, of one who waits.
struct Step<'a> {
    idle: &'a Idle,
    jumps: u64,
}

impl<'a> Step<'a> {
    fn allow(idle: &'a Idle) -> Self {
        let mut state = idle.state.lock();
        state.steps += 1;
        let jumps = state.jumps;
        Self { idle, jumps }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        let mut state = self.idle.state.lock();
        if state.jumps == self.jumps {
            // Nobody waits for time any more who has not had it.
            state.steps -= 1;
        }
    }
}

impl State {
    fn get_stuck(&mut self, stuck: Stuck) {
        self.stuck = Some(stuck);
        self.waiting.clear();
        if let Some(main) = &self.main {
            main.wake_by_ref();
        }
    }

    /// The nodes that do about as much as the busiest, by path.
    fn busiest(&self) -> Vec<String> {
        let most = self.most_work();
        let busy = self.busy.iter().filter(|(_, busy)| busy.work() > most / 2);
        busy.map(|(path, busy)| format!("{path}: {busy}")).collect()
    }

    fn most_work(&self) -> u64 {
        self.busy.values().map(Busy::work).max().unwrap_or_default()
    }
}

impl Busy {
    /// Starts weigh more than polls, as their limit is lower.
    fn work(&self) -> u64 {
        self.polls.max(self.starts * (POLLS_MAX / STARTS_MAX))
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} polls, {} starts", self.polls, self.starts)
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Livelock(busy) if busy.is_empty() => {
                f.write_str("livelock: some task that is no runnable never comes to rest")
            }
            Self::Livelock(busy) => {
                f.write_str(
                    "livelock: the tree never comes to rest, and no time passes; busy are",
                )?;
                busy.iter().try_for_each(|busy| write!(f, "\n  {busy}"))
            }
            Self::Blocked => write!(
                f,
                "a blocking task has not ended within {GIVE_UP_AFTER:?} of real time, and the \
                 clock stands still while it runs"
            ),
            Self::Alone => f.write_str(
                "the test waits for something that does not happen while the clock stands still: \
                 advance it, or let time pass with `Harness::wait`",
            ),
        }
    }
}

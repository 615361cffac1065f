//! When the runtime has nothing left to do.
//!
//! A current-thread runtime parks when no task is queued, deferred or woken, from whatever thread.
//! Its park hook, in [`park`](super::park), tells those who wait for it here.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::testing::busy::Busy;
use crate::testing::settled::Settled;
use crate::testing::stuck::Stuck;

/// What is known of the runtime of a test.
#[derive(Debug, Default)]
pub(super) struct Idle {
    pub(super) state: Mutex<State>,
    /// How often the runtime had nothing to do; polls and starts are counted from one such moment
    /// to the next.
    pub(super) moments: AtomicU64,
    /// Counts the polls of runnables, and the events.
    pub(super) activity: AtomicU64,
    events: AtomicU64,
    /// Those of the blocking pool.
    pub(super) threads: AtomicUsize,
    pub(super) io: Io,
}

/// Whether the runtime has sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Io {
    #[default]
    Off,
    On,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Wakes the future that the runtime blocks on.
    pub(super) main: Option<Waker>,
    /// Those who wait until the runtime is idle.
    pub(super) waiting: Vec<Waker>,
    /// Those who wait for time first.
    pub(super) stepping: Vec<Waker>,
    /// How often they were told that it is, and how sure it was the last time.
    pub(super) rests: u64,
    pub(super) rest: Settled,
    /// How often in a row, with nothing that had happened in between.
    pub(super) asks: u64,
    pub(super) asked_at: u64,
    /// How many wait for time: the clock may jump to the next timer, once for all of them.
    pub(super) steps: usize,
    pub(super) jumps: u64,
    /// Those who wait had been told so often at the last jump.
    pub(super) rests_at_jump: u64,
    /// Since when, in real time, there was nothing to do, and what had happened by then.
    pub(super) calm: Option<(Instant, u64)>,
    /// A thread of the blocking pool was there the last time.
    pub(super) had_threads: bool,
    /// Since when somebody waits, in real time, and is not told because of such threads.
    pub(super) put_off: Option<Instant>,
    pub(super) busy: Busy,
    /// The runnable that is polled now.
    pub(super) polling: Option<Arc<str>>,
    held_up: HeldUp,
    /// Why the test cannot go on, and whether a wait has heard of it.
    pub(super) stuck: Option<Stuck>,
    stucks: u64,
    is_heard: bool,
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

impl Idle {
    pub(super) fn new(io: Io) -> Self {
        Self {
            io,
            ..Self::default()
        }
    }

    /// Waits until the runtime has nothing to do, and says how sure that is.
    ///
    /// # Errors
    ///
    /// If that does not happen.
    pub(super) async fn reached(&self) -> Result<Settled, Stuck> {
        let (seen, stucks) = {
            let state = self.state.lock();
            (state.rests, state.stucks)
        };
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(stuck) = state.hear(stucks) {
                return Poll::Ready(Err(stuck));
            }
            if state.rests > seen {
                return Poll::Ready(Ok(state.rest));
            }
            keep(&mut state.waiting, cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Lets the clock jump to the next timer as soon as the runtime has nothing to do and nobody
    /// else waits for that, and waits until it has nothing to do again. The permission ends with
    /// the wait.
    ///
    /// # Errors
    ///
    /// As [`reached`](Self::reached).
    pub(super) async fn step(&self) -> Result<(), Stuck> {
        let step = Step::allow(self);
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(stuck) = state.hear(step.stucks) {
                return Poll::Ready(Err(stuck));
            }
            if state.jumps == step.jumps {
                keep(&mut state.stepping, cx.waker());
                return Poll::Pending;
            }
            if state.rests > state.rests_at_jump {
                return Poll::Ready(Ok(()));
            }
            keep(&mut state.waiting, cx.waker());
            Poll::Pending
        })
        .await
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

    /// The waker of that future.
    pub(super) fn main(&self) -> Option<Waker> {
        self.state.lock().main.clone()
    }

    /// Wakes the future that the runtime blocks on.
    pub(super) fn wake_main(&self) {
        self.state.lock().wake_main();
    }

    /// Why the test cannot go on, if it cannot and no wait has heard of it.
    pub(super) fn take_stuck(&self) -> Option<Stuck> {
        let mut state = self.state.lock();
        state.stuck.take().filter(|_| !state.is_heard)
    }

    /// Notes an event of the tree.
    pub(super) fn note_event(&self) {
        self.activity.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events there were.
    pub(super) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Notes that an incarnation starts.
    pub(super) fn note_start(&self, path: &str) {
        self.count(|state, moment| state.busy.started(path, moment));
    }

    /// Notes that a runnable is polled, until the guard is dropped.
    pub(super) fn note_poll(&self, path: &Arc<str>) -> Polling<'_> {
        self.count(|state, moment| {
            state.polling = Some(path.clone());
            state.busy.polled(path, moment)
        });
        Polling(self)
    }

    fn count(&self, is_too_much: impl FnOnce(&mut State, u64) -> bool) {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let moment = self.moments.load(Ordering::Relaxed);
        let mut state = self.state.lock();
        if is_too_much(&mut state, moment) {
            let busiest = state.busy.take_busiest();
            state.get_stuck(Stuck::Livelock(busiest));
        }
    }

    /// How far the runtime has come, as seen from another thread.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.moments.load(Ordering::Relaxed), self.events())
    }

    /// Asks, from another thread, whether the runtime still polls what it blocks on. Returns the
    /// runnable that is in a poll: that it takes long is no livelock.
    pub(super) fn ask(&self) -> Option<Arc<str>> {
        let mut state = self.state.lock();
        if state.held_up == HeldUp::No {
            state.held_up = HeldUp::Asked;
        }
        state.wake_main();
        state.polling.clone()
    }

    /// Gives the test up, from another thread, if it has answered since it was asked: the runtime
    /// was never idle for so long.
    pub(super) fn give_up(&self, time: Duration) {
        let mut state = self.state.lock();
        if state.held_up == HeldUp::Answered {
            state.held_up = HeldUp::No;
            let busiest = state.busy.take_busiest();
            state.get_stuck(Stuck::HeldUp(time, busiest));
        }
    }

    /// Notes that it has come further.
    pub(super) fn go_on(&self) {
        self.state.lock().held_up = HeldUp::No;
    }
}

impl State {
    /// What a wait hears that began when there had been so many reasons to give up.
    fn hear(&mut self, stucks: u64) -> Option<Stuck> {
        if self.stucks == stucks {
            return None;
        }
        self.is_heard = true;
        self.stuck.clone()
    }

    /// All that wait now hear of it; if nobody does, the test.
    pub(super) fn get_stuck(&mut self, stuck: Stuck) {
        self.stuck = Some(stuck);
        self.stucks += 1;
        self.is_heard = false;
        let waiting = self.waiting.drain(..).chain(self.stepping.drain(..));
        waiting.for_each(Waker::wake);
        self.wake_main();
    }

    fn wake_main(&self) {
        if let Some(main) = &self.main {
            main.wake_by_ref();
        }
    }
}

fn keep(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|kept| kept.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

/// A runnable is polled while this is there.
pub(super) struct Polling<'a>(&'a Idle);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.state.lock().polling = None;
    }
}

/// The permission to jump, once, of one who waits.
struct Step<'a> {
    idle: &'a Idle,
    jumps: u64,
    stucks: u64,
}

impl<'a> Step<'a> {
    fn allow(idle: &'a Idle) -> Self {
        let mut state = idle.state.lock();
        state.steps += 1;
        let State { jumps, stucks, .. } = *state;
        Self {
            idle,
            jumps,
            stucks,
        }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        let mut state = self.idle.state.lock();
        // A jump uses up the permissions of all that wait for it.
        if state.jumps == self.jumps {
            state.steps -= 1;
        }
    }
}

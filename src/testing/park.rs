//! What happens when the runtime has nothing to do: the park hook.
//!
//! On a paused clock a runtime that parks jumps to the next timer. Here it parks only if a wait has
//! asked for that. Otherwise whoever waits for this moment is woken, or else the future that the
//! runtime blocks on; a runtime with something woken does not park, and the clock stands still.
//!
//! What comes from outside of the runtime, from a socket or a thread, comes when it wants. Where
//! that may happen, a moment of real time goes by before the runtime counts as idle.

use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::testing::idle::{Idle, Io, State};
use crate::testing::settled::Settled;
use crate::testing::stuck::{ALONE_MAX, BLOCKED_MAX, Stuck};

/// How long nothing happens, in real time, before nothing more is expected from outside.
const OUTSIDE_QUIET: Duration = Duration::from_millis(50);

/// How long is waited for the outside before it is looked at again.
const NAP: Duration = Duration::from_millis(1);

/// How long, in real time, threads that come and go may keep a wait from being told.
const PUT_OFF_MAX: Duration = Duration::from_secs(60);

/// How often a test may ask in a row whether the runtime is idle, with nothing that happens in
/// between.
const ASKS_MAX: u64 = 100_000;

/// What happens next.
enum Next {
    /// The clock jumps to the next timer.
    Step,
    /// Something may come from outside.
    Nap,
    /// These are told that the runtime is idle.
    Tell(Vec<Waker>),
}

impl Idle {
    /// The park hook of the runtime.
    pub(super) fn parks(&self) {
        self.moments.fetch_add(1, Ordering::Relaxed);
        let next = self.next(&mut self.state.lock());
        match next {
            Next::Step => return,
            Next::Nap => std::thread::sleep(NAP),
            Next::Tell(waiting) => waiting.into_iter().for_each(Waker::wake),
        }
        // The clock would jump if nothing were woken, and those who waited may be gone.
        self.wake_main();
    }

    fn next(&self, state: &mut State) -> Next {
        // Whatever it was, the runtime has come to rest since.
        state.stuck = None;
        let calm = self.calm(state);
        let has_threads = self.threads.load(Ordering::Acquire) > 0;
        // What a thread has woken just before its end is not in sight yet.
        let had_threads = std::mem::replace(&mut state.had_threads, has_threads) || has_threads;
        if state.waiting.is_empty() && state.steps == 0 {
            // Nobody waits through the harness. Only a thread could bring what the test wants.
            return give_up(state, calm, has_threads);
        }
        let is_outside = self.io == Io::On || had_threads;
        if is_outside && calm < OUTSIDE_QUIET {
            return put_off(state, had_threads);
        }
        state.put_off = None;
        if state.waiting.is_empty() {
            return Self::step_or_wait(state, calm, has_threads);
        }
        self.tell(state, is_outside)
    }

    /// All that wait, wait for time.
    fn step_or_wait(state: &mut State, calm: Duration, has_threads: bool) -> Next {
        if has_threads {
            // Tokio does not move a paused clock while a blocking task runs.
            return give_up(state, calm, has_threads);
        }
        state.calm = None;
        state.steps = 0;
        state.jumps += 1;
        state.asks = 0;
        state.rests_at_jump = state.rests;
        // They go on when the runtime has nothing to do after the jump.
        state.waiting = std::mem::take(&mut state.stepping);
        Next::Step
    }

    /// How long nothing has happened, in real time.
    fn calm(&self, state: &mut State) -> Duration {
        let activity = self.activity.load(Ordering::Relaxed);
        match state.calm {
            Some((since, seen)) if seen == activity => since.elapsed(),
            Some(_) | None => {
                state.calm = Some((Instant::now(), activity));
                Duration::ZERO
            }
        }
    }

    fn tell(&self, state: &mut State, is_outside: bool) -> Next {
        state.calm = None;
        let activity = self.activity.load(Ordering::Relaxed);
        state.asks = if state.asked_at == activity {
            state.asks + 1
        } else {
            0
        };
        state.asked_at = activity;
        if state.asks > ASKS_MAX {
            state.asks = 0;
            state.get_stuck(Stuck::Alone);
            return Next::Nap;
        }
        state.rests += 1;
        state.rest = if is_outside {
            Settled::Inexact
        } else {
            Settled::Exact
        };
        Next::Tell(std::mem::take(&mut state.waiting))
    }

    /// The hooks of the blocking pool's threads.
    pub(super) fn thread_starts(&self) {
        self.threads.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn thread_stops(&self) {
        self.threads.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Lets those wait who do, as something may still come from outside.
fn put_off(state: &mut State, had_threads: bool) -> Next {
    let since = state.put_off.get_or_insert_with(Instant::now);
    if had_threads && since.elapsed() >= PUT_OFF_MAX {
        state.put_off = None;
        state.get_stuck(Stuck::Blocked(PUT_OFF_MAX));
    }
    Next::Nap
}

/// Waits for a thread, but not for ever.
fn give_up(state: &mut State, calm: Duration, has_threads: bool) -> Next {
    let (limit, stuck) = if has_threads {
        (BLOCKED_MAX, Stuck::Blocked(BLOCKED_MAX))
    } else {
        (ALONE_MAX, Stuck::Alone)
    };
    if calm >= limit {
        state.calm = None;
        state.get_stuck(stuck);
    }
    Next::Nap
}

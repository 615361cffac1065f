//! How each act of a history is carried out.

use perennial::tree::{Intent, Kind, Signal};
use perennial::{Exit, Name, Panic};

use crate::choices::How;
use crate::history::{Act, Late};
use crate::laws::Fact;
use crate::world::{Incarnation, World};

impl World {
    pub(crate) fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Run { by, name, child } => self.run(*by, *name, *child),
            Act::Group {
                by,
                options,
                members,
            } => self.run_group(*by, *options, members),
            Act::StartInPool { pool, child } => self.start_in_pool(*pool, *child),
            Act::Signal { by, signal } => self.pick_signal(*by, *signal),
            Act::Exit { by, how, left } => self.pick_exit(*by, *how, *left),
            Act::Obey { by, how, left } => self.pick_obedient(*by, *how, *left),
            Act::EndOwned { by } => {
                let by = self.pick(*by, |known| known.has_returned && !known.has_ended);
                by.map_or(Ok(()), |by| self.end(by))
            }
            Act::OwnedPanic { by } => {
                let by = self.pick(*by, |known| may_fail(known, *by) && !known.has_ended);
                by.map_or(Ok(()), |by| self.owned_panic(by))
            }
            Act::Beat { by } => {
                let limited = |known: &Incarnation| known.choices.policy.beat_timeout.is_some();
                let by = self.pick(*by, |known| limited(known) && !known.has_returned);
                by.map_or(Ok(()), |by| self.beat(by))
            }
            Act::Late { by, what } => self.pick_late(*by, *what),
            Act::Order { to, order } => self.order(*to, *order),
            Act::Reconfigure { to, choices } => self.reconfigure(*to, *choices),
            Act::Stop { within } => self.stop(*within),
            Act::Next => self.sleep_until(self.core.next_deadline().unwrap_or(self.now)),
            Act::Sleep(time) => self.sleep_until(self.now + *time),
            Act::Oversleep(time) => {
                self.now += *time;
                self.note(format_args!("the processor is late"));
                Ok(())
            }
        }
    }

    /// Counts around those that can do it.
    pub(crate) fn pick(&self, by: usize, can: impl Fn(&Incarnation) -> bool) -> Option<usize> {
        let able = self
            .incarnations
            .iter()
            .enumerate()
            .filter(|(_, known)| can(known));
        let able: Vec<_> = able.map(|(at, _)| at).collect();
        Some(able[by.checked_rem(able.len())?])
    }

    /// Whether a message of this incarnation is stale.
    pub(crate) fn fact_of(&self, by: usize) -> Fact {
        let naive = self.incarnations[by].naive;
        let is_there = self
            .naive
            .nodes
            .values()
            .any(|node| node.incarnation == naive);
        if is_there { Fact::Other } else { Fact::Stale }
    }

    fn is_abandoned(&self, known: &Incarnation) -> bool {
        let mut abandoned = self.naive.abandoned.iter();
        abandoned.any(|(it, _)| *it == known.naive)
    }

    fn is_late(&self, known: &Incarnation) -> bool {
        let mut nodes = self.naive.nodes.values();
        known.choices.kind == Kind::Runnable && !nodes.any(|node| node.incarnation == known.naive)
    }

    fn beat(&mut self, by: usize) -> Result<(), String> {
        let Incarnation {
            id, path, naive, ..
        } = &self.incarnations[by];
        let (id, path, naive) = (id.incarnation(), path.clone(), *naive);
        self.note(format_args!("{path} #{id} beats"));
        self.beats.insert(id, self.now);
        self.naive.beats.insert(naive, self.now);
        Ok(())
    }

    fn pick_signal(&mut self, by: usize, signal: Signal) -> Result<(), String> {
        let is_here = |known: &Incarnation| known.choices.kind == Kind::Runnable;
        let by = self.pick(by, |known| is_here(known) && !self.is_late(known));
        by.map_or(Ok(()), |by| self.signal(by, signal))
    }

    fn signal(&mut self, by: usize, signal: Signal) -> Result<(), String> {
        let fact = self.fact_of(by);
        let known = &mut self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        known.said = known.said.max(Intent::from(signal));
        known.is_closed |= matches!(signal, Signal::Healthy | Signal::Done);
        self.note(format_args!("{path} #{} says {signal}", id.incarnation()));
        self.state(
            &fact,
            |core, now| core.signal(now, id, &path, signal),
            |naive, now, ()| naive.signal(now, incarnation, signal),
        )
    }

    /// Every other time it is one that spoke before, and mostly does as it said.
    fn pick_exit(&mut self, by: usize, how: How, left: usize) -> Result<(), String> {
        let can = |known: &Incarnation| may_fail(known, by) && !known.has_returned;
        let spoke = |known: &Incarnation| can(known) && known.said != Intent::Nothing;
        let speaker = self.pick(by, spoke).filter(|_| by.is_multiple_of(2));
        let Some(by) = speaker.or_else(|| self.pick(by, can)) else {
            return Ok(());
        };
        let is_done = self.incarnations[by].said == Intent::Done;
        let how = if is_done && how == How::Err {
            How::Ok
        } else {
            how
        };
        self.exit(by, how, left)
    }

    fn pick_obedient(&mut self, by: usize, how: How, left: usize) -> Result<(), String> {
        let by = self.pick(by, |known| {
            known.choices.kind == Kind::Runnable && known.was_asked && !known.has_returned
        });
        by.map_or(Ok(()), |by| self.exit(by, how, left))
    }

    fn exit(&mut self, by: usize, how: How, left: usize) -> Result<(), String> {
        let is_abandoned = self.is_abandoned(&self.incarnations[by]);
        let known = &mut self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        let mut fact = if is_abandoned {
            Fact::Other
        } else {
            Fact::Stale
        };
        if !known.has_returned {
            fact = if is_abandoned {
                Fact::Other
            } else {
                Fact::Exit {
                    path: path.clone(),
                    incarnation: id.incarnation(),
                    said: known.said,
                    restart: known.choices.restart,
                    how,
                }
            };
            known.has_returned = true;
            known.is_closed = true;
            known.has_ended = left == 0;
            if left == 0 {
                self.laws.living.remove(&id.incarnation());
            }
        }
        self.note(format_args!(
            "{path} #{} exits {how:?}, {left} left",
            id.incarnation()
        ));
        self.state(
            &fact,
            |core, now| core.exited(now, id, Exit::from(how), left),
            |naive, now, ()| naive.exited(now, incarnation, how, left),
        )
    }

    fn end(&mut self, by: usize) -> Result<(), String> {
        let known = &mut self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        let fact = if known.has_ended {
            Fact::Stale
        } else {
            Fact::Other
        };
        known.has_ended = true;
        self.laws.living.remove(&id.incarnation());
        self.note(format_args!(
            "all that {path} #{} owned has ended",
            id.incarnation()
        ));
        self.state(
            &fact,
            |core, now| core.ended(now, id),
            |naive, now, ()| naive.all_ended(now, incarnation),
        )
    }

    fn owned_panic(&mut self, by: usize) -> Result<(), String> {
        let fact = self.fact_of(by);
        let known = &self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        self.note(format_args!(
            "a task that {path} #{} owns panics",
            id.incarnation()
        ));
        self.state(
            &fact,
            |core, now| core.owned_panicked(now, id, Panic::new("boom", None)),
            |naive, now, ()| naive.owned_panicked(now, incarnation),
        )
    }

    /// Of those whose node has moved on; an exit or an end may be of any that has ended.
    fn pick_late(&mut self, by: usize, what: Late) -> Result<(), String> {
        let may_be_here = matches!(what, Late::Exit | Late::Ended);
        let by = self.pick(by, |known| {
            // What was abandoned is there, and has to return before it has ended.
            let is_out_of_turn = what == Late::Ended && !known.has_returned;
            let is_late = self.is_late(known) && !(is_out_of_turn && self.is_abandoned(known));
            is_late || may_be_here && known.has_ended && known.has_returned
        });
        let Some(by) = by else { return Ok(()) };
        self.note(format_args!("    late:"));
        match what {
            Late::Signal => self.signal(by, Signal::Healthy),
            Late::Exit => self.exit(by, How::Err, 0),
            Late::Ended => self.end(by),
            Late::OwnedPanic => self.owned_panic(by),
            Late::Run => {
                let path = self.incarnations[by].path.child(Name::sanitize("late"));
                self.declare(by, path, self.incarnations[by].choices)
            }
        }
    }
}

/// Pools have no code, and the root fails seldom, for that is the end of all below it.
fn may_fail(known: &Incarnation, by: usize) -> bool {
    known.choices.kind == Kind::Runnable && (known.path.depth() > 0 || by.is_multiple_of(5))
}

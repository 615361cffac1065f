//! What comes after the storm. Everybody behaves, and the tree has to settle or to end in time;
//! then it is told to stop, which not everybody likes, and has to end in time again.

use std::time::Duration;

use perennial::tree::{Health, Intent, Kind, Signal};

use crate::act::{Act, Late};
use crate::choices::{Choices, How, Policy};
use crate::planted::Planted;
use crate::player::{Player, Run};
use crate::world::{Career, Manner};

/// Nothing may happen in a settled tree for as long.
const IDLE: Duration = Duration::from_secs(3600);

impl Player<'_> {
    /// Plays on until the tree is settled, and then until it has ended.
    pub(crate) fn calm_down(&mut self) -> Result<(), String> {
        self.note(format_args!("the storm is over, and everybody behaves"));
        self.settle()?;
        if !self.has_ended {
            self.stay_idle()?;
            self.end_all()?;
        }
        self.speak_after_the_end()
    }

    /// Liveness: without faults the tree settles or ends within its bound.
    fn settle(&mut self) -> Result<(), String> {
        let start = self.now;
        let bound = start + self.world.settles_within();
        self.pass()?;
        while !self.has_ended {
            let behaves = self.planted != Some(Planted::Grudge);
            if behaves && self.everybody(Self::behave)? {
                continue;
            }
            if self.core.is_settled() {
                self.settled_after = Some(self.now - start);
                break;
            }
            let due = self.core.next_deadline();
            let due = due.ok_or_else(|| self.unsettled("and nothing is due"))?;
            if due > bound {
                return Err(self.unsettled(&format!("and was to be at {bound:?}")));
            }
            self.now = self.now.max(due);
            self.pass()?;
        }
        Ok(())
    }

    fn unsettled(&self, why: &str) -> String {
        let snapshot = self.core.snapshot(self.now);
        format!("liveness: it has not settled, {why}\n{snapshot}")
    }

    /// L8: nothing happens in a settled tree, and nothing is due.
    fn stay_idle(&mut self) -> Result<(), String> {
        let actions = self.monitor.actions;
        self.now += IDLE;
        self.pass()?;
        if self.monitor.actions > actions {
            return Err("L8: something happens in a settled tree".into());
        }
        Ok(())
    }

    /// Lets each that lives do something, then runs the pass. Says whether somebody did.
    fn everybody(
        &mut self,
        act: impl Fn(&mut Self, usize) -> Result<bool, String>,
    ) -> Result<bool, String> {
        let mut acted = false;
        for run in self.living.clone() {
            acted |= act(self, run)?;
        }
        if acted {
            self.pass()?;
        }
        Ok(acted)
    }

    /// Whoever is asked returns, and whoever starts declares its children and is healthy. Who has
    /// a time limit is done with it, as it cannot serve for ever in silence.
    fn behave(&mut self, run: usize) -> Result<bool, String> {
        let known = self.runs[run].clone();
        let by = known.spot;
        let place = &self.world.places[by];
        if known.has_returned {
            return self.play(&Act::Ended { by });
        }
        if known.was_asked || known.said == Intent::Done {
            return self.play(&returns(&known));
        }
        let is_limited = [place.choices, place.later].iter().any(Choices::is_limited);
        let is_done = place.career == Career::Done || is_limited;
        let sets_up = place.choices.health == Health::Signalled && !known.is_closed;
        if is_limited && !sets_up {
            let signal = Signal::Done;
            return self.play(&Act::Signal { by, signal });
        }
        if sets_up {
            for brood in &place.broods {
                self.play(&Act::declare(self.world, *brood))?;
            }
            self.play(&Act::Signal {
                by,
                signal: if is_done {
                    Signal::Done
                } else {
                    Signal::Healthy
                },
            })?;
        }
        Ok(sets_up)
    }

    /// L9: the stop at the end takes no longer than its budget.
    fn end_all(&mut self) -> Result<(), String> {
        let within = self.world.stop_within;
        let leak_after = self.world.settings.leak_after;
        let places = self.world.places.iter();
        let graces = places.map(|place| place.choices.grace.unwrap_or_default() + leak_after);
        // Without a deadline they may stop one after the other.
        let budget = within.map_or_else(|| graces.sum(), |within| within + leak_after);
        let bound = self.now + budget;
        self.stop(within)?;
        self.pass()?;
        while !self.has_ended {
            if self.everybody(|player, run| player.take_leave(run, within))? {
                continue;
            }
            let due = self.core.next_deadline();
            let due = due.ok_or_else(|| self.unended("and nothing is due"))?;
            if due > bound {
                return Err(self.unended(&format!("and was to be at {bound:?}")));
            }
            self.now = self.now.max(due);
            self.pass()?;
        }
        Ok(())
    }

    fn unended(&self, why: &str) -> String {
        format!(
            "L9: it has not ended, {why}\n{}",
            self.core.snapshot(self.now)
        )
    }

    /// Each in its manner; who has no budget obeys, for nothing else would end it.
    fn take_leave(&mut self, run: usize, within: Option<Duration>) -> Result<bool, String> {
        let known = self.runs[run].clone();
        let place = &self.world.places[known.spot];
        let has_budget = within.is_some() || place.choices.grace.is_some();
        let returns_now = match place.manner {
            Manner::Obeys => known.was_asked,
            Manner::Ignores => known.was_aborted || !has_budget && known.was_asked,
            Manner::Leaks => !has_budget && known.was_asked,
        };
        if !returns_now {
            return Ok(false);
        }
        if known.has_returned {
            return self.play(&Act::Ended { by: known.spot });
        }
        self.play(&returns(&known))
    }

    /// L10: what arrives after the end is counted.
    fn speak_after_the_end(&mut self) -> Result<(), String> {
        for run in self.living.clone() {
            let by = self.runs[run].spot;
            let how = How::Err;
            self.play(&Act::Exit { by, how, left: 0 })?;
            self.play(&Act::Late {
                by,
                what: Late::Signal,
            })?;
        }
        Ok(())
    }
}

fn returns(run: &Run) -> Act {
    let how = if run.was_aborted { How::Abort } else { How::Ok };
    Act::Exit {
        by: run.spot,
        how,
        left: 0,
    }
}

impl Choices {
    /// Whether it may not run, or not be silent, for ever.
    pub(crate) fn is_limited(&self) -> bool {
        let Policy {
            run_timeout,
            beat_timeout,
            ..
        } = self.policy;
        self.kind == Kind::Runnable && (run_timeout.is_some() || beat_timeout.is_some())
    }
}

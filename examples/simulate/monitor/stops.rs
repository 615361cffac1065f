//! Idle is free (L8): nothing stays due. And stops are bounded (L9): whoever is asked has ended or
//! is aborted when its grace is over, and has ended or is leaked after that.

use std::cmp::Reverse;
use std::time::Duration;

use perennial::tree::{Event, Failure, Id, Kind, OnLeak, Report, Restart, Rung, State, Told};

use crate::monitor::node::Own;
use crate::monitor::{Answer, Monitor};
use crate::world::Spot;

impl Monitor<'_> {
    pub(super) fn told(&mut self, event: &Event, spot: Spot, told: Told) -> Result<(), String> {
        let node = &mut self.nodes[spot];
        if node.told.is_some() || node.own != Own::Code {
            return Err(format!("R5: it is told twice, or does not run: {event}"));
        }
        node.told = Some(told);
        self.is_stopping |= told == Told::Tree;
        Ok(())
    }

    pub(super) fn told_to_stop(&mut self, within: Option<Duration>) {
        self.is_stopping = true;
        let wanted = within.map(|time| self.now + time);
        self.stop_deadline = self.stop_deadline.into_iter().chain(wanted).min();
        for spot in 0..self.nodes.len() {
            if self.nodes[spot].rung == Rung::Asked && self.nodes[spot].own != Own::Nothing {
                self.expect_rung(spot, self.nodes[spot].due);
            }
        }
    }

    fn expect_rung(&mut self, spot: Spot, due: Option<Duration>) {
        let due = due.into_iter().chain(self.stop_deadline).min();
        self.nodes[spot].due = due;
        if let Some(due) = due {
            self.expect_by(due, spot);
        }
    }

    pub(super) fn expect_by(&mut self, due: Duration, spot: Spot) {
        self.dues.push(Reverse((due, spot)));
    }

    pub(super) fn asked(&mut self, id: Id) -> Result<(), String> {
        let spot = self.here(id)?;
        self.in_turn(spot)?;
        let node = &mut self.nodes[spot];
        if node.rung != Rung::None {
            return Err(format!("R10: {} is asked twice", self.place(spot)));
        }
        node.rung = Rung::Asked;
        // A pool has no code: it is closed, which is no other event.
        node.falls |= self.world.places[spot].choices.kind == Kind::Pool;
        let choices = self.choices(spot);
        if choices.kind == Kind::Runnable {
            self.expect_rung(spot, choices.grace.map(|grace| self.now + grace));
        }
        Ok(())
    }

    pub(super) fn aborted(&mut self, id: Id) -> Result<(), String> {
        let spot = self.here(id)?;
        let node = &mut self.nodes[spot];
        let is_early = node.due.is_none_or(|due| due > self.now);
        if node.rung != Rung::Asked || node.own == Own::Nothing || is_early {
            return Err(format!("R10: {} is aborted out of turn", self.place(spot)));
        }
        let due = self.now + self.world.settings.leak_after;
        node.rung = Rung::Aborted;
        node.due = Some(due);
        self.expect_by(due, spot);
        Ok(())
    }

    pub(super) fn has_leaked(&mut self, event: &Event, spot: Spot) -> Result<(), String> {
        let node = &mut self.nodes[spot];
        let is_early = node.due.take().is_none_or(|due| due > self.now);
        if node.rung != Rung::Aborted || node.own == Own::Nothing || is_early {
            return Err(format!("R10: it leaks out of turn: {event}"));
        }
        node.rung = Rung::Leaked;
        if self.choices(spot).policy.on_leak == OnLeak::Abandon {
            self.nodes[spot].own = Own::Nothing;
            self.abandoned.insert(event.incarnation, spot);
            self.count_living(spot, |living| living.saturating_sub(1));
        } else {
            self.leaked += 1;
        }
        Ok(())
    }

    pub(super) fn leak_has_ended(&mut self, spot: Spot) {
        self.nodes[spot].rung = Rung::Aborted;
        self.leaked -= 1;
    }

    /// Whether it has ended in time, so that its fall raises it with the others.
    pub(super) fn rises_after_leak(&self, spot: Spot) -> bool {
        let node = &self.nodes[spot];
        let is_raised = self.choices(spot).restart != Restart::Temporary && !node.is_terminated;
        // Of the others, whoever is left alone has no fall any more.
        let is_pending = node.is_top || self.others_fall(spot);
        node.falls && node.state == State::Down && is_raised && is_pending
    }

    /// After the core was let go on, nothing is due that it has not done.
    pub(super) fn bounds(&mut self, answer: Answer) -> Result<(), String> {
        if let Some(due) = answer.next_deadline.filter(|due| *due <= self.now) {
            return Err(format!("L8: what was due at {due:?} is left"));
        }
        if answer.is_settled && answer.next_deadline.is_some() && !self.is_limited() {
            return Err("L8: the tree is settled, and something is due".into());
        }
        while let Some(Reverse((due, spot))) = self.dues.peek().copied() {
            if due > self.now {
                break;
            }
            self.dues.pop();
            self.has_moved_on(due, spot)?;
        }
        let is_out = self.nodes[0].living == self.leaked;
        if self.is_stopping && is_out && !self.has_ended {
            return Err("L9: all has ended or leaked, and the tree has not".into());
        }
        Ok(())
    }

    /// Whether the time of something that serves will be up.
    fn is_limited(&self) -> bool {
        (0..self.nodes.len())
            .any(|spot| self.choices(spot).is_limited() && self.nodes[spot].state == State::Healthy)
    }

    fn has_moved_on(&self, due: Duration, spot: Spot) -> Result<(), String> {
        let node = &self.nodes[spot];
        let falls = node.told.is_some() || node.falls || self.is_stopping;
        let follows = self.follows(spot) || node.scheduled_in == 0;
        let waits = node.state == State::Waiting && !falls && !follows && self.stand_above(spot);
        let climbs = matches!(node.rung, Rung::Asked | Rung::Aborted) && node.own != Own::Nothing;
        if node.is_there && node.due == Some(due) && (waits || climbs) {
            let path = self.place(spot);
            return Err(format!(
                "L9: {path} was due at {due:?}, and nothing happened"
            ));
        }
        Ok(())
    }

    /// What waits below a fall was canceled, which is no event.
    fn stand_above(&self, spot: Spot) -> bool {
        self.ancestors(spot)
            .skip(1)
            .all(|above| self.nodes[above].stands() && !self.nodes[above].may_end)
    }

    /// L3, L9: at the end all is answered, and what has not ended is named.
    pub(super) fn ended(&mut self, result: &Result<Report, Failure>) -> Result<(), String> {
        self.has_ended = true;
        if self.open > 0 {
            return Err("L3: the tree ended, and an exit has no answer".into());
        }
        let stops = match result {
            Ok(report) => &report.stops,
            Err(failure) => &failure.stops,
        };
        for (spot, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.is_there)
        {
            let path = self.place(spot);
            let is_abandoned = self.abandoned.values().any(|it| *it == spot);
            let has_ended = node.own == Own::Nothing && !is_abandoned;
            let leaked = stops
                .iter()
                .any(|stop| stop.path == *path && stop.rung == Rung::Leaked);
            if has_ended == leaked {
                return Err(format!(
                    "L9: {path} has ended: {has_ended}, is leaked: {leaked}"
                ));
            }
        }
        Ok(())
    }
}

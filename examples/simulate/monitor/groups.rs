//! Who falls with whom (R6), who is due and starts together (L5), and who comes after whom, at the
//! start (R10b) and at the stop (R10).

use perennial::tree::{Event, OnSpent, Sequence, State, Stops, Strategy};

use crate::monitor::Monitor;
use crate::monitor::node::{Node, Own};
use crate::world::{Group, Spot};

impl Monitor<'_> {
    fn group(&self, spot: Spot) -> Option<(&Group, Vec<Spot>)> {
        let group = self.nodes[spot].group?;
        let is_there = |member: &Spot| {
            let node = &self.nodes[*member];
            node.is_there && node.group == Some(group)
        };
        let members = self.groups[group].iter().copied().filter(is_there);
        Some((&self.world.groups[group], members.collect()))
    }

    fn in_order(&self, spot: Spot) -> Option<Vec<Spot>> {
        let (group, members) = self.group(spot)?;
        (group.options.sequence == Sequence::InOrder).then_some(members)
    }

    /// R6: notes who falls with it: whom its strategy takes, or all, if the start of its group has
    /// failed.
    pub(super) fn fell(&mut self, event: &Event, spot: Spot, members: usize) -> Result<(), String> {
        let all = self.group(spot).map_or_else(|| vec![spot], |(_, all)| all);
        let stands = |member: &Spot| *member == spot || self.nodes[*member].state != State::Down;
        let standing: Vec<_> = all.into_iter().filter(stands).collect();
        let taken = self.taken_with(spot, &standing);
        let fallen = if members == taken.len() {
            taken
        } else {
            standing
        };
        let fails_together = self.in_order(spot).is_some();
        let is_known = fallen.len() == members;
        if !is_known && (!fails_together || fallen.len() < members) {
            return Err(format!("R6: {} fall, not {members}: {event}", fallen.len()));
        }
        let stays_down = event.state == State::Down;
        for member in fallen {
            self.nodes[member].falls = true;
            self.nodes[member].stays_down |= stays_down;
        }
        Ok(())
    }

    fn taken_with(&self, spot: Spot, standing: &[Spot]) -> Vec<Spot> {
        let strategy = self.group(spot).map(|(group, _)| group.options.strategy);
        let first = match strategy {
            Some(Strategy::OneForAll) => Spot::MIN,
            Some(Strategy::RestForOne) => spot,
            _ => return vec![spot],
        };
        let falls =
            |member: &Spot| *member == spot || *member >= first && !self.nodes[*member].stays_down;
        standing.iter().copied().filter(falls).collect()
    }

    /// R9: what falls with who stays down does so, too.
    pub(super) fn budget_spent(&mut self, spot: Spot) {
        let stays = self.choices(spot).policy.on_spent == OnSpent::StayDown;
        if !self.nodes[spot].falls || !stays {
            return;
        }
        let members = self.group(spot).map(|(_, members)| members);
        for member in members.unwrap_or_default() {
            self.nodes[member].stays_down |= self.nodes[member].falls;
        }
    }

    pub(super) fn others_fall(&self, spot: Spot) -> bool {
        let members = self.group(spot).map(|(_, members)| members);
        let falls = |member: Spot| {
            let node = &self.nodes[member];
            node.falls && node.state != State::Down && member != spot
        };
        members.unwrap_or_default().into_iter().any(falls)
    }

    pub(super) fn has_lain_down(&mut self, spot: Spot) {
        let node = &mut self.nodes[spot];
        (node.falls, node.stays_down, node.starts_alone) = (false, false, false);
        if node.own == Own::Nothing {
            node.due = None;
        }
    }

    /// L5: who falls together rises together and is due together, and starts together unless that
    /// is done in order.
    pub(super) fn barrier(&self) -> Result<(), String> {
        for spot in &self.touched {
            let Some((options, group)) = self.group(*spot) else {
                continue;
            };
            if options.options.strategy == Strategy::OneForOne {
                continue;
            }
            let top = &self.nodes[*spot];
            if top.starts_alone || top.alone_in == self.step {
                continue;
            }
            let in_order = self.in_order(*spot).is_some();
            for member in group {
                let node = &self.nodes[member];
                let rises = top.scheduled_in == self.step;
                let is_late = rises && !self.rises_with(top, node);
                let waits = node.state == State::Waiting && !node.starts_alone;
                let is_left = top.started_in == self.step
                    && waits
                    && node.scheduled_in == top.scheduled_in
                    && !in_order;
                if is_late || is_left {
                    let (one, other) = (self.place(*spot), self.place(member));
                    return Err(format!("L5: {one} rises or starts without {other}"));
                }
            }
        }
        Ok(())
    }

    /// Whether a member of the same group rises in this step, too, if it has fallen; at the same
    /// time.
    fn rises_with(&self, top: &Node, node: &Node) -> bool {
        if node.scheduled_in != self.step {
            let has_fallen = node.falls && !node.stays_down && node.state != State::Down;
            return !has_fallen || node.is_terminated || node.starts_alone;
        }
        let has_started = top.started_in == self.step || node.started_in == self.step;
        let is_alone = node.starts_alone || node.alone_in == self.step;
        has_started || is_alone || node.due == top.due
    }

    /// The nearest member before it that rose with it and is not down, in a group that starts in
    /// order.
    fn before(&self, spot: Spot) -> Option<Spot> {
        let members = self.in_order(spot)?;
        let before = members.into_iter().take_while(|member| *member != spot);
        let nearest = before
            .filter(|member| self.nodes[*member].state != State::Down)
            .last()?;
        let epoch = self.nodes[spot].scheduled_in;
        let (group, _) = self.group(spot)?;
        // Two may rise in one step, each alone.
        let rise_alone = epoch > 0 && group.options.strategy == Strategy::OneForOne;
        let node = &self.nodes[nearest];
        let was_alone = node.alone_in > 0 && node.alone_in == node.started_in;
        let is_alone = node.starts_alone || was_alone;
        let rose_together = !rise_alone && !is_alone && node.scheduled_in == epoch;
        rose_together.then_some(nearest)
    }

    /// Whether it may have to wait for others when its time has come.
    pub(super) fn follows(&self, spot: Spot) -> bool {
        self.in_order(spot).is_some()
    }

    /// R10b: each starts when the one before it is healthy or done.
    pub(super) fn comes_after(&self, event: &Event, spot: Spot) -> Result<(), String> {
        let Some(before) = self.before(spot).filter(|_| !self.nodes[spot].starts_alone) else {
            return Ok(());
        };
        match self.nodes[before].state {
            State::Healthy | State::Finishing | State::Done => Ok(()),
            state => Err(format!(
                "R10b: it starts while {} is {state}: {event}",
                self.place(before)
            )),
        }
    }

    /// R10: in order, and after those that use it, a node is asked when the later ones are gone
    /// that were told with it.
    pub(super) fn in_turn(&self, spot: Spot) -> Result<(), String> {
        let node = &self.nodes[spot];
        let is_late = self
            .stop_deadline
            .is_some_and(|deadline| deadline <= self.now);
        if is_late || node.is_terminated || node.own != Own::Code {
            return Ok(());
        }
        let provides = self.choices(spot).policy.stops == Stops::AfterUsers;
        let later = if provides {
            let parent = self.world.places[spot].parent;
            let siblings = 0..self.nodes.len();
            let is_sibling = |it: &Spot| self.world.places[*it].parent == parent;
            siblings.filter(is_sibling).collect()
        } else {
            self.in_order(spot).unwrap_or_default()
        };
        let is_taken = self.is_taken(spot);
        let group = self.group(spot).map(|(group, _)| group.options.strategy);
        let falls_together = group.is_some_and(|strategy| strategy != Strategy::OneForOne);
        let incarnation = |it: Spot| self.declared_in[it];
        let lives = |it: &Spot| {
            let other = &self.nodes[*it];
            let same_fall = node.falls && other.falls && other.stays_down == node.stays_down;
            let falls = is_taken || same_fall && falls_together && other.group == node.group;
            incarnation(*it) > incarnation(spot) && other.is_there && falls && other.living > 0
        };
        let mut later = later.into_iter().filter(lives);
        match later.find(|it| !self.is_leaked_below(*it)) {
            None => Ok(()),
            Some(other) => Err(format!(
                "R10: {} is asked before {} is gone",
                self.place(spot),
                self.place(other)
            )),
        }
    }

    /// Whether all that lives at and below a place has leaked.
    fn is_leaked_below(&self, top: Spot) -> bool {
        let below = (0..self.nodes.len()).filter(|spot| self.ancestors(*spot).any(|it| it == top));
        let mut left = below.filter(|spot| self.nodes[*spot].own != Own::Nothing);
        left.all(|spot| self.nodes[spot].rung == perennial::tree::Rung::Leaked)
    }

    /// Whether somebody above falls or stops.
    pub(super) fn is_taken(&self, spot: Spot) -> bool {
        let mut above = self.ancestors(spot).skip(1);
        self.is_stopping || above.any(|above| !self.nodes[above].stands())
    }

    /// Whether it may have been told to stop without an event.
    pub(super) fn may_be_told(&self, spot: Spot) -> bool {
        let mut above = self.ancestors(spot).skip(1);
        let may_end = above.any(|above| self.nodes[above].may_end);
        self.nodes[spot].falls || self.is_taken(spot) || may_end
    }
}

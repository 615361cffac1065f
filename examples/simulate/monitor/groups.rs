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
        self.falls += 1;
        for member in fallen {
            self.join(member);
            let node = &mut self.nodes[member];
            (node.falls, node.fall) = (true, self.falls);
            node.is_top = member == spot;
            node.stays_down |= stays_down;
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
        let fall = self.nodes[spot].left;
        let falls = |node: &&mut Node| stays && fall > 0 && node.fall == fall;
        for node in self.nodes.iter_mut().filter(falls) {
            node.stays_down = true;
        }
    }

    pub(super) fn others_fall(&self, spot: Spot) -> bool {
        let fall = self.nodes[spot].fall;
        let mut others = self.nodes.iter().enumerate();
        others.any(|(other, node)| {
            other != spot && fall > 0 && node.fall == fall && node.state != State::Down
        })
    }

    /// Who is down has left its fall; the last one to be so ends that.
    pub(super) fn has_lain_down(&mut self, spot: Spot) {
        let (fall, is_over) = (self.nodes[spot].fall, !self.others_fall(spot));
        for (other, node) in self.nodes.iter_mut().enumerate() {
            if other == spot || is_over && fall > 0 && node.fall == fall {
                (node.falls, node.stays_down, node.fall) = (false, false, 0);
            }
        }
        let node = &mut self.nodes[spot];
        (node.starts_alone, node.left) = (false, fall);
        if node.own == Own::Nothing {
            node.due = None;
        }
    }

    /// All that had fallen with a member before, and waits with it, belongs to the newest fall.
    fn join(&mut self, member: Spot) {
        let Node {
            fall, rose, state, ..
        } = self.nodes[member];
        let number = self.falls;
        for node in &mut self.nodes {
            let falls = fall > 0 && node.fall == fall;
            let waits = state == State::Waiting && node.state == State::Waiting;
            let waits = waits && !node.is_launched;
            if falls || waits && rose > 0 && node.rose == rose {
                (node.falls, node.fall) = (true, number);
                node.is_top = false;
            }
        }
    }

    /// L5: who falls together rises together and is due together, and starts together unless that
    /// is done in order.
    pub(super) fn barrier(&self) -> Result<(), String> {
        for spot in &self.touched {
            let Some((_, group)) = self.group(*spot) else {
                continue;
            };
            let top = &self.nodes[*spot];
            if top.starts_alone || top.alone_in == self.step {
                continue;
            }
            let in_order = self.in_order(*spot).is_some();
            for member in group {
                let node = &self.nodes[member];
                let rises = top.scheduled_in == self.step;
                let is_late = rises && !self.rises_with(top, node);
                let starts = top.started_in == self.step && !in_order;
                if is_late || starts && is_left(top, node) {
                    let (one, other) = (self.place(*spot), self.place(member));
                    return Err(format!("L5: {one} rises or starts without {other}"));
                }
            }
        }
        Ok(())
    }

    /// Whether a member of the same fall rises in this step, too, at the same time.
    fn rises_with(&self, top: &Node, node: &Node) -> bool {
        if node.rose == top.rose && node.scheduled_in == self.step {
            let has_started = top.started_in == self.step || node.started_in == self.step;
            // Who was put down since has no time any more.
            let is_down = top.state == State::Down || node.state == State::Down;
            return has_started || is_down || node.due == top.due;
        }
        let is_left = top.rose > 0 && node.fall == top.rose && node.state != State::Down;
        !is_left || node.is_terminated || node.starts_alone
    }

    /// The nearest member before it that rose with it and is not down, in a group that starts in
    /// order.
    fn before(&self, spot: Spot) -> Option<Spot> {
        let members = self.in_order(spot)?;
        let before = members.into_iter().take_while(|member| *member != spot);
        let nearest = before
            .filter(|member| self.nodes[*member].state != State::Down)
            .last()?;
        let (node, other) = (&self.nodes[spot], &self.nodes[nearest]);
        let is_alone = other.starts_alone || other.rose != node.rose;
        let rose_together = !is_alone && other.scheduled_in == node.scheduled_in;
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
        let incarnation = |it: Spot| self.declared_in[it];
        let lives = |it: &Spot| {
            let other = &self.nodes[*it];
            let falls = is_taken || node.fall > 0 && other.fall == node.fall;
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

/// Whether a member of the same rise waits.
fn is_left(top: &Node, node: &Node) -> bool {
    let rose_together = node.rose == top.rose && node.scheduled_in == top.scheduled_in;
    node.state == State::Waiting && !node.starts_alone && rose_together
}

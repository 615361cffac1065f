//! Groups that start in order, in the naive tree (R10b).

use perennial::tree::State;

use crate::naive::{Flaw, Key, Naive};

impl Naive {
    /// Whether the nearest member before this one that is not down is healthy or done.
    pub(crate) fn is_its_turn(&self, key: Key) -> bool {
        let group = self.nodes[&key].group;
        let before =
            self.all(|it, node| it < key && node.group == group && node.state != State::Down);
        before.last().is_none_or(|before| {
            let state = self.nodes[before].state;
            matches!(state, State::Healthy | State::Finishing | State::Done)
        })
    }

    /// Whether the exit of this member, which was never healthy, fails the start of its group.
    pub(crate) fn fails_its_group(&self, key: Key) -> bool {
        let node = &self.nodes[&key];
        let group = node.group.map(|group| &self.groups[&group]);
        let starts = group.is_some_and(|group| !group.has_started);
        let fails = !self.has(Flaw::FailedStartIsRetried);
        starts && self.is_in_order(key) && node.healthy_at.is_none() && fails
    }

    /// The start phase of a group is over when all members were healthy, done or down once.
    pub(crate) fn find_started(&mut self) {
        for number in self.groups.keys().copied().collect::<Vec<_>>() {
            let mut members = self
                .nodes
                .values()
                .filter(|node| node.group == Some(number));
            if members.all(|node| node.was_up)
                && let Some(group) = self.groups.get_mut(&number)
            {
                group.has_started = true;
            }
        }
    }
}

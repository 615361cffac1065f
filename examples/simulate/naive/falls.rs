//! What falls in the naive tree, and with whom (R6).

use std::collections::BTreeSet;
use std::time::Duration;

use perennial::tree::{State, Strategy, Told};

use crate::naive::{Fall, Fate, Flaw, Key, Naive};

impl Naive {
    /// R6: with a node fall those of its group that its strategy takes.
    pub(crate) fn fall(&mut self, key: Key, now: Duration, not_before: Duration) {
        if self.nodes[&key].fall.is_none() {
            let members = self.members(key);
            self.fall_together(key, members, now, not_before, None);
        }
    }

    /// Who falls with a node, itself among them. Who is down, or will be, neither falls nor rises.
    pub(crate) fn members(&self, top: Key) -> Vec<Key> {
        let group = self.nodes[&top].group;
        let strategy = group.map(|group| self.groups[&group].options.strategy);
        let first = match strategy {
            None | Some(Strategy::OneForOne) => return vec![top],
            Some(_) if self.has(Flaw::OneForAllTakesNobody) => return vec![top],
            Some(Strategy::RestForOne) if !self.has(Flaw::RestIsAll) => top,
            Some(_) => Key::MIN,
        };
        let takes_done = !self.has(Flaw::DoneMemberDoesNotFall);
        self.all(|key, node| {
            let is_kept_down = node.fall.as_ref().is_some_and(|fall| fall.fate.is_some());
            let is_down = node.state == State::Down || is_kept_down;
            let falls = !is_down && (takes_done || node.state != State::Done);
            node.group == group && key >= first && falls || key == top
        })
    }

    /// R6: whoever waits or has fallen before joins, and the fall is due at the latest of all.
    pub(crate) fn fall_together(
        &mut self,
        top: Key,
        members: Vec<Key>,
        now: Duration,
        not_before: Duration,
        fate: Option<Fate>,
    ) {
        let number = self.number();
        let mut fall = Fall {
            number,
            top,
            not_before,
            at_once: false,
            fate,
            due: None,
        };
        let mut all: BTreeSet<_> = members.iter().copied().collect();
        for member in &members {
            if let Some(before) = &self.nodes[member].fall {
                let due = before.due.unwrap_or(before.not_before);
                if !self.has(Flaw::JoinedDueIsLost) {
                    fall.not_before = fall.not_before.max(due);
                }
                all.extend(self.fallen(before.number));
            }
        }
        self.join(&all, &fall);
        let by = self.nodes[&top].path.clone();
        for member in all {
            if member != top && self.nodes[&member].state != State::Down {
                self.tell(member, now, Told::Group, &by);
            }
        }
    }

    fn join(&mut self, members: &BTreeSet<Key>, fall: &Fall) {
        let all = members.iter().map(|member| self.nodes[member].incarnation);
        let all: Vec<_> = all.collect();
        for member in members {
            let node = self.at(*member);
            node.fall = Some(fall.clone());
            node.fell_with.extend(&all);
            node.was_ready = false;
        }
    }

    /// What was ordered to start waits for what it left, as a fall would.
    pub(crate) fn fall_alone(&mut self, key: Key) {
        let number = self.number();
        let fall = Fall {
            number,
            top: key,
            not_before: Duration::ZERO,
            at_once: true,
            fate: None,
            due: None,
        };
        self.join(&BTreeSet::from([key]), &fall);
    }

    pub(crate) fn fallen(&self, number: u64) -> Vec<Key> {
        self.all(|_, node| node.fall.as_ref().is_some_and(|fall| fall.number == number))
    }

    pub(crate) fn fall_of(&self, number: u64) -> Option<Fall> {
        let mut falls = self.nodes.values().filter_map(|node| node.fall.as_ref());
        falls.find(|fall| fall.number == number).cloned()
    }

    /// Changes a fall for all its members.
    pub(crate) fn change_fall(&mut self, number: u64, change: impl Fn(&mut Fall)) {
        let falls = self
            .nodes
            .values_mut()
            .filter_map(|node| node.fall.as_mut());
        for fall in falls.filter(|fall| fall.number == number) {
            change(fall);
        }
    }

    /// R6, R16: who was ordered to stop is waited for in its fall. It is out of it when that has
    /// risen; and who was ordered to go as soon as it is out, unless the fall is to escalate.
    pub(crate) fn leave_falls(&mut self) {
        let leaves = self.all(|key, node| {
            let is_over = node.state == State::Down && node.is_terminated();
            let has_ended = || self.is_out(key) && !self.leaks(key);
            let may_leave = |fall: &Fall| {
                let escalates = fall.fate.as_ref().is_some_and(|it| it.escalates.is_some());
                fall.due.is_some() || node.told() == Some(Told::Remove) && !escalates
            };
            node.fall.as_ref().is_some_and(may_leave) && is_over && has_ended()
        });
        for key in leaves {
            self.at(key).fall = None;
        }
    }

    /// Whether everything of a node and below it is gone, and nothing of it will start.
    pub(crate) fn is_out(&self, key: Key) -> bool {
        let mut children = self.children(key).into_iter();
        let is_out = |child: Key| self.is_out(child) && !self.nodes[&child].rises();
        self.nodes[&key].is_gone() && children.all(is_out)
    }

    /// Whether something at or below a node has leaked.
    pub(crate) fn leaks(&self, key: Key) -> bool {
        let mut subtree = self.subtree(key).into_iter();
        subtree.any(|key| self.nodes[&key].is_leaked())
    }

    /// Whether somebody above answers for a node: what is above it falls, or the tree stops.
    pub(crate) fn is_taken(&self, key: Key) -> bool {
        let Some(parent) = self.nodes[&key].parent else {
            return self.stopping.is_some();
        };
        self.nodes[&parent].stops_below() || self.is_taken(parent)
    }
}

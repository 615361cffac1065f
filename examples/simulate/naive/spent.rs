//! What a spent budget leads to in the naive tree (R9), and a failed start (R10b).

use std::time::Duration;

use perennial::Path;
use perennial::tree::{AtRoot, Down, OnSpent, State, Told};

use crate::choices::How;
use crate::naive::{Fate, Flaw, Key, Naive, Own, ROOT};

impl Naive {
    /// R9: it is down, and does what it has chosen, with the whole fall.
    pub(crate) fn spend(&mut self, key: Key, now: Duration, reason: Down) {
        self.at(key).put_down(reason);
        let path = self.nodes[&key].path.clone();
        match self.nodes[&key].choices.policy.on_spent {
            OnSpent::StayDown if key != ROOT && !self.has(Flaw::StayDownEscalates) => {
                self.stay_down(key, now, reason);
            }
            OnSpent::StopTree => self.fail(now, path),
            _ => self.escalate(key, now),
        }
    }

    fn stay_down(&mut self, key: Key, now: Duration, reason: Down) {
        let fate = Some(Fate {
            reason,
            escalates: None,
        });
        match &self.nodes[&key].fall {
            Some(fall) => self.change_fall(fall.number, |fall| fall.fate.clone_from(&fate)),
            None => {
                let members = self.members(key);
                if members.len() > 1 {
                    self.fall_together(key, members, now, Duration::ZERO, fate);
                }
            }
        }
    }

    /// R10b: all members stop and stay down, and it escalates when they are gone.
    pub(crate) fn fail_start(&mut self, key: Key, now: Duration) {
        if self.nodes[&key].state != State::Down {
            self.at(key).put_down(Down::StartFailed);
        }
        let group = self.nodes[&key].group;
        let members =
            self.all(|it, node| it == key || node.group == group && node.state != State::Down);
        let fate = Fate {
            reason: Down::StartFailed,
            escalates: Some((key, self.nodes[&key].path.clone())),
        };
        self.fall_together(key, members, now, Duration::ZERO, Some(fate));
    }

    pub(crate) fn escalate(&mut self, key: Key, now: Duration) {
        let node = &self.nodes[&key];
        let (parent, cause) = (node.parent, node.path.clone());
        self.escalate_to(parent, cause, now);
    }

    /// R9: the parent falls; at the root the tree fails, unless the root is to try again.
    pub(crate) fn escalate_to(&mut self, parent: Option<Key>, cause: Path, now: Duration) {
        let parent = match parent {
            None => return self.fail(now, cause),
            Some(ROOT) if self.settings.escalations == AtRoot::Fail => {
                return self.fail(now, cause);
            }
            Some(parent) => parent,
        };
        let node = &self.nodes[&parent];
        if node.told() > Some(Told::Itself) {
            return;
        }
        if node.is_up() && !node.is_pool() {
            self.condemn(parent, now);
        } else if matches!(node.state, State::Done | State::Healthy) {
            // Its code has returned, or it never had any.
            self.age(parent, now);
            self.end_pool(parent);
            self.read_condemned(parent, now, How::Ok);
        }
    }

    pub(crate) fn end_pool(&mut self, key: Key) {
        if self.nodes[&key].is_pool() {
            self.at(key).own = Own::Nothing;
        }
    }
}

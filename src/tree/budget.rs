//! Budgets of restarts: charged when an exit is read as dead, and what a spent one leads to (R9).

use std::sync::Arc;
use std::time::Duration;

use crate::tree::core::Core;
use crate::tree::event::What;
use crate::tree::evidence::{Cause, Evidence};
use crate::tree::group::Fate;
use crate::tree::intensity::{Budget, Intensity, Scope, Verdict, Window};
use crate::tree::options::OnSpent;
use crate::tree::state::Down;

impl Core {
    /// Does something with each budget that counts a node's deaths: its own, its group's, and its
    /// parent's.
    fn each_window(&mut self, slot: usize, mut act: impl FnMut(Scope, &mut Window)) {
        let node = &mut self.nodes[slot];
        let (parent, group) = (node.parent.get(), node.group.get());
        let windows = node.windows_mut();
        if let Some(window) = windows.and_then(|windows| windows.own.as_mut()) {
            act(Scope::Node, window);
        }
        if let Some(window) = group.and_then(|group| self.groups[group].window.as_mut()) {
            act(Scope::Group, window);
        }
        let windows = parent.and_then(|parent| self.nodes[parent].windows_mut());
        if let Some(window) = windows.and_then(|windows| windows.children.as_mut()) {
            act(Scope::Children, window);
        }
    }

    /// Lets the time of a node's budgets pass only while it runs.
    pub(super) fn tick(&mut self, slot: usize, now: Duration) {
        let node = &mut self.nodes[slot];
        let is_running = node.must_run();
        if std::mem::replace(&mut node.is_running, is_running) == is_running {
            return;
        }
        self.each_window(slot, |_, window| {
            if is_running {
                window.run(now);
            } else {
                window.rest(now);
            }
        });
    }

    /// Counts a death in each budget. Returns the first that was spent before.
    pub(super) fn charge(&mut self, slot: usize, now: Duration) -> Option<(Scope, Intensity)> {
        let mut spent = None;
        self.each_window(slot, |scope, window| {
            let intensity = window.intensity();
            if window.charge(now) == Verdict::Spent {
                spent = spent.or(Some((scope, intensity)));
            }
        });
        spent
    }

    /// Answers a death for which a budget had no restart left.
    pub(super) fn overspend(
        &mut self,
        slot: usize,
        now: Duration,
        (scope, intensity): (Scope, Intensity),
        last: Arc<Evidence>,
    ) {
        let cause = Cause::Intensity {
            scope,
            intensity,
            last,
        };
        let node = &mut self.nodes[slot];
        let evidence = node.record(now, node.last_exit(), Some(cause));
        self.spend(slot, now, Down::Spent, evidence);
    }

    /// Does what a node has chosen for a spent budget, with the whole fall.
    pub(super) fn spend(
        &mut self,
        slot: usize,
        now: Duration,
        reason: Down,
        evidence: Arc<Evidence>,
    ) {
        if self.nodes[slot].down_reason() != Some(reason) {
            self.put_down(slot, now, reason);
        }
        self.tell_budget_spent(slot, now, &evidence);
        match self.nodes[slot].options.on_spent {
            OnSpent::StayDown if slot != self.root => self.stay_down(slot, now, reason),
            OnSpent::Escalate | OnSpent::StayDown => self.escalate(slot, now, evidence),
            OnSpent::StopTree => {
                self.tell_event(slot, now, What::Escalated { to: None });
                self.fail(now, evidence);
            }
        }
    }

    pub(super) fn tell_budget_spent(
        &mut self,
        slot: usize,
        now: Duration,
        evidence: &Arc<Evidence>,
    ) {
        let evidence = evidence.clone();
        self.tell_event(slot, now, What::BudgetSpent { evidence });
    }

    /// Keeps down what falls with a node: its fall, if it is in one, or those that its strategy
    /// takes.
    fn stay_down(&mut self, slot: usize, now: Duration, reason: Down) {
        let fate = Fate::Down {
            reason,
            escalates: None,
        };
        match self.nodes[slot].fall.get() {
            Some(key) => self.falls[key].fate = fate,
            None => {
                let members = self.fallen(slot);
                if members.len() > 1 {
                    self.fall_together(slot, members, now, Duration::ZERO, fate);
                }
            }
        }
    }

    /// The budgets that a node counts and shares, for whoever looks.
    pub(super) fn budgets(&self, slot: usize, now: Duration) -> Vec<Budget> {
        let node = &self.nodes[slot];
        let group = node
            .group
            .get()
            .and_then(|group| self.groups[group].window.as_ref());
        let windows = node.rare().windows.as_deref();
        let own = windows.and_then(|windows| windows.own.as_ref());
        let children = windows.and_then(|windows| windows.children.as_ref());
        let shown = |scope, window: Option<&Window>| window.map(|window| window.budget(scope, now));
        let budgets = [
            shown(Scope::Node, own),
            shown(Scope::Group, group),
            shown(Scope::Children, children),
        ];
        budgets.into_iter().flatten().collect()
    }
}

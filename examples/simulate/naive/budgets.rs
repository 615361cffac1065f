//! Budgets of restarts in the naive tree (R9).

use std::time::Duration;

use perennial::tree::{Intensity, Scope};

use crate::naive::{Flaw, Key, Naive};

/// The deaths that one budget counts, in the time that those have run whom it covers.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) intensity: Intensity,
    pub(crate) deaths: Vec<Duration>,
    ran: Duration,
}

impl Window {
    pub(crate) const fn new(intensity: Intensity) -> Self {
        Self {
            intensity,
            deaths: Vec::new(),
            ran: Duration::ZERO,
        }
    }

    fn left(&self, ran: Duration) -> u32 {
        let within = self.intensity.within();
        let counts = |death: &&Duration| ran - **death <= within;
        let count = self.deaths.iter().filter(counts).count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.intensity.restarts().saturating_sub(count)
    }

    fn charge(&mut self) -> bool {
        let is_within = self.left(self.ran) > 0;
        if is_within {
            self.deaths.push(self.ran);
        }
        is_within
    }
}

impl Naive {
    /// Lets the time of each budget pass in which somebody ran whom it covers.
    pub(crate) fn pass_time(&mut self, now: Duration) {
        let time = now.saturating_sub(self.now);
        self.now = self.now.max(now);
        if time.is_zero() {
            return;
        }
        for key in self.all(|_, _| true) {
            let (runs, below) = (self.runs(key), self.child_runs(key));
            let node = self.at(key);
            pass(node.window.as_mut(), runs, time);
            pass(node.children_window.as_mut(), below, time);
        }
        for number in self.groups.keys().copied().collect::<Vec<_>>() {
            let runs = self.member_runs(number);
            let group = self.groups.get_mut(&number);
            pass(group.and_then(|group| group.window.as_mut()), runs, time);
        }
    }

    /// What fall, ladder, barrier and backoff take is no running time.
    fn runs(&self, key: Key) -> bool {
        let node = &self.nodes[&key];
        let is_up = node.is_up() && !node.is_pool();
        is_up && (node.told.is_none() || self.has(Flaw::StopsAreRunningTime))
    }

    fn child_runs(&self, key: Key) -> bool {
        self.children(key).into_iter().any(|child| self.runs(child))
    }

    fn member_runs(&self, group: u64) -> bool {
        let members = self.all(|_, node| node.group == Some(group));
        members.into_iter().any(|member| self.runs(member))
    }

    /// Charges a death to each budget that covers the node. Says whether all had room for it.
    pub(crate) fn charge(&mut self, key: Key) -> bool {
        let node = self.at(key);
        let (group, parent) = (node.group, node.parent);
        let mut is_within = node.window.as_mut().is_none_or(Window::charge);
        let group = group.and_then(|group| self.groups.get_mut(&group)?.window.as_mut());
        is_within &= group.is_none_or(Window::charge);
        let parent = parent.and_then(|parent| self.at(parent).children_window.as_mut());
        is_within &= parent.is_none_or(Window::charge);
        is_within || self.has(Flaw::BudgetsAreEndless)
    }

    /// What is left of each budget that a node has, alone, with its group, and for its children.
    pub(crate) fn budgets(&self, key: Key, now: Duration) -> Vec<(Scope, Intensity, u32)> {
        let node = &self.nodes[&key];
        let since = now.saturating_sub(self.now);
        let shown = |window: Option<&Window>, runs: bool| {
            let window = window?;
            let ran = window.ran + if runs { since } else { Duration::ZERO };
            Some((window.intensity, window.left(ran)))
        };
        let group = node.group.and_then(|group| {
            let window = self.groups[&group].window.as_ref();
            shown(window, self.member_runs(group))
        });
        let own = shown(node.window.as_ref(), self.runs(key));
        let children = shown(node.children_window.as_ref(), self.child_runs(key));
        let all = [
            (Scope::Node, own),
            (Scope::Group, group),
            (Scope::Children, children),
        ];
        let all = all.into_iter().filter_map(|(scope, seen)| {
            let (intensity, left) = seen?;
            Some((scope, intensity, left))
        });
        all.collect()
    }
}

fn pass(window: Option<&mut Window>, runs: bool, time: Duration) {
    if let Some(window) = window.filter(|_| runs) {
        window.ran += time;
    }
}

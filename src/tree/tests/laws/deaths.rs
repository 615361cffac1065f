//! How often a node may die before a budget is spent (R9), counted from the events.
//!
//! Nothing gets too old to count here: a test that lets time pass has to look for itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::path::Path;
use crate::tree::core::Core;
use crate::tree::event::{Event, What};
use crate::tree::evidence::Cause;
use crate::tree::intensity::{Intensity, Scope};
use crate::tree::node::Node;
use crate::tree::orders::OrderKind;
use crate::tree::state::State;
use crate::tree::tests::world::secs;

/// A window as long as this one never lets a death get too old.
const LONG: Duration = secs(100_000);

/// Whose deaths are counted together: a node's, or those of a group or of all children of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Node(Path),
    Group(Path, usize),
    Children(Path),
}

/// The deaths that count.
#[derive(Clone, Default)]
pub(super) struct Deaths {
    counts: BTreeMap<Key, u32>,
    /// Who has just died, whether that was one death too many, and where it was counted.
    pending: Option<(Path, bool, Vec<Key>)>,
    /// Who has died as the root, which is answered otherwise, is gone by now, or has a window that
    /// may let deaths get too old.
    exempt: Option<Path>,
}

impl Deaths {
    pub(super) fn hear(&mut self, core: &Core, event: &Event) {
        let path = &event.path;
        match &event.what {
            What::Declared => self.forget(core, event),
            What::RestartScheduled { .. } => self.forget_below(path),
            What::Ordered {
                order: OrderKind::Start,
            } => self.empty(path),
            What::Exited { .. } if event.state == State::Dead => self.note(core, event),
            What::BudgetSpent { evidence } => {
                let is_spent = matches!(evidence.cause, Some(Cause::Intensity { .. }));
                self.settle(path, is_spent);
            }
            _ => {}
        }
    }

    /// After a fact: a death that spent a budget has said so.
    pub(super) fn check(&mut self) {
        self.exempt = None;
        if let Some((path, is_spent, _)) = self.pending.take() {
            assert!(!is_spent, "R9: {path} spent its budget and nobody says so");
        }
    }

    fn settle(&mut self, path: &Path, is_spent: bool) {
        let pending = self.pending.take_if(|(dead, ..)| dead == path);
        if let Some((_, must_be, counted)) = pending {
            assert!(is_spent <= must_be, "R9: {path} had a restart left");
            // A start that failed answers for its whole group and is no death.
            for key in counted.iter().filter(|_| !is_spent) {
                *self.counts.get_mut(key).unwrap() -= 1;
            }
        } else if self.exempt.as_ref() != Some(path) {
            assert!(!is_spent, "R9: {path} spends a budget without a death");
        }
    }

    /// A new node has no past, nor has its group.
    fn forget(&mut self, core: &Core, event: &Event) {
        self.forget_below(&event.path);
        self.empty(&event.path);
        let mut nodes = core.nodes.iter().map(|(_, node)| node);
        let node = nodes.find(|node| node.incarnation == event.incarnation);
        if let Some((group, parent)) =
            node.and_then(|node| Some((node.group.get()?, node.parent.get()?)))
        {
            let parent = core.nodes[parent].path.clone();
            self.counts.remove(&Key::Group(parent, group));
        }
    }

    fn forget_below(&mut self, path: &Path) {
        self.counts.retain(|key, _| match key {
            Key::Node(node) => node == path || !node.ancestors().any(|above| above == path),
            Key::Group(parent, _) | Key::Children(parent) => {
                !parent.ancestors().any(|above| above == path)
            }
        });
    }

    fn empty(&mut self, path: &Path) {
        self.counts.remove(&Key::Node(path.clone()));
    }

    fn note(&mut self, core: &Core, event: &Event) {
        self.check();
        // By its path: it may have the number of its next incarnation by now.
        let mut nodes = core.nodes.iter();
        let node = nodes.find(|(_, node)| node.path == event.path);
        let Some((_, node)) = node.filter(|(slot, _)| *slot != core.root) else {
            self.exempt = Some(event.path.clone());
            return;
        };
        let windows = windows(core, node);
        if windows.iter().any(|(.., budget)| budget.within() < LONG) {
            self.exempt = Some(event.path.clone());
            return;
        }
        let (mut is_spent, mut counted) = (false, Vec::new());
        for (key, scope, intensity) in windows {
            let count = self.counts.entry(key.clone()).or_default();
            assert!(*count <= intensity.restarts(), "R9: {scope:?} counts on");
            if *count == intensity.restarts() {
                is_spent = true;
            } else {
                *count += 1;
                counted.push(key);
            }
        }
        self.pending = Some((event.path.clone(), is_spent, counted));
    }
}

/// The budgets that count the deaths of a node.
fn windows(core: &Core, node: &Node) -> Vec<(Key, Scope, Intensity)> {
    let own = Key::Node(node.path.clone());
    let mut windows = vec![(own, Scope::Node, node.options.intensity)];
    if let Some(parent) = node.parent.get().map(|parent| &core.nodes[parent]) {
        if let Some(group) = node.group.get() {
            let key = Key::Group(parent.path.clone(), group);
            windows.push((key, Scope::Group, core.groups[group].options.intensity));
        }
        let key = Key::Children(parent.path.clone());
        windows.push((key, Scope::Children, parent.options.children_intensity));
    }
    let chosen = windows.into_iter();
    chosen
        .filter_map(|(key, scope, intensity)| Some((key, scope, intensity?)))
        .collect()
}

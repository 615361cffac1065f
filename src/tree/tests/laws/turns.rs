//! Who may start, and who may be asked to stop, before whom (R10, R10b); and that nobody who was
//! terminated rises (L2).

use std::collections::{BTreeMap, BTreeSet};

use crate::path::Path;
use crate::tree::action::Id;
use crate::tree::core::Core;
use crate::tree::event::{Event, What};
use crate::tree::group::Group;
use crate::tree::node::Node;
use crate::tree::options::{Kind, Stops};
use crate::tree::orders::OrderKind;
use crate::tree::state::{State, Told};
use crate::tree::tests::laws::Living;

/// What is known of orders and falls from the events.
#[derive(Clone, Default)]
pub(super) struct Turns {
    /// Those that are not to start before they are ordered to.
    terminated: BTreeSet<Path>,
    /// Those that were ordered to start alone, and have not started.
    alone: BTreeSet<Path>,
    /// In which fall each node fell last.
    fall: BTreeMap<Path, u64>,
    /// The members of each fall that rises, in order.
    rises: BTreeMap<u64, Vec<Path>>,
    falls: u64,
    /// By what each incarnation was told when it was asked.
    told: BTreeMap<u64, Told>,
}

impl Turns {
    pub(super) fn hear(&mut self, core: &Core, event: &Event) {
        let path = &event.path;
        match &event.what {
            What::Declared => {
                self.terminated.remove(path);
                self.alone.remove(path);
                self.fall.remove(path);
            }
            What::Ordered { order } => self.note_order(path, *order, event.state),
            What::Fell { .. } => self.note_fall(core, path),
            What::RestartScheduled { .. } => {
                let fall = self.fall.get(path);
                if let Some(fall) = fall.filter(|_| !self.alone.contains(path)) {
                    self.rises.entry(*fall).or_default().push(path.clone());
                }
            }
            What::Stopping { told, .. } => {
                self.told.insert(event.incarnation, *told);
            }
            What::Starting { .. } => {
                self.check_start(core, path);
                self.alone.remove(path);
            }
            _ => {}
        }
    }

    fn note_order(&mut self, path: &Path, order: OrderKind, state: State) {
        match order {
            OrderKind::Terminate | OrderKind::Remove => {
                self.terminated.insert(path.clone());
                let fall = self.fall.remove(path);
                if let Some(rise) = fall.and_then(|fall| self.rises.get_mut(&fall)) {
                    rise.retain(|member| member != path);
                }
            }
            OrderKind::Start | OrderKind::Restart => {
                self.terminated.remove(path);
                let is_exited = matches!(state, State::Done | State::Down);
                if is_exited && (order == OrderKind::Start || state == State::Down) {
                    self.alone.insert(path.clone());
                }
            }
        }
    }

    fn note_fall(&mut self, core: &Core, top: &Path) {
        self.falls += 1;
        let mut nodes = core.nodes.iter().map(|(_, node)| node);
        let fall = nodes.find(|node| node.path == *top);
        let Some(fall) = fall.and_then(|node| node.fall.get()) else {
            return;
        };
        for member in &core.falls[fall].members {
            let path = core.nodes[*member].path.clone();
            self.fall.insert(path, self.falls);
        }
    }

    /// A member of a group that starts in order waits for those before it, unless it is the first
    /// to rise or was ordered to start.
    fn check_start(&self, core: &Core, path: &Path) {
        assert!(
            !self.terminated.contains(path),
            "L2: {path} was terminated and starts"
        );
        let rise = self.fall.get(path).and_then(|fall| self.rises.get(fall));
        let first = rise.and_then(|rise| rise.first());
        if first == Some(path) || self.alone.contains(path) {
            return;
        }
        let mut nodes = core.nodes.iter();
        let Some((slot, node)) = nodes.find(|(_, node)| node.path == *path) else {
            return;
        };
        let is_in_order = |group: usize| core.groups[group].is_in_order();
        let Some(group) = node.group.get().filter(|group| is_in_order(*group)) else {
            return;
        };
        let members = core.groups[group].members.iter();
        let before = members.take_while(|member| **member != slot);
        let before = before.map(|member| &core.nodes[*member]);
        let nearest = before.filter(|node| node.state != State::Down).last();
        let is_up = |state| matches!(state, State::Healthy | State::Finishing | State::Done);
        assert!(
            nearest.is_none_or(|node| is_up(node.state)),
            "R10b: {path} starts out of its turn"
        );
    }
}

impl Turns {
    /// The order of stopping, when an incarnation is asked: what has to be gone before it is gone,
    /// and who stands above it was asked.
    pub(super) fn check_ask(&self, core: &Core, living: &BTreeMap<u64, Living>, id: Id) {
        let deadline = core.stop_deadline();
        if deadline.is_some() && core.next_deadline().is_none_or(|due| Some(due) >= deadline) {
            // The deadline of the tree's stop may be here: it ends all order.
            return;
        }
        let node = &core.nodes[id.slot];
        let is_taken = match self.told.get(&id.incarnation) {
            Some(Told::Restart | Told::Group) => false,
            Some(Told::Parent | Told::Tree) => true,
            // Asked alone, or only what it left.
            _ => return,
        };
        if living[&id.incarnation].has_returned {
            return;
        }
        if let Some(parent) = node.parent.get().filter(|_| is_taken) {
            check_above(core, living, node, &core.nodes[parent]);
        }
        let group = node.group.get().map(|group| &core.groups[group]);
        let in_order = group.is_some_and(Group::is_in_order);
        let is_provider = node.options.stops == Stops::AfterUsers;
        let later = std::iter::successors(node.links.next.get(), |slot| {
            core.nodes[*slot].links.next.get()
        });
        for sibling in later.map(|slot| &core.nodes[slot]) {
            let is_before = is_provider || in_order && sibling.group == node.group;
            let falls_along = node.fall.is_some() && sibling.fall == node.fall;
            if is_before && (is_taken || falls_along) {
                check_gone(core, living, node, sibling);
            }
        }
    }
}

fn check_gone(core: &Core, living: &BTreeMap<u64, Living>, node: &Node, sibling: &Node) {
    let lives = |living: &&Living| {
        let is_below = living.path.ancestors().any(|above| *above == sibling.path);
        let has_leaked = core.abandoned.contains_key(&living.id) || is_leaked(core, living.id);
        is_below && !has_leaked
    };
    let rest = living.values().find(lives);
    assert!(
        rest.is_none(),
        "R10: {} is asked before {rest:?} is gone",
        node.path
    );
}

fn is_leaked(core: &Core, id: Id) -> bool {
    let node = core.nodes.get(id.slot);
    node.is_some_and(|node| node.incarnation == id.incarnation && node.is_gone())
}

fn check_above(core: &Core, living: &BTreeMap<u64, Living>, node: &Node, parent: &Node) {
    let above = living.get(&parent.incarnation);
    let Some(above) = above.filter(|above| !above.has_returned && !is_leaked(core, above.id))
    else {
        return;
    };
    if parent.options.kind == Kind::Pool {
        return;
    }
    assert!(
        above.is_asked,
        "R10: {} is asked before {}, which it stands below",
        node.path, parent.path
    );
    let is_provider = node.options.stops == Stops::AfterUsers;
    assert!(
        !is_provider || above.is_aborted,
        "R10: {} is asked while {} may use it",
        node.path,
        parent.path
    );
}

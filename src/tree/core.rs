//! The core's data, and the requests that make it grow (R3, R13).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use crate::name::Name;
use crate::path::Path;
use crate::tree::action::{Action, Id, Place};
use crate::tree::deadlines::Deadlines;
use crate::tree::event::{Event, What};
use crate::tree::group::{Fall, Group};
use crate::tree::intensity::Window;
use crate::tree::node::Node;
use crate::tree::options::{GroupOptions, Options, Settings};
use crate::tree::ready::Ready;
use crate::tree::report::Stop;
use crate::tree::state::{Down, State, Told, Wait};
use crate::tree::stop::Course;

/// The decisions of a supervision tree; see the [module](crate::tree).
#[derive(Clone, Debug)]
pub struct Core {
    pub(super) settings: Settings,
    pub(super) nodes: Slab<Node>,
    pub(super) groups: Slab<Group>,
    pub(super) falls: Slab<Fall>,
    pub(super) root: usize,
    /// Some incarnation of the root was healthy: the tree has started.
    pub(super) has_started: bool,
    pub(super) deadlines: Deadlines,
    /// Nodes that the next pass starts. Bounded by one entry a node.
    pub(super) starts: VecDeque<Id>,
    /// Nodes whose turn to be asked may have come, each with what it waited for. Bounded by one
    /// entry a node that was told to stop.
    pub(super) turns: VecDeque<(usize, Id)>,
    /// Nodes that are out and have something that nobody needs any more. Bounded by the changes of
    /// a batch.
    pub(super) removals: VecDeque<Id>,
    /// Falls that the next pass raises. Bounded by one entry a fall.
    pub(super) ready: Ready,
    /// Leaks that their nodes run beside, until they end. Bounded by the leaks.
    pub(super) abandoned: BTreeMap<Id, Path>,
    pub(super) actions: VecDeque<Action>,
    pub(super) incarnations: u64,
    /// Counts falls and stops.
    pub(super) stop_numbers: u64,
    pub(super) unfinished: usize,
    pub(super) unsettled: usize,
    pub(super) unready: usize,
    pub(super) stale: u64,
    pub(super) course: Course,
    /// The stops that were not plain. Bounded by one entry a node.
    pub(super) stops: Vec<Stop>,
    /// How many events were checked for invariants.
    pub(super) checks: u64,
}

/// A node that is to be.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a node is a place and what was chosen for it"
)]
pub struct Declaration {
    /// Where it will stand. Its parent's other children have other names: the ledger sees to it.
    pub path: Path,
    /// What was chosen for it.
    pub options: Arc<Options>,
}

impl Core {
    /// A tree with a root, which the first [`advance`](Self::advance) starts.
    #[must_use]
    pub fn new(settings: Settings, root: Arc<Options>) -> Self {
        let mut core = Self {
            settings,
            nodes: Slab::new(),
            groups: Slab::new(),
            falls: Slab::new(),
            root: 0,
            has_started: false,
            deadlines: Deadlines::default(),
            starts: VecDeque::new(),
            turns: VecDeque::new(),
            removals: VecDeque::new(),
            ready: Ready::default(),
            abandoned: BTreeMap::new(),
            actions: VecDeque::new(),
            incarnations: 0,
            stop_numbers: 0,
            unfinished: 0,
            unsettled: 0,
            unready: 0,
            stale: 0,
            course: Course::Running,
            stops: Vec::new(),
            checks: 0,
        };
        core.root = core.insert(Node::new(Path::root(), root, 1), None);
        core.incarnations = 1;
        core.enter(core.root, Duration::ZERO);
        core
    }

    /// The root's place.
    #[must_use]
    pub fn root(&self) -> Place {
        self.place(self.root)
    }

    /// How many facts named an incarnation that was no longer there.
    #[must_use]
    pub const fn stale(&self) -> u64 {
        self.stale
    }

    /// The next thing to do, in order.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`advance`](Self::advance) must be called at the latest, if nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        match (self.deadlines.first(), self.ready.due()) {
            (Some(deadline), Some(pass)) => Some(deadline.min(pass)),
            (deadline, pass) => deadline.or(pass),
        }
    }

    /// Whether a time is over that was set for something: a delay, a limit, a rung of the ladder.
    ///
    /// Facts that are known by then count, so they come before [`advance`](Self::advance).
    #[must_use]
    pub fn is_late(&self, now: Duration) -> bool {
        self.deadlines.first().is_some_and(|due| due <= now)
    }

    /// States that `parent` declared a child alone, or that a child was started in a pool.
    ///
    /// The ledger of the parent's incarnation accepted it, so it cannot be refused; a child
    /// overtaken by a stop is canceled without having started. Returns its place, or `None` if the
    /// parent is gone.
    pub fn run(&mut self, now: Duration, parent: Id, child: Declaration) -> Option<Place> {
        let parent = self.resolve(parent)?;
        let slot = self.declare(now, parent, None, child);
        let place = self.place(slot);
        self.arrive(slot, now);
        self.check_invariants();
        Some(place)
    }

    /// States that `parent` declared a group; otherwise as [`run`](Self::run).
    pub fn run_group(
        &mut self,
        now: Duration,
        parent: Id,
        label: Name,
        options: impl Into<GroupOptions>,
        members: Vec<Declaration>,
    ) -> Option<Vec<Place>> {
        let parent = self.resolve(parent)?;
        if members.is_empty() {
            // A group goes with its first member to go.
            return Some(Vec::new());
        }
        let options = options.into();
        let group = self.groups.insert(Group {
            label,
            options,
            members: Vec::with_capacity(members.len()),
            window: options.intensity.map(Window::new),
            unstarted: members.len(),
        });
        let slots: Vec<_> = members
            .into_iter()
            .map(|member| self.declare(now, parent, Some(group), member))
            .collect();
        let places = slots.iter().map(|slot| self.place(*slot)).collect();
        for slot in slots {
            self.arrive(slot, now);
        }
        self.check_invariants();
        Some(places)
    }

    fn declare(
        &mut self,
        now: Duration,
        parent: usize,
        group: Option<usize>,
        child: Declaration,
    ) -> usize {
        let incarnation = self.next_incarnation();
        let memory = self.recall(parent, child.path.name());
        let slot = self.insert(
            Node::new(child.path, child.options, incarnation),
            Some(parent),
        );
        let node = &mut self.nodes[slot];
        node.group = group.into();
        if let Some(memory) = memory {
            node.remember(memory);
        }
        if let Some(group) = group {
            self.groups[group].members.push(slot);
        }
        self.enter(slot, now);
        slot
    }

    /// Makes a new node part of the counters.
    fn enter(&mut self, slot: usize, now: Duration) {
        self.nodes[slot].since = now;
        self.tell_event(slot, now, What::Declared);
        self.queue(slot);
        self.weigh(slot);
        self.update(slot);
    }

    /// Lets a new child meet what its parent was told before.
    fn arrive(&mut self, slot: usize, now: Duration) {
        let parent = self.nodes[slot]
            .parent
            .get()
            .expect("only the root has no parent");
        let Some(told) = self.nodes[parent].told_below else {
            return;
        };
        let by = self.nodes[parent]
            .told
            .as_ref()
            .map_or_else(|| self.nodes[parent].path.clone(), |(_, by)| by.clone());
        if self.nodes[parent].is_held {
            self.hold_new(slot, parent, told, by);
        } else {
            self.tell(slot, now, told, &by);
        }
    }

    /// Lets a child start whose parent was told to stop and goes on until its turn comes: it is
    /// told, and will be asked with its parent (R10).
    fn hold_new(&mut self, slot: usize, parent: usize, told: Told, by: Path) {
        let node = &mut self.nodes[slot];
        node.told = Some((told, by));
        node.told_below = Some(told);
        node.is_taken = true;
        self.hold(slot, parent);
        self.weigh(slot);
    }

    /// Queues a node for the next pass that starts nodes, or in its group.
    fn queue(&mut self, slot: usize) {
        if self.follows_in_order(slot) {
            self.nodes[slot].wait = Wait::InOrder;
        } else {
            self.starts.push_back(self.id(slot));
        }
    }

    pub(super) fn next_incarnation(&mut self) -> u64 {
        self.incarnations += 1;
        self.incarnations
    }

    pub(super) fn next_stop(&mut self) -> u64 {
        self.stop_numbers += 1;
        self.stop_numbers
    }

    pub(super) fn id(&self, slot: usize) -> Id {
        Id {
            slot,
            incarnation: self.nodes[slot].incarnation,
        }
    }

    pub(super) fn place(&self, slot: usize) -> Place {
        Place {
            slot,
            born: self.nodes[slot].born,
        }
    }

    /// The slot of an incarnation, or `None` if it is not the present one there, or the tree has
    /// ended (L10).
    pub(super) fn resolve(&mut self, id: Id) -> Option<usize> {
        match self.nodes.get(id.slot).filter(|_| !self.has_ended()) {
            Some(node) if node.incarnation == id.incarnation => Some(id.slot),
            Some(_) | None => {
                self.stale += 1;
                None
            }
        }
    }

    /// Puts a node into a state, and says so.
    pub(super) fn set(&mut self, slot: usize, now: Duration, state: State) {
        self.put(slot, now, state);
        self.changed(slot);
    }

    /// Puts a node into a state.
    pub(super) fn put(&mut self, slot: usize, now: Duration, state: State) {
        let node = &mut self.nodes[slot];
        node.was_ready |= matches!(state, State::Healthy | State::Done);
        if node.state != state {
            node.state = state;
            node.since = now;
            self.moved(slot, now);
        }
        self.weigh(slot);
    }

    /// Brings what depends on a node's state alone up to date.
    fn moved(&mut self, slot: usize, now: Duration) {
        self.tick(slot, now);
        self.lift_limits(slot);
        let state = self.nodes[slot].state;
        if matches!(state, State::Healthy | State::Done | State::Down) {
            self.pass_on(slot);
        }
    }

    pub(super) fn changed(&mut self, slot: usize) {
        if self.nodes[slot].is_watched {
            self.actions.push_back(Action::Changed(self.place(slot)));
        }
    }

    pub(super) fn tell_event(&mut self, slot: usize, at: Duration, what: What) {
        let node = &self.nodes[slot];
        let (path, incarnation, state) = (node.path.clone(), node.incarnation, node.state);
        self.actions.push_back(Action::Event(Event {
            at,
            path,
            incarnation,
            state,
            what,
        }));
    }

    /// Puts a node down, for good as far as the tree is concerned.
    pub(super) fn put_down(&mut self, slot: usize, now: Duration, reason: Down) {
        self.nodes[slot].down = reason;
        self.nodes[slot].is_open = false;
        self.set(slot, now, State::Down);
        self.tell_event(slot, now, What::Down { reason });
    }
}

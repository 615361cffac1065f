//! The laws, held against every action of a core, with the knowledge of an outsider.

mod deaths;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use crate::path::Path;
use crate::tree::action::{Action, Id};
use crate::tree::core::Core;
use crate::tree::event::{Event, What};
use crate::tree::node::Node;
use crate::tree::options::Kind;
use crate::tree::report::{Failure, Report};
use crate::tree::state::{Rung, State};
use crate::tree::tests::laws::deaths::Deaths;
use crate::tree::tests::laws::turns::Turns;

/// What is known of a tree from its actions alone.
#[derive(Clone, Default)]
pub(super) struct Laws {
    /// The incarnations that have not ended, by number.
    pub(super) living: BTreeMap<u64, Living>,
    /// Nodes whose last exit was unexpected and has no answer yet.
    open: BTreeSet<Path>,
    /// The paths of all places, by their first incarnation.
    places: BTreeMap<u64, Path>,
    pools: BTreeSet<u64>,
    /// What fell with the last incarnation of each node, by path.
    fell: BTreeMap<Path, Vec<u64>>,
    turns: Turns,
    deaths: Deaths,
    pub(super) log: Vec<Event>,
    pub(super) result: Option<Result<Report, Failure>>,
}

/// An incarnation that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Living {
    pub(super) id: Id,
    pub(super) path: Path,
    pub(super) is_asked: bool,
    pub(super) is_aborted: bool,
    /// Its code has returned, what it owned has not ended.
    pub(super) has_returned: bool,
}

impl Laws {
    /// Notes a fact that is about to be told.
    pub(super) fn returned(&mut self, id: Id, left: usize) {
        if left == 0 {
            self.ended(id);
        } else if let Some(living) = self.living.get_mut(&id.incarnation) {
            living.has_returned = true;
        }
    }

    pub(super) fn ended(&mut self, id: Id) {
        self.living.remove(&id.incarnation);
    }

    /// Takes all actions of the core and holds each against the laws.
    pub(super) fn observe(&mut self, core: &mut Core) {
        while let Some(action) = core.next_action() {
            assert!(self.result.is_none(), "R11: {action:?} follows the end");
            self.see(core, action);
        }
        self.deaths.check();
    }

    fn see(&mut self, core: &Core, action: Action) {
        match action {
            Action::Start { id, .. } => self.start(core, id),
            // A pool has no code, but handles that hear it, once.
            Action::Ask(id) if self.pools.remove(&id.incarnation) => {}
            Action::Ask(id) => {
                self.turns.check_ask(core, &self.living, id);
                let living = self.living_mut(id);
                assert!(!living.is_asked, "R10: {} is asked twice", living.path);
                living.is_asked = true;
            }
            Action::Abort(id) => {
                let living = self.living_mut(id);
                assert!(
                    living.is_asked,
                    "R10: {} is aborted and was not asked",
                    living.path
                );
                assert!(!living.is_aborted, "R10: {} is aborted twice", living.path);
                living.is_aborted = true;
            }
            Action::Changed(_) | Action::Open(_) | Action::Free { .. } => {}
            Action::Forget { place, .. } => {
                let path = self.places.remove(&place.born).unwrap();
                assert!(
                    !self.open.contains(&path),
                    "L3: {path} goes without an answer"
                );
                let mut living = self.living.values();
                let is_kept =
                    |living: &Living| !core.abandoned.contains_key(&living.id) && !core.has_ended();
                let is_living = living.any(|living| living.path == path && is_kept(living));
                assert!(!is_living, "L1: {path} goes while it lives");
            }
            Action::Event(event) => {
                self.hear(core, &event);
                self.turns.hear(core, &event);
                self.deaths.hear(core, &event);
                self.log.push(event);
            }
            Action::End(result) => self.end(core, result),
        }
    }

    fn living_mut(&mut self, id: Id) -> &mut Living {
        let living = self.living.get_mut(&id.incarnation);
        living.unwrap_or_else(|| panic!("R7: {id:?} does not live and is asked or aborted"))
    }

    fn start(&mut self, core: &Core, id: Id) {
        let living = Living {
            id,
            path: core.nodes[id.slot].path.clone(),
            is_asked: false,
            is_aborted: false,
            has_returned: false,
        };
        let before = self.living.insert(id.incarnation, living);
        assert!(before.is_none(), "L10: incarnation {id:?} is used twice");
    }

    fn hear(&mut self, core: &Core, event: &Event) {
        let Event { path, what, .. } = event;
        match what {
            What::Declared => {
                self.places.insert(event.incarnation, path.clone());
                self.note_pool(core, event);
            }
            What::RestartScheduled { .. } => self.note_pool(core, event),
            What::Starting { .. } => {
                let node = present(core, event.incarnation);
                self.check_overlap(core, path);
                check_resurrection(core, node);
                self.check_barrier(core, path);
            }
            What::Fell { .. } => self.note_fall(core, path),
            What::Exited { .. } if event.state == State::Dead => {
                assert!(self.open.insert(path.clone()), "L3: {path} died twice");
            }
            What::StartedAgain | What::Absorbed { .. } | What::CutShort => {
                assert!(
                    self.open.remove(path),
                    "L3: {path} is answered twice: {what}"
                );
            }
            What::Down { .. } => {
                self.open.remove(path);
            }
            What::Stopped => assert!(self.open.is_empty(), "L3: no answer for {:?}", self.open),
            _ => {}
        }
    }

    /// Handles take children for a pool before it starts, and may have to hear that it will not.
    fn note_pool(&mut self, core: &Core, event: &Event) {
        let mut nodes = core.nodes.iter().map(|(_, node)| node);
        // It may have its next incarnation by now.
        let node = nodes.find(|node| node.path == event.path);
        let is_pool = node.is_some_and(|node| node.options.kind == Kind::Pool);
        self.pools.extend(is_pool.then_some(event.incarnation));
    }

    fn check_overlap(&self, core: &Core, path: &Path) {
        let is_kept = |living: &&Living| !core.abandoned.contains_key(&living.id);
        let mut living = self.living.values().filter(is_kept);
        let overlap = living.find(|living| living.path.ancestors().any(|above| above == path));
        assert!(overlap.is_none(), "L1: {path} starts beside {overlap:?}");
    }

    /// Notes what falls together: none of it starts before all of it has ended.
    fn note_fall(&mut self, core: &Core, path: &Path) {
        let mut nodes = core.nodes.iter().map(|(_, node)| node);
        let top = nodes.find(|node| node.path == *path);
        let Some(fall) = top.and_then(|top| top.fall.get()) else {
            return;
        };
        let members = core.falls[fall].members.iter();
        let members: Vec<_> = members.map(|member| &core.nodes[*member]).collect();
        let numbers: Vec<_> = members.iter().map(|member| member.incarnation).collect();
        for member in members {
            self.fell.insert(member.path.clone(), numbers.clone());
        }
    }

    fn check_barrier(&mut self, core: &Core, path: &Path) {
        for number in self.fell.remove(path).unwrap_or_default() {
            let living = self.living.get(&number);
            let old = living.filter(|living| !core.abandoned.contains_key(&living.id));
            assert!(
                old.is_none(),
                "L5: {path} meets {old:?}, which fell with its last incarnation"
            );
        }
    }

    fn end(&mut self, core: &Core, result: Result<Report, Failure>) {
        let stops = match &result {
            Ok(report) => &report.stops,
            Err(failure) => &failure.stops,
        };
        for living in self.living.values() {
            let mut found = stops.iter().filter(|stop| stop.path == living.path);
            let is_named = found.any(|stop| stop.rung == Rung::Leaked);
            assert!(is_named, "L9: {} lives on unnamed", living.path);
        }
        assert!(core.has_ended());
        self.result = Some(result);
    }

    /// What happened to the node with this name, as text.
    pub(super) fn of(&self, name: &str) -> Vec<String> {
        let events = self
            .log
            .iter()
            .filter(|event| event.path.name().as_str() == name);
        events.map(|event| event.what.to_string()).collect()
    }

    /// Whether this happened to the node with this name.
    pub(super) fn has(&self, name: &str, what: &str) -> bool {
        self.of(name).iter().any(|text| text == what)
    }

    /// The answers to the node's unexpected exits (L3), in order.
    pub(super) fn answers(&self, name: &str) -> Vec<&'static str> {
        let events = self
            .log
            .iter()
            .filter(|event| event.path.name().as_str() == name);
        let answers = events.filter_map(|event| match &event.what {
            What::StartedAgain => Some("started again"),
            What::Absorbed { .. } => Some("absorbed"),
            What::Down { .. } => Some("down"),
            What::CutShort => Some("cut short"),
            _ => None,
        });
        answers.collect()
    }

    pub(super) fn report(&self) -> &Report {
        self.result
            .as_ref()
            .expect("it has ended")
            .as_ref()
            .expect("without a failure")
    }

    pub(super) fn failure(&self) -> &Failure {
        self.result
            .as_ref()
            .expect("it has ended")
            .as_ref()
            .expect_err("with a failure")
    }
}

fn present(core: &Core, incarnation: u64) -> &Node {
    let mut nodes = core.nodes.iter().map(|(_, node)| node);
    let node = nodes.find(|node| node.incarnation == incarnation);
    node.expect("L10: only what is present starts")
}

fn check_resurrection(core: &Core, node: &Node) {
    if node.is_held {
        // Its parent serves on until its turn to be asked comes (R5).
        return;
    }
    assert!(
        !core.is_stopping(),
        "L2: {} starts in a tree that stops",
        node.path
    );
    let Some(parent) = node.parent.get().map(|parent| &core.nodes[parent]) else {
        return;
    };
    assert!(
        parent.told_below.is_none(),
        "L2: {} starts below what falls",
        node.path
    );
    let has_started = parent.state.is_live() || parent.state == State::Done;
    assert!(
        has_started,
        "L2: {} starts below what is {}",
        node.path, parent.state
    );
}

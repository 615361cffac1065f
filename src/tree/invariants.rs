//! The invariants of the core, checked under their numbers; [`crate::tree`] lists them.

use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::group::Phase;
use crate::tree::limits::Limit;
use crate::tree::node::{Node, Own, Weight};
use crate::tree::options::Kind;
use crate::tree::state::{Rung, State, Wait};

/// Trees up to this size are checked after every event.
const CHECKED_NODES_MAX: usize = 64;

/// Larger ones after one event in this many, so that a debug build stays usable.
const CHECK_INTERVAL: u64 = 4096;

impl Core {
    /// Checks all invariants, in debug builds.
    ///
    /// # Panics
    ///
    /// With the number of the invariant and the node that breaks it.
    pub(super) fn check_invariants(&mut self) {
        if cfg!(debug_assertions) {
            self.checks += 1;
            let is_small = self.nodes.len() <= CHECKED_NODES_MAX;
            if is_small || self.checks.is_multiple_of(CHECK_INTERVAL) {
                self.assert_invariants();
            }
        }
    }

    /// Checks all invariants now, in any build and at any size.
    ///
    /// # Panics
    ///
    /// With the number of the invariant and the node that breaks it.
    pub fn assert_invariants(&self) {
        for (slot, node) in &self.nodes {
            self.check_counts(slot, node);
            self.check_life(node);
            self.check_told(slot, node);
            self.check_ladder(slot, node);
            self.check_turn(slot, node);
        }
        self.check_falls();
        self.check_groups();
        self.check_tree();
    }

    fn check_counts(&self, slot: usize, node: &Node) {
        let path = &node.path;
        let children = || self.children(slot).map(|child| &self.nodes[child]);
        let counted = children().filter(|child| child.is_counted).count();
        assert_eq!(node.below, counted, "I1: {path} counts its children wrong");
        assert_eq!(node.is_out, node.must_be_out(), "I2: {path} is out or not");
        assert_eq!(
            node.is_counted,
            node.must_be_counted(),
            "I2: {path} is counted or not"
        );
        let leaks = children().map(|child| child.leaks()).sum::<usize>();
        let own = usize::from(node.has_leaked());
        assert_eq!(
            node.leaks(),
            leaks + own,
            "I10: {path} counts its leaks wrong"
        );
    }

    fn check_life(&self, node: &Node) {
        let path = &node.path;
        let runs = node.own == Own::Running;
        let is_leaked = node.rung == Rung::Leaked;
        assert!(
            runs == node.state.is_live() || is_leaked,
            "I3: {path} is {}",
            node.state
        );
        if node.state == State::Waiting && node.wait != Wait::Ending {
            assert!(
                node.is_gone() && node.leaks() == 0,
                "I4: {path} waits beside its last incarnation"
            );
            // A pool takes children as soon as it is declared.
            let is_bare = node.links.first.is_none() || node.options.kind == Kind::Pool;
            assert!(is_bare, "I4: {path} waits above what it left");
        }
        if node.is_open {
            let is_pending = node.fall.is_some() || node.state == State::Waiting;
            assert!(is_pending, "I12: nothing answers the exit of {path}");
        }
    }

    fn check_told(&self, slot: usize, node: &Node) {
        let path = &node.path;
        if node.is_taken {
            assert!(
                node.fall.is_none(),
                "I7: {path} was taken and still belongs to a fall"
            );
            assert!(
                node.state != State::Waiting || node.is_held,
                "I7: {path} was taken and still waits"
            );
        } else {
            let needs_fall = matches!(node.state, State::Dead | State::Canceled);
            assert!(
                !needs_fall || node.fall.is_some(),
                "I6: nothing raises {path}"
            );
        }
        if node.told().is_some() {
            for child in self.children(slot) {
                assert!(
                    self.nodes[child].is_taken,
                    "I8: {path} stops without its children"
                );
            }
        }
    }

    fn check_turn(&self, slot: usize, node: &Node) {
        let path = &node.path;
        assert_eq!(
            node.is_running,
            node.must_run(),
            "I14: {path} runs or not, for its budgets"
        );
        self.check_limits(slot, node);
        if node.is_held {
            assert!(
                node.told.is_some() && (node.rung == Rung::None || !node.state.is_live()),
                "I13: {path} is held and was asked"
            );
            let watched = self
                .nodes
                .iter()
                .any(|(_, other)| other.rare().waiters.contains(&slot));
            let is_next = self.turns.iter().any(|(waiter, _)| *waiter == slot);
            assert!(watched || is_next, "I13: nothing wakes {path}");
        }
    }

    fn check_limits(&self, slot: usize, node: &Node) {
        let path = &node.path;
        let mut limits = node.rare().limits;
        for limit in Limit::ALL {
            let due = *limits.due(limit);
            let holds = node.allowed(limit).is_some();
            let is_due = due.map(|at| self.deadlines.contains(at, Due::Limit(limit, slot)));
            let is_kept = is_due == holds.then_some(true);
            assert!(is_kept, "I11: {path} has a limit {limit:?}, or has none");
        }
    }

    fn check_groups(&self) {
        for (_, group) in &self.groups {
            let members = group.members.iter().map(|member| &self.nodes[*member]);
            let unstarted = members.filter(|member| !member.was_up).count();
            assert!(
                !group.is_in_order() || group.unstarted == unstarted,
                "I15: group {} counts who was up wrong",
                group.label
            );
        }
    }

    fn check_ladder(&self, slot: usize, node: &Node) {
        let Some(at) = node.ladder else { return };
        let path = &node.path;
        assert!(
            self.deadlines.contains(at, Due::Rung(slot)),
            "I11: {path} waits for nothing"
        );
        let is_climbing = matches!(node.rung, Rung::Asked | Rung::Aborted);
        assert!(
            is_climbing && node.own != Own::Ended,
            "I11: {path} has nothing left to stop"
        );
        assert!(
            node.options.kind == Kind::Runnable,
            "I11: {path} has no code to stop"
        );
    }

    fn check_falls(&self) {
        for (key, fall) in &self.falls {
            let members = || fall.members.iter().map(|member| &self.nodes[*member]);
            for member in members() {
                assert_eq!(
                    member.fall.get(),
                    Some(key),
                    "I5: {} is in another fall",
                    member.path
                );
            }
            let parents = members().map(|member| member.parent).collect::<Vec<_>>();
            assert!(
                parents.windows(2).all(|two| two[0] == two[1]),
                "I5: a fall has two parents"
            );
            let outstanding = members().filter(|member| !member.is_out).count();
            assert_eq!(
                fall.outstanding, outstanding,
                "I5: fall {key} counts its members wrong"
            );
            if let Phase::Rising(due) = fall.phase {
                let is_due = self.deadlines.contains(due, Due::Rise(key));
                assert!(is_due, "I5: fall {key} is forgotten");
            }
        }
    }

    fn check_tree(&self) {
        let weights = self.nodes.iter().map(|(_, node)| node.must_weigh());
        let count = |part: fn(&Weight) -> bool| weights.clone().filter(part).count();
        assert_eq!(
            self.unfinished,
            count(|weight| weight.unfinished),
            "I9: unfinished"
        );
        assert_eq!(
            self.unsettled,
            count(|weight| weight.unsettled),
            "I9: unsettled"
        );
        assert_eq!(self.unready, count(|weight| weight.unready), "I9: unready");
    }
}

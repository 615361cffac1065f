//! Bugs to plant in pools, tasks and time limits.

use super::Finder::{Lib, Schedules};
use super::Mutant;

/// All of them.
pub(crate) const COMPANY: &[Mutant] = &[
    Mutant {
        name: "a pool has time limits",
        file: "src/tree/limits.rs",
        old: " && options.kind == Kind::Runnable",
        new: " && options.kind != Kind::Pool || options.kind == Kind::Pool",
        found_by: Lib("limits", "a_limit_of_a_pool_means_nothing"),
    },
    Mutant {
        name: "a node that does not beat is looked at again and again",
        file: "src/tree/limits.rs",
        old: "last_beat(id).max(healthy_at)",
        new: "last_beat(id).max(healthy_at).max(now)",
        found_by: Lib("limits", "who_does_not_beat_is_dead_when_the_time_is_up"),
    },
    Mutant {
        name: "a beat is not heard",
        file: "src/tree/limits.rs",
        old: "last_beat(id).max(healthy_at)",
        new: "healthy_at",
        found_by: Lib("limits", "a_beat_gives_the_whole_time_from_then_on"),
    },
    Mutant {
        name: "who is done and has not returned may be silent",
        file: "src/tree/limits.rs",
        old: "matches!(self.state, State::Healthy | State::Finishing)",
        new: "matches!(self.state, State::Healthy)",
        found_by: Lib("limits", "who_says_done_beats_until_it_returns"),
    },
    Mutant {
        name: "a pool takes children while it drains",
        file: "src/runtime/pool/cell.rs",
        old: "            ledger.gate = Gate::Draining;",
        new: "            ledger.gate = Gate::Open;",
        found_by: Schedules("a_pool_drains_while_children_come_and_go"),
    },
    Mutant {
        name: "a pooled child has ended before its code is dropped",
        file: "src/runtime/waits.rs",
        old: "view.is_pooled && !view.has_leaked",
        new: "view.is_pooled && view.has_leaked",
        found_by: Schedules("a_task_that_is_cancelled_leaves_nothing"),
    },
    Mutant {
        name: "an order about a pooled child is answered before its code is dropped",
        file: "src/runtime/pending.rs",
        old: "State::Down if view.is_pooled && !view.has_leaked => None,",
        new: "State::Down if view.is_pooled && view.has_leaked => None,",
        found_by: Schedules("a_child_of_a_pool_is_ended_while_it_ends"),
    },
];

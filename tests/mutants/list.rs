//! Bugs to plant, each with the test that finds it.

/// A bug: a place in the source, and what it says instead.
pub(crate) struct Mutant {
    /// What is wrong, as a sentence.
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    /// Stands in the file exactly once.
    pub(crate) old: &'static str,
    pub(crate) new: &'static str,
    pub(crate) found_by: Finder,
}

/// A test that fails with a bug in the crate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finder {
    /// A unit test of the core, in a file of `src/tree/tests/`.
    Lib(&'static str, &'static str),
    /// A unit test of another file of `src/`, in `FILE_tests.rs` beside it.
    Unit(&'static str, &'static str),
    /// A test in a file of `tests/`, or of a folder there.
    Test(&'static str, &'static str),
    /// A race under `tests/schedules/`, by `.ci/schedules`.
    Schedules(&'static str),
    /// None, and why.
    Nobody(&'static str),
}

use Finder::{Lib, Nobody, Schedules, Test};

#[path = "company.rs"]
mod company;
#[path = "helper.rs"]
mod helper;
#[path = "policies.rs"]
mod policies;
#[path = "pools.rs"]
mod pools;
#[path = "process.rs"]
mod process;
#[path = "resources.rs"]
mod resources;
#[path = "solver.rs"]
mod solver;
#[path = "storms.rs"]
mod storms;

/// All of them. A change that moves a place moves it here too: `tests/mutants.rs` sees to it.
pub(crate) fn mutants() -> impl Iterator<Item = &'static Mutant> {
    let others = [
        policies::POLICIES,
        company::COMPANY,
        helper::HELPER,
        pools::POOLS,
        process::PROCESS,
        resources::RESOURCES,
        solver::SOLVER,
        storms::STORMS,
    ];
    FIRST.iter().chain(others.into_iter().flatten())
}

/// Those of the core and the runtime as a whole.
const FIRST: &[Mutant] = &[
    Mutant {
        name: "a pool that was closed is closed again while it waits for what it left",
        file: "src/tree/tell.rs",
        old: "node.options.kind == Kind::Pool && node.wait != Wait::Ending",
        new: "node.options.kind == Kind::Pool && (node.wait != Wait::Ending || true)",
        found_by: Lib("pools", "a_pool_that_was_ordered_up_again_is_closed_once"),
    },
    Mutant {
        name: "what is rare is dropped with the first of it that is taken",
        file: "src/tree/rare.rs",
        old: "if rare.is_nothing() {",
        new: "if rare.is_nothing() || true {",
        found_by: Lib("budgets", "a_shared_budget_counts_the_deaths_of_all"),
    },
    Mutant {
        name: "an error of what was told to stop is a death",
        file: "src/tree/reading.rs",
        old: "Some(Told::Restart | Told::Group | Told::Parent | Told::Tree) => Reading::Canceled,",
        new: "Some(Told::Restart | Told::Group | Told::Parent | Told::Tree) if exit.is_ok() => {
            Reading::Canceled
        }
        Some(Told::Restart | Told::Group | Told::Parent | Told::Tree) => Reading::Dead,",
        found_by: Lib("reading", "a_stop_is_recognised_whatever_error_is_returned"),
    },
    Mutant {
        name: "the last signal wins, not the strongest",
        file: "src/tree/exits.rs",
        old: "node.intent = node.intent.max(Intent::from(signal));",
        new: "node.intent = Intent::from(signal);",
        found_by: Lib(
            "signals",
            "give_up_beats_restart_and_restart_beats_done_in_any_order",
        ),
    },
    Mutant {
        name: "a message of an ended incarnation is taken for one of the present",
        file: "src/tree/core.rs",
        old: "Some(node) if node.incarnation == id.incarnation => Some(id.slot),",
        new: "Some(node) if node.incarnation >= id.incarnation => Some(id.slot),",
        found_by: Lib(
            "signals",
            "a_signal_of_an_ended_incarnation_is_ignored_counted_and_an_event",
        ),
    },
    Mutant {
        name: "a child that is declared too late does not hear of the stop",
        file: "src/tree/core.rs",
        old: "let Some(told) = self.nodes[parent].told_below else {",
        new: "let Some(told) = self.nodes[parent].told_below.filter(|_| false) else {",
        found_by: Lib(
            "pass",
            "a_child_that_was_overtaken_by_a_stop_is_canceled_without_having_started",
        ),
    },
    Mutant {
        name: "a done member stays while its group falls",
        file: "src/tree/falls.rs",
        old: "self.nodes[slot].state != State::Down && !is_kept_down",
        new: "!matches!(self.nodes[slot].state, State::Down | State::Done) && !is_kept_down",
        found_by: Lib(
            "falls",
            "a_done_member_falls_with_its_group_and_rises_with_it",
        ),
    },
    Mutant {
        name: "a fall waits for its top only",
        file: "src/tree/falls.rs",
        old: "let is_left = |member: &&usize| !self.nodes[**member].is_out;",
        new: "let is_left = |member: &&usize| **member == top && !self.nodes[**member].is_out;",
        found_by: Lib("backoff", "a_fall_waits_for_the_longest_of_its_draws"),
    },
    Mutant {
        name: "planned restarts keep no distance",
        file: "src/tree/falls.rs",
        old: "self.fall(slot, now, not_before);",
        new: "self.fall(slot, now, not_before.min(now));",
        found_by: Lib(
            "backoff",
            "a_planned_restart_right_after_the_start_waits_for_the_rest_of_the_initial_delay",
        ),
    },
    Mutant {
        name: "a parent that is done does not hear that its child escalates",
        file: "src/tree/escalation.rs",
        old: "(State::Done, _) | (State::Healthy, Kind::Pool) => self.die_of(parent, now, cause),",
        new: "(State::Done, _) => {}
            (State::Healthy, Kind::Pool) => self.die_of(parent, now, cause),",
        found_by: Lib("escalation", "a_done_parent_is_dead_directly"),
    },
    Mutant {
        name: "what was below a dead node goes on",
        file: "src/tree/falls.rs",
        old: "self.tell_below(slot, now, &by);
        if slot == self.root",
        new: "let _ = by;
        if slot == self.root",
        found_by: Lib(
            "cells",
            "a_child_leaked_below_a_dead_node_spends_the_budget_of_the_top",
        ),
    },
    Mutant {
        name: "the last draw of a group decides, not the longest",
        file: "src/tree/pass.rs",
        old: "delay = delay.max(node.last_delay);",
        new: "delay = node.last_delay;",
        found_by: Lib("backoff", "a_fall_waits_for_the_longest_of_its_draws"),
    },
    Mutant {
        name: "a bystander draws a delay",
        file: "src/tree/pass.rs",
        old: "if node.state == State::Dead {",
        new: "if node.state != State::Down {",
        found_by: Lib("backoff", "a_planned_restart_keeps_the_row_of_failures"),
    },
    Mutant {
        name: "who was told to stop since it was queued starts all the same",
        file: "src/tree/pass.rs",
        old: "present.filter(|node| node.state == State::Waiting) else {",
        new: "present.filter(|node| !node.state.is_live()) else {",
        found_by: Lib(
            "pass",
            "a_child_that_was_overtaken_by_a_stop_is_canceled_without_having_started",
        ),
    },
    Mutant {
        name: "a fall in which something leaked rises",
        file: "src/tree/pass.rs",
        old: "let has_leaked = |member: &usize| self.nodes[*member].leaks() > 0;",
        new: "let has_leaked = |member: &usize| self.nodes[*member].leaks() == usize::MAX;",
        found_by: Lib(
            "cells",
            "a_child_leaked_below_a_canceled_node_spends_the_budget_of_the_top",
        ),
    },
    Mutant {
        name: "attempts are forgotten with the parent",
        file: "src/tree/pass.rs",
        old: "        self.remember_below(slot);\n",
        new: "",
        found_by: Lib(
            "memory",
            "a_child_keeps_its_attempts_when_it_comes_back_under_its_name",
        ),
    },
    Mutant {
        name: "a stop's deadline loosens a grace",
        file: "src/tree/ladder.rs",
        old: "Some(at.min(deadline))",
        new: "Some(at.max(deadline))",
        found_by: Lib(
            "ladder",
            "a_second_stop_with_a_deadline_of_zero_aborts_everybody_at_once",
        ),
    },
    Mutant {
        name: "what was aborted is waited for without limit",
        file: "src/tree/ladder.rs",
        old: "self.wait_for_rung(slot, now.saturating_add(self.settings.leak_after));",
        new: "",
        found_by: Lib(
            "leaks",
            "a_leak_escalates_up_to_the_root_as_nothing_above_it_can_start_again",
        ),
    },
    Mutant {
        name: "the first reason to stop decides, not the strongest",
        file: "src/tree/tell.rs",
        old: "let is_stronger = node.told() < Some(told);",
        new: "let is_stronger = node.told().is_none();",
        found_by: Lib(
            "cells",
            "a_child_leaked_below_a_canceled_node_spends_the_budget_of_the_top",
        ),
    },
    Mutant {
        name: "any moment of health breaks the row of failures",
        file: "src/tree/backoff.rs",
        old: "healthy_for >= self.reset_after.unwrap_or(default)",
        new: "!healthy_for.is_zero() || default.is_zero()",
        found_by: Lib(
            "backoff",
            "an_incarnation_that_was_healthy_for_less_continues_the_row",
        ),
    },
    Mutant {
        name: "jitter only ever delays",
        file: "src/tree/backoff.rs",
        old: "rng.random_range(1.0 - self.jitter..=1.0 + self.jitter)",
        new: "rng.random_range(1.0..=1.0 + self.jitter)",
        found_by: Lib("backoff", "draws_are_spread_over_all_of_the_jitter"),
    },
    Mutant {
        name: "an incarnation has ended with one of its tasks left",
        file: "src/tree/exits.rs",
        old: "if left == 0 {
            self.end(slot, now);",
        new: "if left <= 1 {
            self.end(slot, now);",
        found_by: Lib(
            "cells",
            "a_child_leaked_in_its_fall_below_a_done_node_spends_the_childs_budget",
        ),
    },
    Mutant {
        name: "a deadline that is gone stays in the list",
        file: "src/tree/ladder.rs",
        old: "            self.deadlines.remove(at, Due::Rung(slot));\n",
        new: "            let _ = at;\n",
        found_by: Lib(
            "cells",
            "a_child_leaked_below_a_canceled_node_spends_the_budget_of_the_top",
        ),
    },
    Mutant {
        name: "settled is answered whether or not it is so",
        file: "src/runtime/waits.rs",
        old: "if !self.settled.is_empty() && is_settled() {",
        new: "if !self.settled.is_empty() && (is_settled() || true) {",
        found_by: Test("harness/waits", "settled_lets_backoffs_pass_and_no_more"),
    },
    Mutant {
        name: "the last message of a batch is taken first",
        file: "src/runtime/processor.rs",
        old: "batch.drain(..)",
        new: "batch.drain(..).rev()",
        found_by: Schedules("what_was_accepted_stands_before_the_exit"),
    },
    Mutant {
        name: "a task that parks is aborted with its last incarnation",
        file: "src/runtime/entries.rs",
        old: "        if let Task::Runs(abort) = &entry.task {",
        new: "        if let Task::Runs(abort) | Task::Parked { abort, .. } = &entry.task {",
        found_by: Nobody(
            "a seat that is given back gets a task of its own, unless another worker is in between",
        ),
    },
    Mutant {
        name: "a pool counts the children that are gone",
        file: "src/runtime/entries.rs",
        old: "            pool.forget(address.path.name());\n",
        new: "            let _ = (pool, address);\n",
        found_by: Test(
            "promises/bad_requests",
            "a_pool_refuses_more_children_than_are_allowed_until_one_is_forgotten",
        ),
    },
    Mutant {
        name: "a node has a child more than the limit",
        file: "src/runtime/declare.rs",
        old: "if declared + self.names.children < limit {",
        new: "if declared + self.names.children <= limit {",
        found_by: Test(
            "promises/bad_requests",
            "more_children_than_are_allowed_are_refused",
        ),
    },
    Mutant {
        name: "a timer that is set is not set anew",
        file: "src/runtime/clock.rs",
        old: "if self.due == due {",
        new: "if self.due.is_some() && due.is_some() {",
        found_by: Test(
            "origin/suite",
            "a_parent_restarts_without_waiting_for_the_backoff_of_its_child",
        ),
    },
    Mutant {
        name: "a declaration is accepted after the incarnation was asked to stop",
        file: "src/runtime/incarnation.rs",
        old: "        self.ledger().advance(Stage::Asked);\n",
        new: "",
        found_by: Test(
            "promises/bad_requests",
            "a_node_that_was_told_to_stop_declares_nothing",
        ),
    },
    Mutant {
        name: "who asks while the tree ends waits for ever",
        file: "src/runtime/mailbox.rs",
        old: "() = self.closed() => answer.try_recv().ok(),",
        new: "() = async { self.closed().await; std::future::pending().await } => None,",
        found_by: Schedules("whoever_asks_of_the_tree_while_it_ends_is_answered"),
    },
    Mutant {
        name: "an owned task that is aborted before its first poll ends before its captures do",
        file: "src/runtime/owned.rs",
        old: "    future: F,
    reply: oneshot::Sender<Result<F::Output, OwnedError>>,
    guard: Hold,",
        new: "    guard: Hold,
    future: F,
    reply: oneshot::Sender<Result<F::Output, OwnedError>>,",
        found_by: Schedules("an_owned_task_is_gone_before_its_end_is_told"),
    },
    Mutant {
        name: "a thread does not hold its incarnation open",
        file: "src/runtime/blocking.rs",
        old: "        let ran = supervise(",
        new: "        life.disown(0);\n        let ran = supervise(",
        found_by: Test("blocking", "the_next_incarnation_waits_for_the_thread"),
    },
    Mutant {
        name: "the panic of a thread loses its place",
        file: "src/runtime/panics.rs",
        old: "    keep_seen(panic);\n",
        new: "    drop(panic);\n",
        found_by: Test("blocking", "a_panic_is_a_death_with_its_place"),
    },
    Mutant {
        name: "a panic of a thread whose task was aborted is lost",
        file: "src/runtime/blocking.rs",
        old: "owned::fail(life, panic, payload);",
        new: "drop((panic, payload));",
        found_by: Test("blocking", "a_panic_after_the_abort_is_evidence"),
    },
    Mutant {
        name: "a value that was published outlives its incarnation",
        file: "src/runtime/cell.rs",
        old: "let keeps = is_live || view.state == State::Done;",
        new: "let keeps = true;",
        found_by: Test(
            "promises/published",
            "a_value_is_withdrawn_before_the_rest_of_its_fall_has_ended",
        ),
    },
    Mutant {
        name: "what was published before a fall is withdrawn after others have risen",
        file: "src/runtime/processor.rs",
        old: "                    self.entries.look(&self.core, place);
                    changed",
        new: "                    changed",
        found_by: Schedules("nobody_reads_what_an_epoch_before_has_published_and_nobody_hangs"),
    },
    Mutant {
        name: "an incarnation that has ended publishes in the place of the next",
        file: "src/runtime/cell.rs",
        old: "if own.incarnation != Some(incarnation) {",
        new: "if own.incarnation.is_none() {",
        found_by: Test("blocking", "what_an_abandoned_leak_publishes_is_refused"),
    },
    Mutant {
        name: "an incarnation that has returned publishes until that is heard",
        file: "src/runtime/published.rs",
        old: "if life.ledger().stage == Stage::Returned {",
        new: "if false && life.ledger().stage == Stage::Returned {",
        found_by: Test(
            "promises/published_gone",
            "who_has_returned_publishes_nothing_before_that_is_heard_either",
        ),
    },
    Mutant {
        name: "a claim that is published under is never given back",
        file: "src/runtime/claim.rs",
        old: "self.each(|cell| cell.release(self.number));",
        new: "",
        found_by: Schedules("nobody_reads_what_an_epoch_before_has_published_and_nobody_hangs"),
    },
    Mutant {
        name: "whoever waits for what is published is not told that there will be nothing",
        file: "src/runtime/published.rs",
        old: "before != (cell.serial(), cell.is_gone())",
        new: "before.0 != cell.serial()",
        found_by: Test(
            "promises/published_gone",
            "a_publisher_that_is_down_says_so_until_it_is_started_again",
        ),
    },
    Mutant {
        name: "what is declared to be published can be waited for when that is heard",
        file: "src/runtime/cell.rs",
        old: "        self.outlook = Outlook::Open;\n",
        new: "",
        found_by: Test(
            "promises/published_gone",
            "what_is_declared_anew_can_be_waited_for_at_once",
        ),
    },
];

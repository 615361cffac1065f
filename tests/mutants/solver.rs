//! Bugs to plant in work that many jobs share.

use super::Finder::Test;
use super::Mutant;

/// All of them.
pub(crate) const SOLVER: &[Mutant] = &[
    Mutant {
        name: "a success after a cancellation is lost",
        file: "src/solver/cell.rs",
        old: "Phase::Unwinding(child) if outcome.is_ok() => {",
        new: "Phase::Unwinding(child) if outcome.is_ok() && false => {",
        found_by: Test(
            "solver/cancelling",
            "sol_26_success_after_a_cancellation_is_kept",
        ),
    },
    Mutant {
        name: "an error is kept by a cell that keeps values",
        file: "src/solver/cell.rs",
        old: "Err(_) => self.cell.keep == Keep::ValuesAndErrors,",
        new: "Err(_) => self.cell.keep != Keep::Nothing,",
        found_by: Test(
            "solver/flights",
            "sol_90_what_is_kept_is_as_the_cell_was_told",
        ),
    },
    Mutant {
        name: "a failure in passing is kept by what is made of it",
        file: "src/solver/error.rs",
        old: "if self.is_transient() {",
        new: "if self.is_transient() && false {",
        found_by: Test(
            "solver/failing",
            "sol_38_a_failure_in_passing_is_not_kept_by_what_is_made_of_it",
        ),
    },
    Mutant {
        name: "a sub-build has no stores of what builds it",
        file: "src/solver/shared.rs",
        old: "self.load(&edge.vertex, run.state.other_stores())",
        new: "self.load(&edge.vertex, &[])",
        found_by: Test(
            "solver/keys",
            "sol_55_a_sub_build_uses_the_stores_of_what_builds_it",
        ),
    },
    Mutant {
        name: "what another store has is not copied",
        file: "src/solver/execution.rs",
        old: "if at > 0 {",
        new: "if at > 0 && false {",
        found_by: Test(
            "solver/keys",
            "sol_54_a_store_of_a_vertex_is_asked_after_the_solvers_own",
        ),
    },
    Mutant {
        name: "one attempt too many",
        file: "src/solver/execution.rs",
        old: "failures <= retry.times &&",
        new: "failures <= retry.times + 1 &&",
        found_by: Test(
            "solver/failing",
            "sol_38_a_failure_in_passing_is_told_and_not_kept",
        ),
    },
    Mutant {
        name: "fresh work is looked for in a store",
        file: "src/solver/execution.rs",
        old: "if execution.key.uses != Uses::Both {",
        new: "if execution.key.uses == Uses::Nothing {",
        found_by: Test(
            "solver/fresh",
            "sol_59_what_is_fresh_is_made_anew_and_what_is_made_of_it",
        ),
    },
    Mutant {
        name: "an error of a content lets go of the input",
        file: "src/solver/key.rs",
        old: "failure.holding(output).into()",
        new: "{ drop(output); failure.into() }",
        found_by: Test(
            "solver/failing",
            "sol_39_an_error_of_a_content_keeps_the_input",
        ),
    },
    Mutant {
        name: "a vertex that joins a run by its key hears only what comes",
        file: "src/solver/journal.rs",
        old: "            self.replay_story(feed, vertex);\n            for below",
        new: "            for below",
        found_by: Test(
            "solver/progress",
            "sol_78_a_vertex_that_joins_a_run_by_its_key_hears_what_it_has_told",
        ),
    },
    Mutant {
        name: "a job that is gone is still told",
        file: "src/solver/journal.rs",
        old: "self.vertices[vertex].feeds.retain(|one| *one != feed);",
        new: "let _ = vertex;",
        found_by: Test(
            "solver/progress",
            "sol_76_jobs_that_have_gone_are_not_counted",
        ),
    },
    Mutant {
        name: "a permit that was handed back is taken again",
        file: "src/solver/limits.rs",
        old: "self.waiting == 0 && !self.is_done && self.held.is_empty()",
        new: "self.waiting == 0 && self.held.is_empty()",
        found_by: Test(
            "solver/limits",
            "a_permit_that_was_handed_back_is_not_taken_again_after_a_sub_build",
        ),
    },
    Mutant {
        name: "another attempt begins without its permits",
        file: "src/solver/limits.rs",
        old: "self.hand.lock().is_done = false;",
        new: "",
        found_by: Test(
            "solver/limits",
            "the_next_attempt_begins_with_the_permits_again",
        ),
    },
    Mutant {
        name: "permits are held between two attempts",
        file: "src/solver/limits.rs",
        old: "let lent = self.lend();",
        new: "self.hand.lock().waiting += 1;\n        let lent = Lent(self);",
        found_by: Test("solver/limits", "no_permits_are_held_between_two_attempts"),
    },
    Mutant {
        name: "a newcomer has a run beside the one that unwinds",
        file: "src/solver/cell.rs",
        old: "child.ended().await;\n                    self.end(generation);",
        new: "self.end(generation);",
        found_by: Test(
            "solver/cancelling",
            "sol_25_who_comes_during_the_unwinding_waits_for_a_run_of_its_own",
        ),
    },
    Mutant {
        name: "a sub-build of what needs it waits for itself",
        file: "src/solver/shared.rs",
        old: "self.check(&run.state, vec![target.clone()], &run.execution)?;",
        new: "",
        found_by: Test(
            "solver/subbuilds",
            "sol_69_an_input_that_builds_what_it_is_an_input_of_is_a_cycle",
        ),
    },
];

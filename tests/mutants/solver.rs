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
        old: "failures <= retry.times =>",
        new: "failures <= retry.times + 1 =>",
        found_by: Test(
            "solver/failing",
            "sol_38_a_failure_in_passing_is_tried_again_for_all",
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
];

//! Bugs to plant in pools, tasks and streams of tasks, which the tests of their promises find.

use super::Finder::{Schedules, Test};
use super::Mutant;

/// All of them.
pub(crate) const POOLS: &[Mutant] = &[
    Mutant {
        name: "a name of a pooled child is never free again",
        file: "src/runtime/pool/cell.rs",
        old: "            ledger.names.remove(child);",
        new: "            let _ = child;",
        found_by: Test(
            "pools/names",
            "a_name_is_free_as_soon_as_its_child_is_seen_to_have_ended",
        ),
    },
    Mutant {
        name: "a pooled child may be called by a number",
        file: "src/runtime/pool/cell.rs",
        old: "Called::Named(Ok(name)) if is_number(&name) => {",
        new: "Called::Named(Ok(name)) if name.as_str() == \"\" => {",
        found_by: Test("pools/names", "a_bad_name_starts_nothing"),
    },
    Mutant {
        name: "a pool takes children before its declaration is queued",
        file: "src/runtime/pool/cell.rs",
        old: "        ledger.site = Some(Site { address, shared });",
        new: "        ledger.site = Some(Site { address, shared });ledger.gate = Gate::Open;",
        found_by: Schedules("a_start_races_the_declaration_of_its_pool"),
    },
    Mutant {
        name: "a pool that is drained waits for children of its next incarnation",
        file: "src/runtime/pool/cell.rs",
        old: "            ledger.generation += 1;\n",
        new: "",
        found_by: Test(
            "pools/drain_ends",
            "a_drain_ends_when_its_pool_is_restarted",
        ),
    },
    Mutant {
        name: "a pool has a child more than its limit",
        file: "src/runtime/pool/cell.rs",
        old: "Gate::Open if self.present >= limit",
        new: "Gate::Open if self.present > limit",
        found_by: Test("pools/bounds", "those_that_wait_to_start_again_count"),
    },
    Mutant {
        name: "the limit of a pool beats that of the supervisor",
        file: "src/runtime/pool/cell.rs",
        old: "most.min(limit)",
        new: "most",
        found_by: Test(
            "pools/bounds",
            "a_pool_takes_no_more_than_its_supervisor_allows",
        ),
    },
    Mutant {
        name: "a group that is refused keeps the places of its pools",
        file: "src/runtime/declare.rs",
        old: "            claimed.iter().for_each(|pool| pool.release());\n",
        new: "",
        found_by: Test(
            "pools/declaring",
            "a_group_with_a_pool_twice_declares_nothing",
        ),
    },
    Mutant {
        name: "a pool is replaced by code",
        file: "src/runtime/obey.rs",
        old: "self.entries.is_pool(place) || matches!(spec.stored, Stored::Pool(_))",
        new: "matches!(spec.stored, Stored::Pool(_))",
        found_by: Test(
            "pools/declaring",
            "code_takes_no_pools_place_and_a_pool_no_codes",
        ),
    },
    Mutant {
        name: "code that takes the place of a pooled child is permanent",
        file: "src/runtime/obey.rs",
        old: "if is_pooled { spec.into_pooled() } else { spec }",
        new: "if is_pooled && false { spec.into_pooled() } else { spec }",
        found_by: Test(
            "pools/orders",
            "code_in_the_place_of_a_pooled_child_is_temporary_too",
        ),
    },
    Mutant {
        name: "a pool that is stopped before it starts stays open",
        file: "src/tree/tell.rs",
        old: "        if node.options.kind == Kind::Pool && node.wait != Wait::Ending {",
        new: "        if node.options.kind != Kind::Pool && node.wait != Wait::Ending {",
        found_by: Test(
            "pools/groups",
            "a_pool_that_is_stopped_before_it_starts_takes_no_children",
        ),
    },
    Mutant {
        name: "a task that failed has an output",
        file: "src/runtime/pool/task.rs",
        old: "(Ok(output), _, _) if is_sound => Ok(output),",
        new: "(Ok(output), _, _) if is_sound || !is_sound => Ok(output),",
        found_by: Test("tasks/owning", "the_panic_of_an_owned_task_fails_a_task"),
    },
    Mutant {
        name: "a task that was stopped with its pool has failed",
        file: "src/runtime/pool/task.rs",
        old: "Some(Down::Stopped | Down::Temporary | Down::Terminated) | None, source",
        new: "Some(Down::Stopped | Down::Terminated) | None, source",
        found_by: Test("tasks/stops", "a_task_whose_pool_falls_is_stopped"),
    },
    Mutant {
        name: "a task outlives its handle that cancels it",
        file: "src/runtime/pool/task.rs",
        old: "            drop(self.child.terminate());\n",
        new: "",
        found_by: Test("tasks/handles", "a_task_may_be_cancelled_with_its_handle"),
    },
    Mutant {
        name: "a task outlives its stream",
        file: "src/runtime/pool/task.rs",
        old: "            let task = task.map(Task::cancel_on_drop);\n",
        new: "",
        found_by: Test("tasks/cut_short", "a_stream_that_is_dropped_leaves_nothing"),
    },
    Mutant {
        name: "a stream that is refused keeps the thread",
        file: "src/runtime/pool/task.rs",
        old: "                        yield_now().await;\n",
        new: "                        drop(yield_now());\n",
        found_by: Test(
            "tasks/cut_short",
            "a_pool_that_refuses_leaves_others_their_turn",
        ),
    },
    Mutant {
        name: "a stream runs one task more than its limit",
        file: "src/runtime/pool/task.rs",
        old: ".buffered(limit)",
        new: ".buffered(limit + 1)",
        found_by: Test("tasks/streams", "no_more_run_at_a_time_than_the_limit"),
    },
];

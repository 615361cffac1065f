//! Bugs to plant in what runs programs of the operating system.

use super::Finder::Test;
use super::Mutant;

/// All of them.
pub(crate) const PROCESS: &[Mutant] = &[
    Mutant {
        name: "the end of a traced program is asked for without a pause",
        file: "src/process/keeper/poller.rs",
        old: "What::Exit => epoll::EventFlags::IN | epoll::EventFlags::ET,",
        new: "What::Exit => epoll::EventFlags::IN,",
        found_by: Test(
            "process/stopping",
            "a_traced_program_ends_when_its_tracer_lets_go_and_costs_nothing_until_then",
        ),
    },
    Mutant {
        name: "what a program has left in its group lives on",
        file: "src/process/course.rs",
        old: "Scope::Group => self.sweep(now),",
        new: "Scope::Group => {
                self.acts.push_back(Act::Reap);
                self.drain(now);
            }",
        found_by: Test(
            "process/said",
            "proc_35_a_grandchild_that_holds_the_output_is_ended_with_its_group",
        ),
    },
    Mutant {
        name: "a program that could not be published runs on",
        file: "src/process/node.rs",
        old: "process.stop().await;
                return Err(error.into());",
        new: "return Err(error.into());",
        found_by: Test(
            "process/nodes",
            "a_program_that_cannot_be_published_is_stopped_and_its_node_fails",
        ),
    },
    Mutant {
        name: "a sign that came in a burst is missed",
        file: "src/process/ready.rs",
        old: "Heard::Missed(_) => process.kept_lines(command.line_max).iter().any(fits),",
        new: "Heard::Missed(_) => false,",
        found_by: Test("process/starting", "a_sign_within_a_burst_is_not_missed"),
    },
    Mutant {
        name: "a program is looked for from here and run from there",
        file: "src/process/lookup.rs",
        old: "path::absolute(directory).unwrap_or_else(|_| directory.to_owned())",
        new: "directory.to_owned()",
        found_by: Test("process/starting", "a_relative_directory_is_meant_once"),
    },
    Mutant {
        name: "a program inherits the signal mask of the spawner",
        file: "src/process/spawn.rs",
        old: "let spawned = with_empty_mask(|| system.spawn());",
        new: "let spawned = system.spawn();",
        found_by: Test(
            "process/inherited",
            "proc_40_a_signal_that_we_block_is_not_blocked_in_a_program",
        ),
    },
];

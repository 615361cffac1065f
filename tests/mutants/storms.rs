//! Bugs to plant that a storm shows.

use super::Finder::Test;
use super::Mutant;

/// All of them.
pub(crate) const STORMS: &[Mutant] = &[
    Mutant {
        name: "what is put in place does not yield before it runs",
        file: "src/runtime/task/node.rs",
        old: "return self.sit(seated.ok(), cx);",
        new: "if self.as_mut().sit(seated.ok(), cx).is_ready() {
                        return Poll::Ready(());
                    }
                    continue;",
        found_by: Test(
            "storms/hot",
            "who_fails_at_once_for_ever_yields_before_each_run",
        ),
    },
    Mutant {
        name: "a question about a place that is gone leaves a trace",
        file: "src/runtime/waits.rs",
        old: "return question.gone(path);",
        new: "self.children.entry(place).or_default();
            return question.gone(path);",
        found_by: Test(
            "storms/stale",
            "requests_through_what_is_gone_are_refused_and_leave_nothing",
        ),
    },
];

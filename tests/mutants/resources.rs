//! Bugs to plant in references and their releases, which the tests of their promises find.

use super::Finder::{Schedules, Test};
use super::Mutant;

/// All of them.
pub(crate) const RESOURCES: &[Mutant] = &[
    Mutant {
        name: "a releaser that drains refuses what is given back",
        file: "src/resource/releaser.rs",
        old: "        drop(serving);\n",
        new: "        let _ = &serving;\n",
        found_by: Test(
            "resource/releasing",
            "what_is_given_back_just_when_a_releaser_has_drained_waits_for_its_next_incarnation",
        ),
    },
    Mutant {
        name: "an upgrade that comes too late drops the value that was left to it",
        file: "src/resource/weak.rs",
        old: "                held.let_go();\n",
        new: "",
        found_by: Schedules("a_value_is_released_once_and_never_while_it_is_used"),
    },
    Mutant {
        name: "a releaser stops beside those that use what it releases",
        file: "src/resource/releaser.rs",
        old: "code.provides().grace",
        new: "code.grace",
        found_by: Test(
            "resource/stopping",
            "users_may_take_longer_to_stop_than_the_releaser_waits",
        ),
    },
    Mutant {
        name: "the end of one code of a releaser is taken for the end of all",
        file: "src/resource/door.rs",
        old: "way.nodes == 0 && matches!",
        new: "matches!",
        found_by: Test(
            "resource/releasing",
            "what_waits_for_a_releaser_waits_as_long_as_one_may_come",
        ),
    },
    Mutant {
        name: "a resource of an incarnation does not keep that from ending",
        file: "src/resource/releaser.rs",
        old: "let keeps = Keeps { hold, parent: None };",
        new: "let keeps = Keeps::default();drop(hold);",
        found_by: Test(
            "resource/nodes",
            "res_32_a_resource_of_an_incarnation_is_released_before_the_next_one_starts",
        ),
    },
    Mutant {
        name: "of the errors of a chain of releases the first one is told",
        file: "src/resource/outcome.rs",
        old: "errors.extend(error);",
        new: "if errors.is_empty() { errors.extend(error); }",
        found_by: Test(
            "resource/derived",
            "a_close_that_takes_its_parents_along_waits_for_them_and_hears_of_all",
        ),
    },
];

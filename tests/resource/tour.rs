//! The tour of `examples/resources.rs`, run as the program that it is.

use std::process::Command;

use crate::program;

#[test]
fn the_tour_closes_all_and_tells_what_went_wrong() {
    // Point 5: errors from many closes are gathered, and none is lost. A file is removed behind the
    // back of its resource.
    let output = Command::new(program::path("resources", "")).output();
    let output = output.expect("the example can be started");
    let said = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success(), "{said}");
    let at = |line: &str| {
        said.find(line)
            .unwrap_or_else(|| panic!("{line:?}:\n{said}"))
    };
    let removed = ["both.tar", "two.txt", "one.txt", "the directory"];
    let removed = removed.map(|what| at(&format!("removing {what}")));
    assert_eq!(removed.iter().max(), removed.last(), "{said}");
    let told = at("closed, but the release of two.txt failed");
    assert!(told < at("nothing is left"), "{said}");
}

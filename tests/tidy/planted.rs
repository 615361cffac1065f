//! Planted faults: each check finds its own, and lets the tidy neighbour pass.

use crate::layers::{self, House};
use crate::source::{Fault, Source};
use crate::{rules, seam, shape};

const LIB: &str = "
//! The crate.
#![deny(missing_docs)]
mod name;
mod tree;
mod runtime;
pub mod testing;
mod process;
pub use name::{Name, NameError};
pub use runtime::Context;
#[cfg(feature = \"x\")]
pub use tokio_util::sync::CancellationToken as Token;
use tree::Tree;
";

const MANIFEST: &str = "
[package]
name = \"house\"
[dependencies]
parking_lot = \"1\"
rand.version = \"1\"
serde = { version = \"1\", optional = true }
thiserror = \"2\"
tokio = \"1\"
tokio-util = \"1\"
[dev-dependencies]
proptest = \"1\"
";

const SEMANTICS: &str = "
# Laws
- **L1 No overlap.** Never.
**R7 The GC pass.** See **L1**.
**R10b In order.** In turn. **R10c Significant.** Ends.
Not yet: R10b, R10c
";

/// The lines at which the layer check finds a fault in `text`, were it the file at `path`.
fn refused(path: &str, text: &str) -> Vec<usize> {
    let house = House::new(
        &Source::new("src/lib.rs", LIB),
        &Source::new("Cargo.toml", MANIFEST),
    );
    lines(&layers::check(&house, &[Source::new(path, text)]))
}

fn lines(faults: &[Fault]) -> Vec<usize> {
    faults.iter().map(|fault| fault.line).collect()
}

fn one(path: &str, text: &str) -> [Source; 1] {
    [Source::new(path, text)]
}

#[test]
fn a_word_that_looks_up_is_found() {
    let text = "use std::fmt;\nuse crate::tree::Tree;\nuse thiserror::Error;\nuse crate::Context;
use rand::Rng;\nuse crate::Name;\nuse super::runtime;\nuse std::{time, time::Duration};
fn now() -> time::Instant { time::Instant::now() }";
    assert_eq!(refused("src/exit.rs", text), [2, 4, 5, 7, 9, 9]);
}

#[test]
fn a_clock_a_lock_and_a_task_in_the_core_are_found() {
    let text = "use std::{sync::{Arc, Mutex as M}, collections::*, time::Duration};
use crate::{name::Name, runtime::Context};
use super::{super::runtime, node::Node};
// use tokio::sync::mpsc;
const TEXT: &str = r#\"tokio::spawn\"#;
fn go(rng: &mut impl rand::Rng) { assert!(tokio::time::sleep(Duration::ZERO).is_elapsed()) }
async fn wait() {}
#[cfg(test)]
mod tests { use tokio::time::Instant; }
fn late() { parking_lot::Mutex::new('\\'') }";
    assert_eq!(refused("src/tree/gc.rs", text), [1, 1, 2, 3, 6, 10, 7]);
    assert_eq!(refused("src/tree/tests/world.rs", text), []);
}

#[test]
fn a_runtime_that_knows_the_kit_is_found() {
    let text = "use crate::tree::Tree;\nuse tokio::time::Instant;\nuse crate::testing::Harness;
async fn run() {}\nfn f() { crate::process::wait() }";
    assert_eq!(refused("src/runtime/processor.rs", text), [3, 5]);
}

#[test]
fn a_kit_that_goes_behind_the_public_list_is_found() {
    let text = "use crate::{Context, Name, Token};\nuse crate::runtime::Mailbox;
use crate::testing::Harness;\nuse super::wait::Wait;\nuse super::super::Tree;
use crate::process::pty::Pty;\nuse tokio::net;\nuse super::super::Context as C;";
    assert_eq!(refused("src/process/mod.rs", "use super::tree::Tree;"), [1]);
    assert_eq!(refused("src/process/child.rs", text), [2, 5]);
}

#[test]
fn a_folder_without_a_layer_is_found() {
    assert_eq!(refused("src/utils/mod.rs", "fn f() {}"), [1]);
}

#[test]
fn logic_in_lib_is_found() {
    let judge = |text: &str| lines(&shape::logic_in_lib(&Source::new("src/lib.rs", text)));
    assert_eq!(judge(LIB), []);
    assert_eq!(judge("mod a;\n#[doc(hidden)]\npub fn f() {}"), [2]);
    assert_eq!(judge("mod a { fn f() {} }"), [1]);
    assert_eq!(judge("mod a;\npub use a::*;"), [2]);
}

#[test]
fn long_lines_and_long_files_are_found() {
    let wide = format!("//{}\n//{}", "é".repeat(98), "x".repeat(99));
    assert_eq!(lines(&shape::long_lines(&one("src/a.rs", &wide))), [2]);
    let code = "fn f() {}\n".repeat(500);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// x\n".repeat(90));
    let files = [
        Source::new("a", &format!("{code}{tests}")),
        Source::new("b", &format!("\n{code}")),
    ];
    assert_eq!(
        shape::long_files(&files)
            .iter()
            .map(|f| f.path.as_str())
            .collect::<Vec<_>>(),
        ["b"]
    );
}

#[test]
fn unfinished_work_is_found() {
    let text = "// a TO\x44O\n/* x\n FIX\x4dE: y */\nfn f() { todo!(); dbg!(1); \"todo!()\"; }
// TODOS are words\nstruct Todo { todo: u8 }";
    assert_eq!(
        lines(&shape::unfinished(&one("src/a.rs", text))),
        [1, 2, 4, 4]
    );
}

#[test]
fn a_lint_switched_off_is_found() {
    let text = "#![allow(dead_code)]\n#[cfg_attr(test, allow(x))]\n#[expect(x)]
#[expect(x, reason = \"y\")]\nfn f() { a.expect(\"b\"); allow(1) }";
    assert_eq!(
        lines(&shape::lints_switched_off(&one("src/a.rs", text))),
        [1, 2, 3]
    );
}

#[test]
fn unsafe_code_and_a_stale_exception_are_found() {
    let text = "#![forbid(unsafe_code)] // unsafe\nfn f<'a>() { unsafe { \"unsafe\" } }";
    assert_eq!(lines(&shape::unsafe_code(&one("src/a.rs", text), &[])), [2]);
    assert_eq!(
        lines(&shape::unsafe_code(
            &one("src/a.rs", text),
            &[("src/a.rs", "why")]
        )),
        []
    );
    assert_eq!(
        lines(&shape::unsafe_code(
            &one("src/b.rs", ""),
            &[("src/b.rs", "why")]
        )),
        [1]
    );
}

#[test]
fn a_file_nobody_declares_is_found() {
    let files = [
        Source::new("src/lib.rs", "mod a;\npub(crate) mod b;\n// mod dead;"),
        Source::new("src/a.rs", "#[cfg(unix)]\n#[path = \"a/unix.rs\"]\nmod os;"),
        Source::new("src/a/unix.rs", ""),
        Source::new("src/b/mod.rs", "#[cfg(test)]\nmod tests;"),
        Source::new("src/b/tests.rs", "mod world;"),
        Source::new("src/b/tests/world.rs", ""),
        Source::new("src/dead.rs", "mod inner;"),
        Source::new("src/dead/inner.rs", ""),
    ];
    let dead = shape::dead_files(&files);
    let dead: Vec<_> = dead.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(dead, ["src/dead.rs", "src/dead/inner.rs"]);
}

#[test]
fn a_second_place_that_spawns_is_found() {
    let home = Source::new(
        "src/runtime/guard.rs",
        "fn f() { tokio::spawn(x); set.spawn(y) }",
    );
    let text = "use tokio::task;\nfn spawn() { std::thread::Builder::new().spawn(x) }
fn g() { task::spawn_blocking(y) }\nfn h() { set.spawn_on(z) }";
    let found = shape::spawning(&[home, Source::new("src/runtime/mailbox.rs", text)], &[]);
    assert_eq!(lines(&found), [3, 4]);
    let kit = "fn f(ctx: Context) { ctx.spawn(x) }\nfn g() { tokio::spawn(y) }";
    let judge = |path, text| lines(&shape::spawning(&one(path, text), &[]));
    assert_eq!(judge("src/process/pty.rs", kit), [2]);
    assert_eq!(judge("src/runtime/mailbox.rs", ""), [1]);
    let excepted = shape::spawning(
        &one("src/process/pty.rs", kit),
        &[("src/process/pty.rs", "")],
    );
    assert_eq!(lines(&excepted), []);
}

#[test]
fn what_goes_beside_the_seam_is_found() {
    let text = "use std::sync::{Arc, atomic::AtomicBool};\nuse tokio::sync::oneshot;
use crate::runtime::sync::Mutex;\nfn f() { tokio::time::sleep(x); tokio::task::yield_now() }
fn g(lock: parking_lot::RwLock<u8>, once: std::sync::Once) {}";
    let judge = |path| lines(&seam::beside_the_seam(&one(path, text)));
    assert_eq!(judge("src/runtime/waits.rs"), [1, 2, 4, 5]);
    assert_eq!(judge("src/runtime/sync.rs"), []);
    assert_eq!(judge("src/runtime/sync/scheduled.rs"), []);
    assert_eq!(judge("src/testing/harness.rs"), []);
}

#[test]
fn a_real_sleep_in_a_test_is_found() {
    let judge = |path, text| lines(&shape::real_sleeps(&one(path, text), &[]));
    let text = "#[tokio::test]\nasync fn t() { tokio::time::sleep(x).await }
fn u() { std::thread::sleep(x); clock.sleep(1); run(\"sleep\") }";
    assert_eq!(judge("tests/a.rs", text), [2, 3]);
    assert_eq!(judge("src/runtime/tests.rs", text), [2, 3]);
    assert_eq!(judge("src/runtime/clock.rs", text), []);
    let paused = text.replace("::test]", "::test(start_paused = true)]");
    assert_eq!(judge("tests/a.rs", &paused), [3]);
    let inline = format!("fn f() {{ sleep(1) }}\n#[cfg(test)]\nmod tests {{\n{text}\n}}");
    assert_eq!(judge("src/runtime/clock.rs", &inline), [5, 6]);
    assert_eq!(
        judge(
            "tests/b.rs",
            "use perennial::testing::X;\nfn f() { sleep(1) }"
        ),
        []
    );
}

#[test]
fn a_second_title_is_found() {
    let judge = |text| lines(&shape::titles(&one("docs/a.md", text)));
    assert_eq!(judge("# A\n## B\n```sh\n# comment\n```\n"), []);
    assert_eq!(judge("# A\n# B\n"), [2]);
    assert_eq!(judge("## A\n"), [1]);
}

#[test]
fn a_rule_that_does_not_exist_is_found() {
    let semantics = Source::new("docs/semantics.md", SEMANTICS);
    let text =
        "// (R7), L1's and R10b\n/* x\n R19 */ fn f() { \"R20\"; }\n/// L2 is\n// I2, XR8, R7x";
    assert_eq!(
        lines(&rules::unknown_citations(
            &semantics,
            &one("src/a.rs", text)
        )),
        [3, 4, 5]
    );
    let twice = format!("{SEMANTICS}**R7 Again.**");
    assert_eq!(lines(&rules::defined_twice(&Source::new("s", &twice))), [7]);
    assert_eq!(lines(&rules::defined_twice(&semantics)), []);
}

#[test]
fn a_rule_without_a_test_is_found() {
    let judge = |tests: &str| {
        let semantics = Source::new("docs/semantics.md", SEMANTICS);
        let faults = rules::untested(&semantics, &one("tests/a.rs", tests));
        let words = faults.iter().flat_map(|fault| fault.what.split([' ', ':']));
        words
            .filter(|word| ["L1", "R7", "R10b", "R10c"].contains(word))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let whole = "#[tokio::test(start_paused = true)]\n#[x(y)]\nasync fn t() -> Result<(), E> {
        // L1, R7: as it should be\n}";
    assert_eq!(judge(whole), "");
    assert_eq!(judge("#[test]\nfn t() {\n    // L1. Unlike R7.\n}"), "R7");
    assert_eq!(judge("fn t() {\n    // L1, R7.\n}"), "L1 R7");
    assert_eq!(
        judge("#[test]\nfn t() {\n    let a = 1; // L1, R7.\n}"),
        "L1 R7"
    );
    let early = "proptest! { #[test] fn t(a in f(|x| { x })) { /* R10b and L1 */ } }";
    assert_eq!(judge(&format!("{whole}{early}")), "R10b");
    assert_eq!(rules::untested(&Source::new("s", "# None"), &[]).len(), 1);
}

//! Where the program of an example is, and how it comes to be there.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program of an example, of the same profile as this test or bench, and of the same features
/// and those, apart by commas, that it needs.
///
/// An example is not built as a program when benches are, nor, if it has tests of its own, when
/// tests are. So it is built here.
pub(crate) fn path(example: &str, needs: &str) -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let this = env::current_exe().expect("a program is a file");
        let profile = this.ancestors().nth(2);
        let profile = profile.expect("tests and benches are in PROFILE/deps");
        if let Some(cargo) = env::var_os("CARGO") {
            build(Command::new(cargo), profile, example, needs);
        }
        let program = profile.join("examples").join(example);
        assert!(
            program.is_file(),
            "{} is missing: run this with cargo, or `cargo build --example {example}` first",
            program.display()
        );
        program
    })
}

/// Builds the program beside this one; a moment, if there is nothing to build.
fn build(mut cargo: Command, profile_folder: &Path, example: &str, needs: &str) {
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(name) => name,
    };
    let target = profile_folder
        .parent()
        .expect("a profile is in the target folder");
    cargo.args([
        "build",
        "--quiet",
        "--example",
        example,
        "--profile",
        profile,
    ]);
    cargo.arg("--target-dir").arg(target);
    for (feature, is_enabled) in [
        (needs, !needs.is_empty()),
        // With all that is enabled, so that what is built already serves.
        ("helper", cfg!(feature = "helper")),
        ("process", cfg!(feature = "process")),
        ("serde", cfg!(feature = "serde")),
        ("solver", cfg!(feature = "solver")),
        ("store", cfg!(feature = "store")),
        ("testing", cfg!(feature = "testing")),
    ] {
        if is_enabled {
            cargo.args(["--features", feature]);
        }
    }
    let cargo = cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().expect("whoever started this has a cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the example {example} does not build:\n{errors}"
    );
}

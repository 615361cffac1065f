//! Where the daemon's program is, and how it comes to be there.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program of the daemon, of the same profile and features as this test or bench.
///
/// An example is not built as a program when benches are, nor, if it has tests of its own, when
/// tests are. So it is built here.
pub(crate) fn path() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let this = env::current_exe().expect("a program is a file");
        let profile = this.ancestors().nth(2);
        let profile = profile.expect("tests and benches are in PROFILE/deps");
        if let Some(cargo) = env::var_os("CARGO") {
            build(Command::new(cargo), profile);
        }
        let program = profile.join("examples").join("kv");
        assert!(
            program.is_file(),
            "{} is missing: run this with cargo, or `cargo build --example kv` first",
            program.display()
        );
        program
    })
}

/// Builds the program beside this one; a moment, if there is nothing to build.
fn build(mut cargo: Command, profile_folder: &Path) {
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(name) => name,
    };
    let target = profile_folder
        .parent()
        .expect("a profile is in the target folder");
    cargo.args(["build", "--quiet", "--example", "kv", "--profile", profile]);
    cargo.arg("--target-dir").arg(target);
    for (feature, is_enabled) in [
        ("serde", cfg!(feature = "serde")),
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
        "the example kv does not build:\n{errors}"
    );
}

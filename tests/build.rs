//! The build server of `examples/build` as its users meet it: programs with files, signals, exit
//! codes, and a compiler below them.

#[path = "build/bad_input.rs"]
mod bad_input;
#[path = "build/changes.rs"]
mod changes;
#[path = "../examples/build/depfile.rs"]
mod depfile;
#[path = "build/failures.rs"]
mod failures;
#[path = "build/hostile.rs"]
mod hostile;
#[path = "build/import.rs"]
mod import;
#[path = "build/killed.rs"]
mod killed;
#[path = "../benches/examples/program.rs"]
mod program;
#[path = "build/project.rs"]
mod project;
#[path = "build/sharing.rs"]
mod sharing;
#[path = "daemons/until.rs"]
mod until;

use until::until;

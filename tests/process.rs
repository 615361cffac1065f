//! Programs of the operating system: `perennial::process` without a guard, with real programs.
//!
//! Each test is run alone and leaves no child, no zombie and no descriptor. Names with a number are
//! the scenarios that the design was made from. `PROCESS_CYCLES` sets how many programs are started
//! and killed in a row.
#![cfg(all(feature = "process", target_os = "linux"))]

#[path = "process/common.rs"]
mod common;
#[path = "process/cycles.rs"]
mod cycles;
#[path = "process/inherited.rs"]
mod inherited;
#[path = "process/nodes.rs"]
mod nodes;
#[path = "process/said.rs"]
mod said;
#[cfg(feature = "solver")]
#[path = "process/solved.rs"]
mod solved;
#[path = "process/starting.rs"]
mod starting;
#[path = "process/stopping.rs"]
mod stopping;
#[path = "process/told.rs"]
mod told;
#[path = "process/waiting.rs"]
mod waiting;
#[path = "process/writing.rs"]
mod writing;

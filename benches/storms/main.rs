//! Storms, and what they leave behind: `cargo bench --bench storms`.
//!
//! - `panics`: all children panic, once or several times in a row, until all run again.
//! - `cancellations`: children are ordered to stop as soon as they were started, tasks are dropped,
//!   and a tree is stopped that has started half of its children.
//! - `stale`: requests through handles and contexts of what is gone.
//! - `hot`: a runnable that fails at once, without any delay, and the tasks beside it.
//! - `allocations`: what a start, a restart and a stop allocate, and how many bytes a child holds
//!   before a storm of failures, in it, and after it.
//!
//! `-- stale hot` makes some of them. Each stands beside what bare tasks do, where they do
//! something like it. All run on a current-thread runtime, whose thread counts each allocation: so
//! bytes are those that were asked for, and are the same in each run.
//!
//! Times are medians of the rounds, and judge nothing. What is counted has a bound that holds on
//! any machine; when one is broken, the bench says so and ends with the exit code 1.

mod allocations;
mod bare;
#[expect(
    dead_code,
    unused_imports,
    reason = "the bench of the runtime uses more of it"
)]
#[path = "../runtime/beside/mod.rs"]
mod beside;
mod bounds;
mod cancellations;
mod guests;
mod hot;
mod meter;
mod panics;
mod requests;
mod side;
mod stage;
mod stale;
mod table;
mod tree;

use std::env;
use std::process::{Command, ExitCode};

use bounds::Bounds;
use clap::{Parser, ValueEnum};
use tracing::subscriber::NoSubscriber;

/// What a backtrace of a panic in a library is asked for with.
const BACKTRACES: &str = "RUST_LIB_BACKTRACE";

/// Makes storms, and sees what they leave behind.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which storms; all by default.
    #[arg(value_enum)]
    storms: Vec<Storm>,
    #[command(flatten)]
    plan: Plan,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Plan {
    /// How often each side is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many children there are. By default a little less than a power of two, so that what
    /// grows by doubling has no room that nobody uses.
    #[arg(long, default_value_t = 16_000)]
    size: usize,
}

/// What is made.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Storm {
    Panics,
    Cancellations,
    Stale,
    Hot,
    Allocations,
}

impl Storm {
    fn rage(self, plan: Plan, bounds: &mut Bounds) {
        match self {
            Self::Panics => panics::storm(plan, bounds),
            Self::Cancellations => cancellations::storm(plan, bounds),
            Self::Stale => stale::storm(plan, bounds),
            Self::Hot => hot::storm(plan, bounds),
            Self::Allocations => allocations::storm(plan, bounds),
        }
    }
}

fn main() -> ExitCode {
    let Arguments { storms, plan, .. } = Arguments::parse();
    if env::var_os(BACKTRACES).is_none() {
        return run_without_backtraces();
    }
    stage::silence();
    // Deaths are heard, by one who does not care: else each is printed.
    tracing::subscriber::set_global_default(NoSubscriber::new()).expect("it is the first");
    let storms = match storms.as_slice() {
        [] => Storm::value_variants(),
        chosen => chosen,
    };
    let mut bounds = Bounds::default();
    for storm in storms {
        storm.rage(plan, &mut bounds);
    }
    bounds.verdict()
}

/// Makes the same storms in a process of its own. A backtrace takes more time and memory than all
/// else in a panic, so whether the environment asks for some must not show.
fn run_without_backtraces() -> ExitCode {
    let this = env::current_exe().expect("this program has a path");
    let mut command = Command::new(this);
    command.args(env::args_os().skip(1)).env(BACKTRACES, "0");
    let status = command.status().expect("this program can be run");
    match status.code() {
        Some(0) => ExitCode::SUCCESS,
        Some(_) | None => ExitCode::FAILURE,
    }
}

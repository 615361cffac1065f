//! The same workloads on the peers, in the same run: `bash benches/peers/run`.
//!
//! This program measures the libraries of Rust itself. The floor and the tree are measured by
//! `benches/runtime`, Erlang and Go by programs of their own: the script builds those, and says
//! in the environment where they are. README.md has how each peer is used.

#[expect(
    dead_code,
    unused_imports,
    reason = "the floor and the tree use more of it"
)]
#[path = "../../runtime/beside/mod.rs"]
mod beside;
mod graceful;
mod kameo;
mod part;
mod peer;
mod ractor;
mod ractor_supervisor;
mod stage;
mod tally;
mod task_supervisor;
mod workloads;

use beside::{Arguments, Figure, Job, Side};
use clap::Parser;

/// The largest size that every peer has room for in 24 GiB, and time.
const SIZE_MAX: usize = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = Arguments::parse();
    if let [side, words @ ..] = arguments.measure.as_slice() {
        return measure(side, Job::parse(words)?);
    }
    if arguments.size.is_none() {
        arguments.size_max.get_or_insert(SIZE_MAX);
    }
    beside::measure(&arguments, &sides()?)?;
    Ok(())
}

fn sides() -> Result<Vec<Side>, String> {
    let tree = |name| other(name, "RUNTIME_BENCH", &["--measure", name]);
    Ok(vec![
        tree("floor")?,
        tree("floor with cancel")?,
        tree("perennial")?,
        Side::own("ractor"),
        Side::own("ractor-supervisor"),
        Side::own("kameo"),
        Side::own("task-supervisor"),
        Side::own("tokio-graceful-shutdown"),
        other("Erlang/OTP", "ERLANG_BENCH", &["one_for_one"])?,
        other("Erlang/OTP simple", "ERLANG_BENCH", &["simple_one_for_one"])?,
        other("suture", "SUTURE_BENCH", &[])?,
    ])
}

/// A side that another program measures, which the script has named in this variable.
fn other(name: &str, variable: &str, arguments: &[&str]) -> Result<Side, String> {
    let program = std::env::var(variable)
        .map_err(|_| format!("{variable} is not set: run this with benches/peers/run"))?;
    let arguments = arguments.iter().map(|&word| word.to_owned());
    Ok(Side {
        name: name.to_owned(),
        program: std::iter::once(program).chain(arguments).collect(),
    })
}

/// Makes one measurement, and says what it gave or why it cannot be.
fn measure(side: &str, job: Job) -> Result<(), Box<dyn std::error::Error>> {
    match run(side, job)? {
        Ok(figure) => println!("{figure}"),
        Err(why) => println!("cannot: {why}"),
    }
    Ok(())
}

fn run(side: &str, job: Job) -> Result<Result<Figure, String>, String> {
    Ok(match side {
        "ractor" => workloads::block_on::<ractor::Tree>(job),
        "ractor-supervisor" => workloads::block_on::<ractor_supervisor::Tree>(job),
        "kameo" => workloads::block_on::<kameo::Tree>(job),
        "task-supervisor" => workloads::block_on::<task_supervisor::Tree>(job),
        "tokio-graceful-shutdown" => workloads::block_on::<graceful::Tree>(job),
        side => return Err(format!("there is no side {side}")),
    })
}

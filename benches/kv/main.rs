//! What a tree costs a server that works: `cargo bench --bench kv`.
//!
//! The key-value daemon of `examples/kv`, once as it is, with each connection a child of a pool,
//! and once with each in a bare `tokio::spawn` (`--bare-connections`), which is the floor. The
//! store, the code of a connection and the rest of the tree are the same. The load is that of
//! `redis-benchmark`, from the Debian package redis-tools, over loopback: fifty clients that set
//! and get.
//!
//! - `kept`: connections that stay, with one request at a time.
//! - `pipelined`: connections that stay, with sixteen requests at a time.
//! - `passing`: a connection for each request. Only these pay for the start and the end of a child.
//!
//! The two sides take turns in each round, each time in a daemon of its own, and each goes first in
//! every other round. Figures are medians of the rounds; a ratio is the median of the ratios of the
//! rounds. The processor time is that of the daemon alone, for each request: other work on the
//! machine changes it less than how many requests there are in a second. `-- passing` measures one
//! load alone, and `-- --rounds 99` takes more rounds.

mod daemon;
mod load;
#[path = "../examples/program.rs"]
mod program;
#[path = "../runtime/beside/spread.rs"]
mod spread;
mod verdict;

use std::error::Error;

use clap::{Parser, ValueEnum};

use daemon::Daemon;
use load::Load;
use spread::Spread;
use verdict::Verdict;

/// How much of the floor's requests in a second the pool may cost.
const COST_MAX: f64 = 0.03;

/// Measures the key-value daemon under load, with a pool beside bare tasks.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which loads; all by default.
    #[arg(value_enum)]
    loads: Vec<Load>,
    /// How often each side is measured.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    load::find_tool()?;
    let loads = match arguments.loads.as_slice() {
        [] => Load::value_variants(),
        some => some,
    };
    for load in loads {
        measure(*load, arguments.rounds)?;
    }
    Ok(())
}

/// What one measurement gave.
#[derive(Clone, Copy, Debug)]
struct Figure {
    /// Requests in a second.
    rate: f64,
    /// Processor time of the daemon for each request, in microseconds.
    cpu_us: f64,
}

/// Measures both sides in turn, and prints what that gave.
fn measure(load: Load, rounds: u32) -> Result<(), Box<dyn Error>> {
    let [mut bare, mut pooled] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let mut sides = [
            (["--bare-connections"].as_slice(), &mut bare),
            (&[], &mut pooled),
        ];
        if round % 2 == 1 {
            sides.reverse();
        }
        for (options, figures) in sides {
            figures.push(once(load, options)?);
        }
    }
    println!("\n{}, in {rounds} rounds", load.title());
    print("bare tasks", bare.iter().copied());
    print("a pool", pooled.iter().copied());
    let pairs = bare.iter().zip(&pooled);
    let ratios = pairs.map(|(bare, pooled)| Figure {
        rate: pooled.rate / bare.rate,
        cpu_us: pooled.cpu_us / bare.cpu_us,
    });
    print_ratios(ratios);
    Ok(())
}

/// Makes one measurement, in a daemon of its own that has worked a little before.
fn once(load: Load, options: &[&str]) -> Result<Figure, Box<dyn Error>> {
    let daemon = Daemon::start(options)?;
    load.run(daemon.port(), load.requests() / 10)?;
    let before = daemon.processor_time()?;
    let rate = load.run(daemon.port(), load.requests())?;
    let time = daemon.processor_time()? - before;
    let cpu_us = time.as_secs_f64() * 1e6 / load.requests() as f64;
    Ok(Figure { rate, cpu_us })
}

fn print(side: &str, figures: impl Iterator<Item = Figure> + Clone) {
    let [rate, cpu_us] = spreads(figures);
    let Spread { low, median, high } = rate;
    let rate = format!("{median:.0} a second ({low:.0} to {high:.0})");
    let Spread { low, median, high } = cpu_us;
    println!("  {side:<12}{rate:<40}{median:.2} us of processor time ({low:.2} to {high:.2})");
}

fn print_ratios(ratios: impl Iterator<Item = Figure> + Clone) {
    let verdict = Verdict::of(ratios.clone().map(|ratio| ratio.rate), COST_MAX);
    let [rate, cpu_us] = spreads(ratios);
    let Spread { low, median, high } = rate;
    let rate = format!("{median:.3} ({low:.2} to {high:.2})");
    let Spread { low, median, high } = cpu_us;
    println!(
        "  {:<12}{rate:<40}{median:.3} ({low:.2} to {high:.2})",
        "ratio"
    );
    println!("  {verdict}");
}

fn spreads(figures: impl Iterator<Item = Figure> + Clone) -> [Spread; 2] {
    let rates = Spread::of(figures.clone().map(|figure| figure.rate));
    let cpu_us = Spread::of(figures.map(|figure| figure.cpu_us));
    [rates, cpu_us].map(|spread| spread.expect("there is a round"))
}

//! The pure core alone, without a runtime: `cargo bench --bench tree`.
//!
//! How many facts it takes in a second, and how many allocations each costs, in trees of ten, a
//! thousand and a hundred thousand nodes. `-- --instructions` counts what each path executes, under
//! callgrind, and compares that with what `benches/tree/instructions.txt` keeps; with `--keep` it
//! is kept instead.

mod instructions;
mod world;

use std::time::Instant;

use clap::Parser;
use world::World;

/// Measurements of each path.
const ROUNDS: usize = 9;

/// How many times a path is gone in a measurement, at least.
const TIMES: usize = 20_000;

/// How many nodes the trees have.
const SIZES: [usize; 3] = [10, 1_000, 100_000];

/// Measures the core of the tree alone.
#[derive(Debug, Parser)]
struct Arguments {
    /// Counts instructions instead of time, and compares them with those that are kept.
    #[arg(long)]
    instructions: bool,
    /// Keeps the instructions that were counted.
    #[arg(long, requires = "instructions")]
    keep: bool,
    /// Goes a path so often, and does nothing else: path, nodes, times.
    #[arg(long, num_args = 3, hide = true)]
    walk: Vec<String>,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A way through the core.
#[derive(Clone, Copy, Debug)]
enum Walk {
    /// A child is declared, starts and is healthy.
    Start,
    /// A child fails, starts again and is healthy.
    Restart,
    /// One of a group of ten fails; all end, start again and are healthy.
    Group,
    /// A child is ordered to stop, ends, is ordered to start, and is healthy.
    Order,
    /// All are told to stop, and end.
    Stop,
}

impl Walk {
    const ALL: [Self; 5] = [
        Self::Start,
        Self::Restart,
        Self::Group,
        Self::Order,
        Self::Stop,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Group => "group",
            Self::Order => "order",
            Self::Stop => "stop",
        }
    }

    /// Goes this way in a tree, at least so often, and returns how many facts that took.
    fn go(self, world: &mut World, nodes: usize, times: usize) -> usize {
        let before = world.facts;
        match self {
            Self::Start => (0..times).for_each(|_| world.start()),
            Self::Restart => (0..times).for_each(|time| world.restart(time % nodes)),
            Self::Group => (0..times.div_ceil(10)).for_each(|_| world.fall()),
            Self::Order => (0..times).for_each(|time| world.order(time % nodes)),
            Self::Stop => {
                for _ in 0..times.div_ceil(nodes) {
                    world.stop();
                    let stopped = std::mem::replace(world, World::new(nodes));
                    world.facts += stopped.facts;
                }
            }
        }
        world.facts - before
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if let [path, nodes, times] = arguments.walk.as_slice() {
        let walks = Walk::ALL.into_iter();
        let walk = walks.into_iter().find(|walk| walk.word() == path);
        let walk = walk.ok_or_else(|| format!("there is no path {path}"))?;
        let nodes = nodes.parse()?;
        walk.go(&mut World::new(nodes), nodes, times.parse()?);
        return Ok(());
    }
    if arguments.instructions {
        return instructions::compare(arguments.keep);
    }
    println!("                    nodes    facts a second    ns a fact    allocations a fact");
    for walk in Walk::ALL {
        for nodes in SIZES {
            print(walk, nodes);
        }
    }
    Ok(())
}

fn print(walk: Walk, nodes: usize) {
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| time(walk, nodes)).collect();
    times.sort_by(f64::total_cmp);
    let ns = times[ROUNDS / 2];
    let mut world = World::new(nodes);
    let mut facts = 0;
    let counted = allocation_counter::measure(|| facts = walk.go(&mut world, nodes, TIMES));
    let allocations = counted.count_total as f64 / facts as f64;
    let word = walk.word();
    let rate = 1e9 / ns;
    println!("  {word:<10}{nodes:>13}{rate:>18.0}{ns:>13.0}{allocations:>22.2}");
}

/// The time of one fact, in nanoseconds.
fn time(walk: Walk, nodes: usize) -> f64 {
    let mut world = World::new(nodes);
    let began = Instant::now();
    let facts = walk.go(&mut world, nodes, TIMES);
    began.elapsed().as_nanos() as f64 / facts as f64
}

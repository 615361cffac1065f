//! The whole tree beside the floor, in the same run: `cargo bench --bench runtime`.
//!
//! Each measurement runs in a process of its own, the sides in turn, so that none profits from what
//! another has warmed or freed. Figures are medians of the rounds; a ratio is the median of the
//! ratios of the rounds. `-- start --size 100000` measures less, `-- --json FILE` keeps all
//! figures, and `-- --plot FOLDER` draws them.

mod beside;
mod cancel;
mod floor;
mod tree;

use std::time::Duration;

use beside::{Arguments, Figure, Job, Side};
use cancel::{Abort, Token};
use clap::Parser;
use tracing::subscriber::NoSubscriber;

/// How long idle children are watched.
const IDLE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if let [side, words @ ..] = arguments.measure.as_slice() {
        println!("{}", run(side, Job::parse(words)?)?);
        return Ok(());
    }
    let sides = ["floor", "floor with cancel", "perennial"].map(Side::own);
    beside::measure(&arguments, &sides)?;
    Ok(())
}

fn run(side: &str, job: Job) -> Result<Figure, String> {
    Ok(match side {
        "floor" => job.flavour.block_on(floor::measure::<Abort>(job)),
        "floor with cancel" => job.flavour.block_on(floor::measure::<Token>(job)),
        "perennial" => {
            // Deaths are heard, by one who does not care: else each is printed.
            tracing::subscriber::set_global_default(NoSubscriber::new()).expect("it is the first");
            job.flavour.block_on(tree::measure(job))
        }
        side => return Err(format!("there is no side {side}")),
    })
}

/// Times that add up.
#[derive(Debug, Default)]
struct Running {
    time: Duration,
    /// Of the first time: later ones take what was freed.
    bytes: Option<f64>,
}

impl Running {
    fn add(&mut self, time: Duration, bytes: f64) {
        self.time += time;
        self.bytes.get_or_insert(bytes);
    }

    fn figure(self, job: Job) -> Figure {
        Figure {
            bytes: self.bytes.unwrap_or_default() / job.size as f64,
            ..Figure::shared(self.time, job.size * job.times())
        }
    }
}

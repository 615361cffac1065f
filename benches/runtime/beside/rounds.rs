//! Rounds of one measurement: the sides in turn, each in a process of its own, so that none
//! profits from what another has warmed or freed.

use std::process::Command;
use std::time::{Duration, Instant};

use super::args::Arguments;
use super::figure::Figure;
use super::plan::Job;
use super::spread::Spread;

/// One of those that are measured side by side.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) name: String,
    /// The program, and its arguments before those of the measurement.
    pub(crate) program: Vec<String>,
}

impl Side {
    /// A side that this program measures itself.
    pub(crate) fn own(name: &str) -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let this = this.to_str().expect("its path is text");
        let program = [this, "--measure", name].map(str::to_owned).to_vec();
        let name = name.to_owned();
        Self { name, program }
    }

    /// Makes one measurement, or says why that cannot be.
    fn measure(&self, job: Job, limit: Duration) -> Result<Figure, String> {
        let seconds = limit.as_secs();
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", &seconds.to_string()]);
        command.args(&self.program).args(job.words());
        let began = Instant::now();
        let output = command.output();
        let output = output.map_err(|error| format!("timeout: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() && began.elapsed() >= limit {
            return Err(format!("took longer than {seconds} s"));
        }
        match text.trim().strip_prefix("cannot:") {
            Some(why) => Err(why.trim().to_owned()),
            None if output.status.success() => Figure::parse(&text),
            None => Err(format!("{}: {}", output.status, errors.trim())),
        }
    }
}

/// What one side gave in all rounds.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) side: String,
    pub(crate) job: Job,
    pub(crate) figures: Vec<Figure>,
    /// What the figures are beside those of the first side, in the same round.
    pub(crate) ratios: Vec<f64>,
    /// Why there are none.
    pub(crate) cannot: Option<String>,
}

impl Row {
    /// Why this side cannot do this job, if it could not do this smaller one.
    fn cannot_either(&self, side: &Side, job: Job) -> Option<String> {
        let is_same = self.side == side.name && self.job.flavour == job.flavour;
        self.cannot.clone().filter(|_| is_same)
    }

    pub(crate) fn spread(&self, part: impl Fn(&Figure) -> f64) -> Option<Spread> {
        Spread::of(self.figures.iter().map(part))
    }

    pub(crate) fn ns(&self) -> Option<Spread> {
        self.spread(|figure| figure.ns)
    }

    pub(crate) fn ratio(&self) -> Option<Spread> {
        Spread::of(self.ratios.iter().copied())
    }
}

/// Measures each side once in each round; the first one is what the others stand beside.
///
/// What a side could not do at a smaller size, of which these are the rows, is not tried again.
pub(crate) fn run(arguments: &Arguments, sides: &[Side], job: Job, smaller: &[Row]) -> Vec<Row> {
    let row = |side: &Side| Row {
        side: side.name.clone(),
        job,
        figures: Vec::new(),
        ratios: Vec::new(),
        cannot: smaller.iter().find_map(|row| row.cannot_either(side, job)),
    };
    let mut rows: Vec<_> = sides.iter().map(row).collect();
    for _ in 0..arguments.rounds {
        let mut first = None;
        for (at, (side, row)) in sides.iter().zip(&mut rows).enumerate() {
            if row.cannot.is_some() {
                continue;
            }
            match side.measure(job, arguments.limit()) {
                Ok(figure) => {
                    if at == 0 {
                        first = Some(figure);
                    }
                    row.ratios.extend(first.map(|first| figure.ns / first.ns));
                    row.figures.push(figure);
                }
                Err(why) => row.cannot = Some(why),
            }
        }
    }
    rows
}

//! Rounds of one measurement: the sides in turn, each in a process of its own, so that none
//! profits from what another has warmed or freed.

use std::process::Command;

use super::figure::Figure;
use super::plan::Job;
use super::stats::Spread;

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
    fn measure(&self, job: Job) -> Result<Figure, String> {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]).args(job.words());
        let output = command.output();
        let output = output.map_err(|error| format!("{}: {error}", self.program[0]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
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
pub(crate) fn run(rounds: usize, sides: &[Side], job: Job) -> Vec<Row> {
    let row = |side: &Side| Row {
        side: side.name.clone(),
        job,
        figures: Vec::new(),
        ratios: Vec::new(),
        cannot: None,
    };
    let mut rows: Vec<_> = sides.iter().map(row).collect();
    for _ in 0..rounds {
        let mut first = None;
        for (side, row) in sides.iter().zip(&mut rows) {
            if row.cannot.is_some() {
                continue;
            }
            match side.measure(job) {
                Ok(figure) => {
                    let first = *first.get_or_insert(figure);
                    row.ratios.push(figure.ns / first.ns);
                    row.figures.push(figure);
                }
                Err(why) => row.cannot = Some(why),
            }
        }
    }
    rows
}

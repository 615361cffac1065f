//! The workloads, their sizes, and what the tree is to reach.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

use super::flavour::Flavour;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// W1: start so many children, until all run.
    Start,
    /// W2: all children fail once, until all run again.
    Storm,
    /// W3: one of so many children fails, until its next incarnation runs.
    Restart,
    /// W4: one member of a group fails, until all members run again.
    Group,
    /// W5: stop so many children.
    Stop,
    /// W6: the top of a chain of nested nodes fails, until the deepest runs again.
    Chain,
    /// W7: so many idle children for ten seconds.
    Idle,
}

impl Workload {
    pub(crate) fn word(self) -> String {
        let value = self.to_possible_value().expect("none is skipped");
        value.get_name().to_owned()
    }

    /// What the table is headed with.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Start => "W1 start: N children, until all run; for each child",
            Self::Storm => "W2 storm: all N fail once, until all run again; for each child",
            Self::Restart => "W3 restart: one of N fails, until it runs again",
            Self::Group => "W4 group: M members fall and rise; for each member",
            Self::Stop => "W5 stop: N children; for each child",
            Self::Chain => "W6 chain: D nested nodes fall and rise; for each node",
            Self::Idle => "W7 idle: N children for ten seconds; processor time and switches",
        }
    }

    pub(crate) const fn sizes(self) -> &'static [usize] {
        match self {
            Self::Start => &[1_000, 10_000, 100_000, 1_000_000],
            Self::Storm | Self::Stop => &[1_000, 100_000, 1_000_000],
            Self::Restart => &[10, 1_000, 100_000],
            Self::Group | Self::Chain => &[10, 100, 1_000],
            Self::Idle => &[100_000],
        }
    }

    /// How much of the floor's time the tree may take at most.
    pub(crate) const fn bar(self, size: usize) -> Option<f64> {
        Some(match self {
            Self::Start if size < 1_000_000 => 2.3,
            Self::Start => 2.8,
            Self::Storm => 1.5,
            Self::Restart => 1.6,
            Self::Group => 1.0,
            Self::Stop => 1.8,
            Self::Chain => 1.3,
            Self::Idle => return None,
        })
    }

    /// How steeply the time of all of it may grow, on logarithmic scales.
    pub(crate) const fn slope_max(self) -> f64 {
        match self {
            Self::Restart => 0.1,
            _ => 1.1,
        }
    }

    /// Whether a figure is the share of one in the time of all.
    pub(crate) const fn is_shared(self) -> bool {
        !matches!(self, Self::Restart)
    }

    /// How often it is done in one measurement, so that what is small takes as long as what is
    /// large.
    pub(crate) const fn times(self, size: usize) -> usize {
        const WORK: usize = 100_000;
        let times = match self {
            Self::Restart => return 2_000,
            Self::Idle => return 1,
            _ => WORK / size,
        };
        if times == 0 { 1 } else { times }
    }
}

/// One measurement that is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) workload: Workload,
    pub(crate) flavour: Flavour,
    pub(crate) size: usize,
}

impl Job {
    /// As arguments for a program that makes it.
    pub(crate) fn words(self) -> [String; 3] {
        let (workload, flavour) = (self.workload.word(), self.flavour.to_string());
        [workload, flavour, self.size.to_string()]
    }

    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let [workload, flavour, size] = words else {
            return Err(format!("no measurement: {words:?}"));
        };
        Ok(Self {
            workload: Workload::from_str(workload, false)?,
            flavour: flavour.parse()?,
            size: usize::from_str(size).map_err(|error| format!("{size}: {error}"))?,
        })
    }

    pub(crate) const fn times(self) -> usize {
        self.workload.times(self.size)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.words().join(" "))
    }
}

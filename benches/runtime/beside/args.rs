//! What is asked for on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use super::flavour::Flavour;
use super::plan::{Job, Workload};

/// Measures workloads beside the floor: bare tasks in a loop of their own.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// Which workloads; all by default.
    #[arg(value_enum)]
    pub(crate) workloads: Vec<Workload>,
    /// How often each side is measured.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Only this size.
    #[arg(long)]
    pub(crate) size: Option<usize>,
    /// No size above this.
    #[arg(long)]
    pub(crate) size_max: Option<usize>,
    /// Only this flavour of a runtime: ct or mt.
    #[arg(long)]
    pub(crate) flavour: Option<Flavour>,
    /// Only these sides, besides the floor.
    #[arg(long)]
    pub(crate) side: Vec<String>,
    /// How many seconds one measurement may take; then it is ended.
    #[arg(long, default_value_t = 120)]
    limit: u64,
    /// Keeps all figures in this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Draws cost over size into this folder.
    #[arg(long)]
    pub(crate) plot: Option<PathBuf>,
    /// Makes one measurement: side, workload, flavour, size.
    #[arg(long, num_args = 4, hide = true)]
    pub(crate) measure: Vec<String>,
    /// What cargo passes.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    pub(crate) const fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }

    /// What is to be measured, one workload after the other.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = (Workload, Vec<Job>)> {
        let every = clap::ValueEnum::value_variants();
        let workloads = if self.workloads.is_empty() {
            every
        } else {
            &self.workloads
        };
        workloads.iter().map(|workload| {
            let jobs = Flavour::ALL
                .into_iter()
                .filter(|flavour| self.flavour.is_none_or(|only| only == *flavour))
                .flat_map(|flavour| self.sizes(*workload).map(move |size| (flavour, size)))
                .map(|(flavour, size)| Job {
                    workload: *workload,
                    flavour,
                    size,
                });
            (*workload, jobs.collect())
        })
    }

    fn sizes(&self, workload: Workload) -> impl Iterator<Item = usize> {
        let sizes = workload.sizes().iter().copied();
        let (one, most) = (self.size, self.size_max);
        sizes
            .filter(move |size| one.is_none_or(|one| one == *size))
            .filter(move |size| most.is_none_or(|most| most >= *size))
    }
}

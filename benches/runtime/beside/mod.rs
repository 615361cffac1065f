//! What is measured side by side, and how: the workloads, one measurement, rounds of them, and the
//! table. The peers are measured by the same code.

mod args;
mod effort;
mod figure;
mod flavour;
mod plan;
mod plot;
mod results;
mod rounds;
mod slope;
pub(crate) mod spread;
mod table;

pub(crate) use args::Arguments;
pub(crate) use effort::{Counter, resident, watch};
pub(crate) use figure::Figure;
pub(crate) use plan::{Job, Workload};
pub(crate) use rounds::Side;
pub(crate) use table::measure;

//! The solver: a graph of work that many jobs share.
//!
//! `sol_NN` in a name is the scenario NN of the plan for the solver; `solver/scenarios.md` says
//! what became of each.
#![cfg(all(feature = "solver", feature = "testing"))]

#[path = "solver/cancelling.rs"]
mod cancelling;
#[path = "solver/failing.rs"]
mod failing;
#[path = "solver/flights.rs"]
mod flights;
#[path = "solver/fresh.rs"]
mod fresh;
#[path = "solver/hostile.rs"]
mod hostile;
#[path = "solver/keys.rs"]
mod keys;
#[path = "solver/kit.rs"]
mod kit;
#[path = "solver/leases.rs"]
mod leases;
#[path = "solver/limits.rs"]
mod limits;
#[path = "solver/model.rs"]
mod model;
#[path = "solver/progress.rs"]
mod progress;
#[path = "solver/promised.rs"]
mod promised;
#[path = "solver/results.rs"]
mod results;
#[path = "stage/serve.rs"]
mod serve;
#[path = "solver/sharing.rs"]
mod sharing;
#[path = "solver/stores.rs"]
mod stores;
#[path = "solver/subbuilds.rs"]
mod subbuilds;

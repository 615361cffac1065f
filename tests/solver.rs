//! The solver: a graph of work that many jobs share.
//!
//! `sol_NN` in a name is the scenario NN of the plan for the solver; `solver/scenarios.md` says
//! what became of each.
#![cfg(all(feature = "solver", feature = "testing"))]

#[path = "solver/cancelling.rs"]
mod cancelling;
#[path = "solver/failing.rs"]
mod failing;
#[path = "solver/keys.rs"]
mod keys;
#[path = "solver/kit.rs"]
mod kit;
#[path = "stage/serve.rs"]
mod serve;
#[path = "solver/sharing.rs"]
mod sharing;
#[path = "solver/stores.rs"]
mod stores;

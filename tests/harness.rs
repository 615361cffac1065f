//! The harness, with which users test: what it promises, and where it was once wrong.
#![cfg(feature = "testing")]

#[path = "stage/failing.rs"]
mod failing;
#[path = "harness/faults.rs"]
mod faults;
#[path = "harness/found.rs"]
mod found;
#[path = "harness/hardening.rs"]
mod hardening;
#[path = "harness/io.rs"]
mod io;
#[path = "stage/parent.rs"]
mod parent;
#[path = "harness/promised_faults.rs"]
mod promised_faults;
#[path = "harness/promised_naming.rs"]
mod promised_naming;
#[path = "harness/promised_points_and_storms.rs"]
mod promised_points_and_storms;
#[path = "harness/promised_runs.rs"]
mod promised_runs;
#[path = "harness/promised_waits.rs"]
mod promised_waits;
#[path = "harness/random.rs"]
mod random;
#[path = "puppet/root.rs"]
mod root;
#[path = "stage/mod.rs"]
mod stage;
#[path = "harness/waits.rs"]
mod waits;

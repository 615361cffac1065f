//! The scenarios of the design this crate grew out of.
#![cfg(feature = "testing")]

#[path = "origin/observed.rs"]
mod observed;
#[path = "puppet/mod.rs"]
mod puppet;
#[path = "origin/suite.rs"]
mod suite;
#[path = "origin/untested.rs"]
mod untested;
#[path = "origin/unwatched.rs"]
mod unwatched;

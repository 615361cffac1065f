//! The core on a virtual clock: policies as tables, the structure by exploration.

mod backoff;
mod cells;
mod determinism;
mod escalation;
mod essence;
mod explore;
mod facts;
mod falls;
mod histories;
mod ladder;
mod laws;
mod leaks;
mod memory;
mod messages;
mod names;
mod owned;
mod pass;
mod pools;
mod reading;
mod report;
mod settled;
mod signals;
mod stale;
mod stopping;
mod walk;
mod world;

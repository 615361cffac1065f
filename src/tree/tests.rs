//! The core on a virtual clock: policies as tables, the structure by exploration.

mod explore;
mod falls;
mod histories;
mod laws;
mod reading;
mod signals;
mod world;

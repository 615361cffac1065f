//! Races of the runtime, each played in many schedules: `bash .ci/schedules`.
//!
//! With `--cfg shuttle` the runtime shares, waits and spawns through shuttle, which chooses at each
//! step the task that goes on (`src/runtime/sync.rs`). Without it there is nothing here to run.
//! Time stands still unless a test moves it.
#![cfg(shuttle)]

#[path = "schedules/asking.rs"]
mod asking;
#[path = "schedules/blocking.rs"]
mod blocking;
#[path = "schedules/declaring.rs"]
mod declaring;
#[path = "schedules/ending.rs"]
mod ending;
#[path = "schedules/explore.rs"]
mod explore;
#[path = "schedules/laws.rs"]
mod laws;
#[path = "schedules/ordering.rs"]
mod ordering;
#[path = "schedules/owning.rs"]
mod owning;
#[path = "schedules/pools.rs"]
mod pools;
#[path = "schedules/publishing.rs"]
mod publishing;
#[path = "schedules/resources.rs"]
mod resources;
#[path = "schedules/saying.rs"]
mod saying;
#[path = "schedules/site.rs"]
mod site;
#[cfg(feature = "solver")]
#[path = "schedules/solving.rs"]
mod solving;
#[path = "schedules/tasks.rs"]
mod tasks;
#[path = "schedules/timing.rs"]
mod timing;
#[path = "schedules/world.rs"]
mod world;

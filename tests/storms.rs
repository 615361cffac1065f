//! Storms: of failures without a delay, of panics, of cancellations, of requests through what is
//! gone. Each is counted and told once, keeps nobody from going on, and leaves nothing.
#![cfg(feature = "testing")]

#[path = "storms/cancellations.rs"]
mod cancellations;
#[path = "storms/hot.rs"]
mod hot;
#[path = "storms/panics.rs"]
mod panics;
#[path = "stage/pool.rs"]
mod pool;
#[path = "stage/serve.rs"]
mod serve;
#[path = "storms/stale.rs"]
mod stale;
#[path = "stage/threaded.rs"]
mod threaded;

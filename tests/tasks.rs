//! What tasks and streams of tasks promise: when they end, and with what.
#![cfg(feature = "testing")]

#[path = "stage/counter.rs"]
mod counter;
#[path = "tasks/cut_short.rs"]
mod cut_short;
#[path = "tasks/giving.rs"]
mod giving;
#[path = "tasks/handles.rs"]
mod handles;
#[path = "stage/many.rs"]
mod many;
#[path = "tasks/owning.rs"]
mod owning;
#[path = "stage/pool.rs"]
mod pool;
#[path = "tasks/results.rs"]
mod results;
#[path = "stage/serve.rs"]
mod serve;
#[path = "tasks/stops.rs"]
mod stops;
#[path = "tasks/streams.rs"]
mod streams;
#[path = "stage/threaded.rs"]
mod threaded;
#[path = "tasks/threads.rs"]
mod threads;

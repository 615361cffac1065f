//! Orders: what they do, when they resolve, and when they are refused.
#![cfg(feature = "testing")]

#[path = "orders/awaited.rs"]
mod awaited;
#[path = "orders/cast.rs"]
mod cast;
#[path = "orders/given.rs"]
mod given;
#[path = "orders/inside.rs"]
mod inside;
#[path = "orders/orderer.rs"]
mod orderer;
#[path = "orders/outside.rs"]
mod outside;
#[path = "orders/pools.rs"]
mod pools;
#[path = "orders/refused.rs"]
mod refused;
#[path = "orders/replaced.rs"]
mod replaced;
#[path = "stage/serve.rs"]
mod serve;
#[path = "stage/threaded.rs"]
mod threaded;
#[path = "orders/threads.rs"]
mod threads;

//! Pools, tasks and published values in bad company: wakers that panic or look back, code that is
//! slow to go, declarations that are refused half way.
#![cfg(feature = "testing")]

#[path = "stage/pool.rs"]
mod pool;
#[path = "stage/serve.rs"]
mod serve;

#[path = "company/late.rs"]
mod late;
#[path = "company/leaving.rs"]
mod leaving;
#[path = "company/publishing.rs"]
mod publishing;
#[path = "company/roots.rs"]
mod roots;
#[path = "company/wakers.rs"]
mod wakers;

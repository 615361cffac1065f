//! What pools promise: how they are declared, what they start, and what becomes of their children.
#![cfg(feature = "testing")]

#[path = "pools/as_nodes.rs"]
mod as_nodes;
#[path = "pools/bounds.rs"]
mod bounds;
#[path = "pools/budgets.rs"]
mod budgets;
#[path = "stage/captured.rs"]
mod captured;
#[path = "pools/declaring.rs"]
mod declaring;
#[path = "pools/drain.rs"]
mod drain;
#[path = "pools/drain_ends.rs"]
mod drain_ends;
#[path = "pools/groups.rs"]
mod groups;
#[path = "pools/handles.rs"]
mod handles;
#[path = "stage/many.rs"]
mod many;
#[path = "pools/names.rs"]
mod names;
#[path = "stage/open.rs"]
mod open;
#[path = "pools/orders.rs"]
mod orders;
#[path = "stage/pool.rs"]
mod pool;
#[path = "pools/provide.rs"]
mod provide;
#[path = "stage/serve.rs"]
mod serve;
#[path = "pools/templates.rs"]
mod templates;
#[path = "stage/threaded.rs"]
mod threaded;
#[path = "pools/threads.rs"]
mod threads;

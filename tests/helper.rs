//! Helpers: a script that does as it is told, also what no helper should do, and those of others.

#[path = "helper/bodies.rs"]
mod bodies;
#[path = "helper/calls.rs"]
mod calls;
#[path = "helper/closing.rs"]
mod closing;
#[path = "process/common.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod common;
#[path = "helper/crashes.rs"]
mod crashes;
#[cfg(feature = "store")]
#[path = "helper/foreign.rs"]
mod foreign;
#[cfg(feature = "store")]
#[path = "helper/gocache.rs"]
mod gocache;
#[path = "helper/gocache_checks.rs"]
mod gocache_checks;
#[cfg(feature = "store")]
#[path = "helper/golang.rs"]
mod golang;
#[path = "helper/guest.rs"]
mod guest;
#[path = "helper/handshake.rs"]
mod handshake;
#[path = "helper/hostile.rs"]
mod hostile;
#[path = "helper/jsonrpc.rs"]
mod jsonrpc;
#[path = "helper/languages.rs"]
mod languages;
#[cfg(feature = "store")]
#[path = "../benches/examples/program.rs"]
mod program;
#[path = "helper/promised.rs"]
mod promised;
#[path = "helper/promised_closing.rs"]
mod promised_closing;
#[path = "helper/promised_limits.rs"]
mod promised_limits;
#[path = "helper/promised_sides.rs"]
mod promised_sides;
#[path = "helper/readings.rs"]
mod readings;
#[path = "helper/script.rs"]
mod script;
#[path = "helper/serving.rs"]
mod serving;
#[cfg(feature = "store")]
#[path = "helper/showing.rs"]
mod showing;

//! What the runtime promises, one file for each promise.
#![cfg(feature = "testing")]

#[path = "promises/aborts.rs"]
mod aborts;
#[path = "promises/bad_input.rs"]
mod bad_input;
#[path = "promises/bad_requests.rs"]
mod bad_requests;
#[path = "promises/ends_awaited.rs"]
mod ends_awaited;
#[path = "promises/handles.rs"]
mod handles;
#[path = "promises/hardening.rs"]
mod hardening;
#[path = "promises/hardening_races.rs"]
mod hardening_races;
#[path = "promises/liveness.rs"]
mod liveness;
#[path = "promises/policies.rs"]
mod policies;
#[path = "promises/pools_and_owned.rs"]
mod pools_and_owned;
#[path = "promises/published.rs"]
mod published;
#[path = "promises/published_gone.rs"]
mod published_gone;
#[path = "puppet/mod.rs"]
mod puppet;
#[path = "puppet/root.rs"]
mod root;
#[path = "published/scene.rs"]
mod scene;
#[path = "stage/serve.rs"]
mod serve;
#[path = "promises/stopping.rs"]
mod stopping;
#[path = "promises/wedges.rs"]
mod wedges;
#[path = "promises/wedges_that_last.rs"]
mod wedges_that_last;

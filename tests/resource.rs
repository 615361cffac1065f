//! Resources: references that are duplicated and closed, and a release after the last.
//!
//! `res_NN` in a name is the scenario NN of the plan for resources.
#![cfg(feature = "testing")]

#[path = "resource/cancelled.rs"]
mod cancelled;
#[path = "resource/derived.rs"]
mod derived;
#[path = "resource/exclusive.rs"]
mod exclusive;
#[path = "resource/failing.rs"]
mod failing;
#[path = "resource/files.rs"]
mod files;
#[path = "resource/generations.rs"]
mod generations;
#[path = "resource/hooks.rs"]
mod hooks;
#[path = "resource/hostile.rs"]
mod hostile;
#[path = "resource/model.rs"]
mod model;
#[path = "resource/nodes.rs"]
mod nodes;
#[path = "resource/probe.rs"]
mod probe;
#[path = "../benches/examples/program.rs"]
mod program;
#[path = "resource/promised.rs"]
mod promised;
mod puppet;
#[path = "resource/references.rs"]
mod references;
#[path = "resource/releasing.rs"]
mod releasing;
#[path = "resource/scene.rs"]
mod scene;
#[path = "resource/scopes.rs"]
mod scopes;
#[path = "stage/serve.rs"]
mod serve;
#[path = "resource/stopping.rs"]
mod stopping;
#[path = "stage/threaded.rs"]
mod threaded;
#[path = "resource/threads.rs"]
mod threads;
#[path = "resource/tour.rs"]
mod tour;
#[path = "resource/weak.rs"]
mod weak;
#[path = "resource/written.rs"]
mod written;

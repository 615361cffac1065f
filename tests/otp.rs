//! What the supervisors of OTP and Elixir are tested for, asked of this crate: each test has the
//! numbers of its scenarios in its name, and `otp/scenarios.md` lists them all.
#![cfg(feature = "testing")]

#[path = "otp/acknowledged.rs"]
mod acknowledged;
#[path = "otp/admin.rs"]
mod admin;
#[path = "otp/ctl.rs"]
mod ctl;
#[path = "otp/declared.rs"]
mod declared;
#[path = "otp/dynamic.rs"]
mod dynamic;
#[path = "otp/dynamic_restarts.rs"]
mod dynamic_restarts;
#[path = "otp/dynamic_scale.rs"]
mod dynamic_scale;
#[path = "otp/dynamic_starts.rs"]
mod dynamic_starts;
#[path = "otp/dynamic_stops.rs"]
mod dynamic_stops;
#[path = "otp/errors.rs"]
mod errors;
#[path = "otp/escalation.rs"]
mod escalation;
#[path = "otp/events.rs"]
mod events;
#[path = "otp/intensity.rs"]
mod intensity;
#[path = "otp/pending.rs"]
mod pending;
#[path = "otp/pooled.rs"]
mod pooled;
#[path = "otp/random.rs"]
mod random;
#[path = "otp/registry.rs"]
mod registry;
#[path = "otp/restart_loop.rs"]
mod restart_loop;
#[path = "otp/restart_types.rs"]
mod restart_types;
#[path = "otp/runtimes.rs"]
mod runtimes;
#[path = "otp/rust.rs"]
mod rust;
#[path = "stage/serve.rs"]
mod serve;
#[path = "otp/significant.rs"]
mod significant;
#[path = "otp/start.rs"]
mod start;
#[path = "otp/stopping.rs"]
mod stopping;
#[path = "otp/strategies.rs"]
mod strategies;
#[path = "otp/sup.rs"]
mod sup;
#[path = "otp/task_failures.rs"]
mod task_failures;
#[path = "otp/task_handles.rs"]
mod task_handles;
#[path = "otp/task_streams.rs"]
mod task_streams;
#[path = "otp/tasks.rs"]
mod tasks;
#[path = "otp/terminating.rs"]
mod terminating;
#[path = "otp/trace.rs"]
mod trace;

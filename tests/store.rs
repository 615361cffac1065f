//! The content-addressed store, in real directories: what is put is got, nothing half is seen,
//! what is in use stays, and other processes do the same at the same time.
#![cfg(feature = "store")]

#[path = "store/actions.rs"]
mod actions;
#[path = "store/blobs.rs"]
mod blobs;
#[path = "store/corrupt.rs"]
mod corrupt;
#[path = "store/evicting.rs"]
mod evicting;
#[path = "store/killed.rs"]
mod killed;
#[path = "store/model.rs"]
mod model;
#[path = "store/opening.rs"]
mod opening;
#[path = "store/processes.rs"]
mod processes;
#[path = "store/scene.rs"]
mod scene;
#[path = "store/waiting.rs"]
mod waiting;

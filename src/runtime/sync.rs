//! What the runtime shares, waits on and spawns with, named in one place: tokio's, std's and
//! parking_lot's, or with `--cfg shuttle` the same with points at which a schedule may turn to
//! another task (`tests/schedules.rs`).

#[cfg(shuttle)]
mod channels;
#[cfg(shuttle)]
mod scheduled;

#[cfg(shuttle)]
pub(crate) use self::{
    channels::{mpsc, oneshot, watch},
    scheduled::{
        AbortHandle, AbortOnDropHandle, AtomicBool, CancellationToken, Handle, LocalKey, Mutex,
        MutexGuard, Notify, OnceLock, thread_local, yield_now,
    },
};
#[cfg(shuttle)]
pub(crate) use shuttle::thread;
#[cfg(not(shuttle))]
pub(crate) use {
    parking_lot::{Mutex, MutexGuard},
    std::sync::{OnceLock, atomic::AtomicBool},
    std::thread,
    std::thread_local,
    tokio::runtime::Handle,
    tokio::sync::{Notify, mpsc, oneshot, watch},
    tokio::task::{AbortHandle, yield_now},
    tokio_util::sync::CancellationToken,
    tokio_util::task::AbortOnDropHandle,
};
pub(crate) use {
    std::sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    tokio::runtime::RuntimeFlavor,
    tokio::sync::broadcast,
};

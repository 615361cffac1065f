//! The lock of a cell, and points at which a schedule may turn to another task
//! (`tests/schedules/solving.rs`).
//!
//! A cell starts and stops its run under its lock: in a schedule there are points in that. Nothing
//! of the sort is done under the other locks of a solver.

#[cfg(not(shuttle))]
pub(super) use parking_lot::Mutex;

#[cfg(shuttle)]
pub(super) use self::scheduled::Mutex;

/// Lets a schedule turn to another task between two steps that others may come between.
#[cfg(not(shuttle))]
pub(super) const fn point() {}

/// Lets a schedule turn to another task between two steps that others may come between.
#[cfg(shuttle)]
pub(super) fn point() {
    if !std::thread::panicking() {
        shuttle::thread::sleep(std::time::Duration::ZERO);
    }
}

#[cfg(shuttle)]
mod scheduled {
    use std::sync::PoisonError;

    use shuttle::sync::MutexGuard;

    /// As `parking_lot`'s: a panic does not poison it.
    pub(in crate::solver) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in crate::solver) const fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(in crate::solver) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

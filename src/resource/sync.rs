//! What references share and wait with, named in one place: std's and tokio's, or with
//! `--cfg shuttle` the same with points at which a schedule may turn to another task
//! (`tests/schedules/resources.rs`).

#[cfg(shuttle)]
pub(super) use {scheduled::timeout, shuttle::sync::atomic::AtomicUsize};
#[cfg(not(shuttle))]
pub(super) use {std::sync::atomic::AtomicUsize, tokio::time::timeout};

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
    use std::time::Duration;

    /// In a schedule time stands still.
    pub(in crate::resource) async fn timeout<F: Future>(
        _within: Duration,
        future: F,
    ) -> Result<F::Output, std::convert::Infallible> {
        Ok(future.await)
    }
}

//! Points at which a schedule may turn to another task (`tests/schedules/solving.rs`).

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

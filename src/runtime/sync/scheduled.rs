//! The shared state of the runtime under shuttle: tokio's own channels, with a scheduling point
//! before each step of one task that another can see, and shuttle's tasks and locks.
//!
//! What has no point here (a receiver's poll, a drop that nobody waits for) is next to one that
//! has. A task that unwinds is not left, as all tasks of a schedule share one thread.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::RuntimeFlavor;

pub(crate) use shuttle::future::{AbortHandle, yield_now};
pub(crate) use shuttle::sync::MutexGuard;

/// Lets the schedule turn to another task.
pub(super) fn point() {
    if !std::thread::panicking() {
        shuttle::thread::sleep(Duration::ZERO);
    }
}

/// As `parking_lot`'s: a panic does not poison it.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(crate) struct AtomicBool(std::sync::atomic::AtomicBool);

impl AtomicBool {
    pub(crate) const fn new(value: bool) -> Self {
        Self(std::sync::atomic::AtomicBool::new(value))
    }

    pub(crate) fn load(&self, order: super::Ordering) -> bool {
        point();
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: bool, order: super::Ordering) {
        point();
        self.0.store(value, order);
    }
}

#[derive(Debug)]
pub(crate) struct OnceLock<T>(std::sync::OnceLock<T>);

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        Self(std::sync::OnceLock::new())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        point();
        self.0.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        point();
        self.0.set(value)
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        point();
        self.0.get_or_init(make)
    }
}

#[derive(Debug)]
pub(crate) struct Notify(tokio::sync::Notify);

impl Notify {
    pub(crate) fn new() -> Self {
        Self(tokio::sync::Notify::new())
    }

    pub(crate) fn notified(&self) -> tokio::sync::futures::Notified<'_> {
        point();
        self.0.notified()
    }

    pub(crate) fn notify_waiters(&self) {
        point();
        self.0.notify_waiters();
    }
}

/// As that of `tokio_util`.
#[expect(unnameable_types, reason = "it stands in the place of a foreign type")]
#[derive(Clone, Debug, Default)]
pub struct CancellationToken(tokio_util::sync::CancellationToken);

impl CancellationToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels it.
    pub fn cancel(&self) {
        point();
        self.0.cancel();
    }

    /// Whether it is cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        point();
        self.0.is_cancelled()
    }

    /// Waits until it is cancelled.
    pub async fn cancelled(&self) {
        point();
        self.0.cancelled().await;
    }
}

/// The tasks of the schedule that runs.
#[derive(Clone, Debug)]
pub(crate) struct Handle;

impl Handle {
    pub(crate) const fn current() -> Self {
        Self
    }

    /// One thread: the task that makes way for the processor changes no schedule.
    pub(crate) const fn runtime_flavor(&self) -> RuntimeFlavor {
        RuntimeFlavor::CurrentThread
    }

    /// A schedule has one runtime, and every thread is in it.
    pub(crate) const fn enter(&self) -> Entered {
        Entered
    }

    /// A schedule is over when all tasks are: one that is left behind is a deadlock.
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let own = Arc::new(std::sync::Mutex::new(None));
        let keeps = own.clone();
        let task = shuttle::future::spawn(future.map(move |()| drop(keeps)));
        let abort = task.abort_handle();
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        *own = Some(task);
        JoinHandle(abort)
    }
}

/// That a thread is in the runtime.
#[derive(Debug)]
pub(crate) struct Entered;

/// A task, which keeps the handle that the schedule waits for until its end.
#[derive(Debug)]
pub(crate) struct JoinHandle(AbortHandle);

impl JoinHandle {
    pub(crate) fn abort_handle(self) -> AbortHandle {
        self.0
    }
}

#[derive(Debug)]
pub(crate) struct AbortOnDropHandle(JoinHandle);

impl AbortOnDropHandle {
    pub(crate) const fn new(task: JoinHandle) -> Self {
        Self(task)
    }
}

impl Drop for AbortOnDropHandle {
    fn drop(&mut self) {
        self.0.0.abort();
    }
}

/// What a thread has for itself, here for each task: the tasks of a schedule share one thread.
#[derive(Debug)]
pub(crate) struct LocalKey<T: 'static>(pub(crate) &'static shuttle::thread::LocalKey<T>);

impl<T> LocalKey<T> {
    pub(crate) fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        self.0.with(look)
    }

    /// `None` outside of a task.
    pub(crate) fn try_with<R>(&'static self, look: impl FnOnce(&T) -> R) -> Option<R> {
        shuttle::current::try_get_current_task()?;
        self.0.try_with(look).ok()
    }
}

macro_rules! task_local {
    ($(static $name:ident: $type:ty = const { $start:expr };)*) => {
        $(static $name: $crate::runtime::sync::LocalKey<$type> = {
            shuttle::thread_local! { static KEY: $type = const { $start } }
            $crate::runtime::sync::LocalKey(&KEY)
        };)*
    };
}
pub(crate) use task_local as thread_local;

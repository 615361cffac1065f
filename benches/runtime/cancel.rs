//! How the tasks of the floor are stopped: by an abort, or by a token.

use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// How tasks are stopped.
pub(crate) trait Cancel: Clone + Default + Send + Sync + 'static {
    /// By what a task hears that it is to stop.
    type Ear: Send + 'static;

    fn ear(&self) -> Self::Ear;

    fn wait(ear: Self::Ear) -> impl Future<Output = ()> + Send;

    /// Spawns a task and keeps it, to stop it: none that runs is missed.
    fn keep(&self, spawn: impl FnOnce() -> AbortHandle);

    /// Stops all that are there; those that come are not stopped.
    fn stop(&self);
}

/// They are aborted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abort(Arc<Mutex<Vec<AbortHandle>>>);

impl Cancel for Abort {
    type Ear = ();

    fn ear(&self) {}

    fn wait((): ()) -> impl Future<Output = ()> + Send {
        pending()
    }

    fn keep(&self, spawn: impl FnOnce() -> AbortHandle) {
        let mut tasks = self.0.lock();
        tasks.push(spawn());
    }

    fn stop(&self) {
        self.0.lock().drain(..).for_each(|task| task.abort());
    }
}

/// Each has a child token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Token(Arc<Mutex<CancellationToken>>);

impl Cancel for Token {
    type Ear = CancellationToken;

    fn ear(&self) -> CancellationToken {
        self.0.lock().child_token()
    }

    async fn wait(ear: CancellationToken) {
        ear.cancelled().await;
    }

    fn keep(&self, spawn: impl FnOnce() -> AbortHandle) {
        drop(spawn());
    }

    fn stop(&self) {
        std::mem::take(&mut *self.0.lock()).cancel();
    }
}

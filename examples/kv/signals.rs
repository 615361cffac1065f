//! What stops the daemon from outside.

use std::{convert::Infallible, io, time::Duration};

use perennial::{Failure, Report, Tree};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// The signals that stop the daemon, SIGINT and SIGTERM, from the moment this is made.
///
/// It is made before the tree is started: until then a signal ends the process where it stands, and
/// once the daemon says that it listens, nobody expects that.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen to the signals.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the end of the tree. A signal stops it in order, and a second one at once.
    ///
    /// As `Supervisor::run_with_signals`, for a tree that somebody else has a handle of.
    pub(crate) async fn run(mut self, tree: &Tree) -> Result<Report, Failure> {
        tokio::select! {
            ended = tree.ended() => ended,
            never = self.stop(tree) => match never {},
        }
    }

    async fn stop(&mut self, tree: &Tree) -> Infallible {
        self.next().await;
        info!("stopping");
        // The report goes to whoever waits for the end.
        drop(tree.stop());
        loop {
            self.next().await;
            info!("stopping at once");
            drop(tree.stop_within(Duration::ZERO));
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

//! SIGINT and SIGTERM: the first stops in order, the second at once (R11).

use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::runtime::mailbox::{Mailbox, Message};

/// The signals that stop a tree. From when they are made, none is lost.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Signals {
    /// # Panics
    ///
    /// If the runtime has no I/O driver, or the system refuses to tell of signals.
    pub(super) fn listen() -> Self {
        #[cfg(unix)]
        let catch = |kind| signal(kind).expect("SIGINT and SIGTERM can be caught");
        Self {
            #[cfg(unix)]
            interrupt: catch(SignalKind::interrupt()),
            #[cfg(unix)]
            terminate: catch(SignalKind::terminate()),
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Stops a tree at the first signal, with a deadline of zero at each one after it.
    pub(super) async fn stop(mut self, mailbox: Mailbox) {
        let mut within = None;
        loop {
            self.next().await;
            tracing::info!(target: "perennial", ?within, "a signal stops the tree");
            mailbox.tell(Message::Stop(within));
            within = Some(Duration::ZERO);
        }
    }
}

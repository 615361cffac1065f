//! The node that shows the tree to whoever asks with a signal.

use std::{
    io,
    sync::{Arc, Weak},
};

use perennial::{Context, Tree};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::SetOnce,
};
use tracing::info;

/// Logs the tree at SIGUSR1.
///
/// A handle of the tree keeps the tree alive, and a node that keeps its own tree alive would undo
/// that dropping the last handle aborts it. So this is a weak one; `main` holds the other.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    tree: SetOnce<Weak<Tree>>,
}

impl Reporter {
    /// Tells which tree to show. Only the first call has an effect.
    pub(crate) fn observe(&self, tree: &Arc<Tree>) {
        // The second one has the same tree to tell of.
        let _ = self.tree.set(Arc::downgrade(tree));
    }

    /// Logs the tree at each signal until it is told to stop.
    ///
    /// The tree runs before anybody can have a handle of it, so this is healthy once it has one.
    pub(crate) async fn run(&self, ctx: Context) -> io::Result<()> {
        let mut signals = signal(SignalKind::user_defined1())?;
        let Some(tree) = ctx.until_cancelled(self.tree.wait()).await else {
            return Ok(());
        };
        ctx.healthy();
        while let Some(Some(())) = ctx.until_cancelled(signals.recv()).await {
            if let Some(tree) = tree.upgrade() {
                info!("the tree is\n{}", tree.snapshot().await);
            }
        }
        Ok(())
    }
}

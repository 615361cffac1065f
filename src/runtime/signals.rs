//! SIGINT and SIGTERM: the first stops in order, the second at once (R11).

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::Duration;

use crate::runtime::tree::Tree;

/// Stops a tree at the first signal, with a deadline of zero at the second.
pub(super) async fn stop(tree: &Tree) -> Infallible {
    match listen(tree).await {
        Ok(never) => never,
        Err(error) => {
            tracing::error!(target: "perennial", %error, "signals cannot be received");
            pending().await
        }
    }
}

#[cfg(unix)]
async fn listen(tree: &Tree) -> io::Result<Infallible> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut within = None;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        ask(tree, &mut within);
    }
}

#[cfg(not(unix))]
async fn listen(tree: &Tree) -> io::Result<Infallible> {
    let mut within = None;
    loop {
        tokio::signal::ctrl_c().await?;
        ask(tree, &mut within);
    }
}

fn ask(tree: &Tree, within: &mut Option<Duration>) {
    // The report goes to whoever runs the tree.
    drop(match within.replace(Duration::ZERO) {
        None => tree.stop(),
        Some(within) => tree.stop_within(within),
    });
}

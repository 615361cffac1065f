//! When a program counts as started.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{sleep, timeout};

use super::cell::Readiness;
use super::command::Command;
use super::error::StartError;
use super::handle::Process;
use super::output::{Heard, Line, Lines};

/// How long a probe rests after a "not yet".
const PROBE_PAUSE: Duration = Duration::from_millis(50);

/// How long a program may take to end by itself when it has closed its descriptor.
const ENDING_MAX: Duration = Duration::from_millis(100);

/// What tells that a program is up.
///
/// Each but [`spawned`](Self::spawned) needs a positive sign: a program that ends, or closes its
/// descriptor, without it was not ready.
#[derive(Clone)]
pub struct Ready(pub(super) How);

#[derive(Clone)]
pub(super) enum How {
    Spawned,
    Line(Arc<dyn Fn(&Line) -> bool + Send + Sync>),
    Descriptor,
    Probe(Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>),
}

impl Ready {
    /// It runs.
    #[must_use]
    pub const fn spawned() -> Self {
        Self(How::Spawned)
    }

    /// It writes a line like this to an output that is read by us.
    ///
    /// However much it writes with it, the line is found, as long as it is among the output that is
    /// [kept](Command::keep_output) when this is asked.
    #[must_use]
    pub fn line(fits: impl Fn(&Line) -> bool + Send + Sync + 'static) -> Self {
        Self(How::Line(Arc::new(fits)))
    }

    /// It writes a byte to its descriptor 3, as s6 has it. Needs [`guard`](super::guard).
    #[must_use]
    pub const fn descriptor() -> Self {
        Self(How::Descriptor)
    }

    /// It answers: `ask` is called until it says yes, with 50 ms between two times.
    #[must_use]
    pub fn probe<F, Fut>(ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self(How::Probe(Arc::new(move || Box::pin(ask()))))
    }

    pub(super) const fn needs_descriptor(&self) -> bool {
        matches!(self.0, How::Descriptor)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            How::Spawned => "spawned",
            How::Line(_) => "line",
            How::Descriptor => "descriptor",
            How::Probe(_) => "probe",
        })
    }
}

/// Waits until the program is ready, as `lines` from before its start and its descriptor tell.
/// What happens to one that does not become ready is up to the caller.
pub(super) async fn wait(
    command: &Command,
    process: &Process,
    lines: Lines,
) -> Result<(), NotReady> {
    let sign = async {
        match &command.ready.0 {
            How::Spawned => true,
            How::Line(fits) => said(lines, command, process, &**fits).await,
            How::Descriptor => {
                let watch = process.watch();
                watch.wait(|facts| facts.readiness).await == Readiness::Said
            }
            How::Probe(ask) => loop {
                if ask().await {
                    break true;
                }
                sleep(PROBE_PAUSE).await;
            },
        }
    };
    let watch = process.watch();
    let sign = async {
        tokio::select! {
            biased;
            is_ready = sign => is_ready,
            // Its last line may still be on its way, and tells.
            _ = watch.gone() => false,
        }
    };
    match timeout(command.ready_timeout, sign).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotReady::Ended),
        Err(_) => Err(NotReady::TooLate),
    }
}

/// Why a program is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotReady {
    Ended,
    TooLate,
}

impl NotReady {
    /// Stops what is not ready, and says what was wrong.
    pub(super) async fn stop(self, command: &Command, process: &Process) -> StartError {
        let program = command.name();
        // One that has closed its descriptor is about to end, or goes on and is of no use.
        if self == Self::Ended {
            let watch = process.watch();
            let _ = timeout(ENDING_MAX, watch.exited()).await;
        }
        let gone = process.stop().await;
        match self {
            Self::Ended => StartError::NotReady {
                program,
                exit: Box::new(gone.exit),
            },
            Self::TooLate => StartError::ReadyTimeout {
                program,
                within: command.ready_timeout,
            },
        }
    }
}

async fn said(
    mut lines: Lines,
    command: &Command,
    process: &Process,
    fits: &(dyn Fn(&Line) -> bool + Send + Sync),
) -> bool {
    while let Some(heard) = lines.next().await {
        let is_sign = match heard {
            Heard::Line(line) => fits(&line),
            // Of a burst we hear only the end, and find the rest in what is kept.
            Heard::Missed(_) => process.kept_lines(command.line_max).iter().any(fits),
        };
        if is_sign {
            return true;
        }
    }
    false
}

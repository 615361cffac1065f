//! Who is told of an event: readers, `tracing`, and without either standard error (R17).

use std::io::Write;
use std::sync::Arc;

use crate::exit::Exit;
use crate::runtime::panics::shield;
use crate::runtime::shared::Shared;
use crate::tree::{Down, Event, Evidence, State, What};

/// Whether nobody hears of an event, and it may be dropped as it is.
pub(super) fn is_idle_talk(shared: &Shared, event: &Event) -> bool {
    // The last to drop evidence runs code of the user's: the drop of an error.
    let may_be_last = matches!(
        event.what,
        What::Exited { .. } | What::OwnedPanicked { .. } | What::BudgetSpent { .. }
    );
    // A leak is told even if nobody listens.
    let is_loud = matches!(event.what, What::Leaked);
    !(may_be_last || is_loud || is_traced() || shared.observers.has_readers())
}

fn is_traced() -> bool {
    tracing::enabled!(target: "perennial", tracing::Level::ERROR)
}

/// Tells whoever listens. Observers can neither refuse nor reach in; a subscriber that panics stops
/// nothing, as every action of the processor is shielded.
pub(super) fn tell(shared: &Shared, event: Event) {
    trace(&event);
    if !shared.observers.is_heard() {
        complain(&event);
    }
    shared.observers.send(event);
}

/// A service never fails in silence: one line for each death.
fn complain(event: &Event) {
    let line = match &event.what {
        What::Exited { evidence } if is_death(event.state, evidence) => render(evidence),
        What::OwnedPanicked { evidence } => render(evidence),
        What::Leaked => format!("{} has not ended after its abort: leaked", event.path),
        _ => return,
    };
    // Standard error may be closed; there is nobody else to tell.
    let _ = writeln!(std::io::stderr(), "perennial: {line}");
}

/// The text of an error is code of the user's.
fn render(evidence: &Arc<Evidence>) -> String {
    let text = shield(|| evidence.chain());
    text.unwrap_or_else(|| format!("{} failed, and its error cannot be shown", evidence.path))
}

fn is_death(state: State, evidence: &Evidence) -> bool {
    let exit = evidence.exit.as_ref();
    let has_crashed = matches!(exit, Some(Exit::Failed(_) | Exit::Aborted));
    // What comes of being told to stop is no death, unless the node was to be read as dead.
    let is_own = evidence.state != State::Stopping || evidence.cause.is_some();
    state == State::Dead
        || state == State::Down && has_crashed && is_own
        || matches!(exit, Some(Exit::Panicked(_)))
}

fn trace(event: &Event) {
    use tracing::{debug, error, info, warn};

    if !is_traced() {
        return;
    }
    let Event {
        path,
        incarnation,
        state,
        what,
        ..
    } = event;
    match what {
        What::Exited { evidence } if is_death(*state, evidence) => {
            warn!(target: "perennial", %path, incarnation, "{}", render(evidence));
        }
        What::OwnedPanicked { evidence } => {
            warn!(target: "perennial", %path, incarnation, "{}", render(evidence));
        }
        What::BudgetSpent { evidence } => {
            error!(target: "perennial", %path, incarnation, "budget spent: {}", render(evidence));
        }
        What::Leaked | What::Escalated { .. } => {
            error!(target: "perennial", %path, incarnation, "{what}");
        }
        What::Down {
            reason: Down::Finished,
        } => {
            debug!(target: "perennial", %path, incarnation, "{what}");
        }
        What::RestartScheduled { .. }
        | What::StartedAgain
        | What::Ordered { .. }
        | What::Removed
        | What::Down { .. }
        | What::Stopped => {
            info!(target: "perennial", %path, incarnation, "{what}");
        }
        What::Exited { .. } => debug!(target: "perennial", %path, incarnation, %state, "exited"),
        _ => debug!(target: "perennial", %path, incarnation, "{what}"),
    }
}

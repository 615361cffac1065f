//! The node of a helper: one incarnation of its program, from its start until nothing is left.

use std::sync::Arc;
use std::time::Duration;

use crate::Context;
use crate::process::{Output, Process, StartError, Stdin};

use super::error::{CrashCause, RunHelperError};
use super::handle::{Inner, State};
use super::protocol::Protocol;
use super::report::{CloseAnswer, CloseReport};
use super::session::{Over, Session};

/// How long a close may take in all.
pub(super) fn grace<P: Protocol>(inner: &Inner<P>) -> Duration {
    let limits = inner.limits;
    let waits = [limits.drain, limits.close, inner.command.grace()];
    waits
        .into_iter()
        .fold(Duration::ZERO, Duration::saturating_add)
}

/// Runs the program once. A helper that was closed is not opened again.
pub(super) async fn run<P: Protocol>(
    context: &Context,
    inner: &Arc<Inner<P>>,
) -> Result<(), RunHelperError> {
    if matches!(*inner.state.borrow(), State::Closed(_)) {
        context.done();
        return Ok(());
    }
    let hold = context.hold(inner.command.hold_name("helper"))?;
    let command = inner.command.clone();
    let command = command.stdin(Stdin::Piped).stdout(Output::Raw);
    let created = command.create().hold(hold);
    let lines = created.lines();
    let (ran, ()) = tokio::join!(
        async {
            match created.start().await {
                Ok(process) => drive(context, inner, process).await,
                Err(error) => Err(refuse(context, error)),
            }
        },
        lines.tell(context),
    );
    ran
}

async fn drive<P: Protocol>(
    context: &Context,
    inner: &Arc<Inner<P>>,
    process: Process,
) -> Result<(), RunHelperError> {
    let mut session = Session::new(inner, process)?;
    let conversed = converse(context, inner, &mut session).await;
    let unanswered = session.unanswered();
    let (answer, gone) = match conversed {
        Ok((Over::Closed, answer)) => (answer, session.end().await),
        Ok((Over::Stopped, _)) => {
            session.crash(CrashCause::Stopped).await;
            return Ok(());
        }
        Err(cause) => {
            let (crash, gone) = session.crash(cause).await;
            if !matches!(*inner.state.borrow(), State::Closing) {
                return Err(crash.into());
            }
            // It is not started again only to be closed.
            (CloseAnswer::Ended, gone)
        }
    };
    session.close_calls();
    // A crash may have put calls back after the close had ended those that waited.
    inner.queue.end_all(&inner.closed());
    inner
        .state
        .send_replace(State::Closed(Arc::new(CloseReport {
            answer,
            unanswered,
            gone,
        })));
    context.done();
    Ok(())
}

/// All that is said, from the hello to the request to close.
async fn converse<P: Protocol>(
    context: &Context,
    inner: &Inner<P>,
    session: &mut Session<P>,
) -> Result<(Over, CloseAnswer), CrashCause> {
    let Some(capabilities) = session.shake_hands(context).await? else {
        return Ok((Over::Stopped, CloseAnswer::NotAsked));
    };
    inner.up.publish(context, capabilities.clone())?;
    context.healthy();
    let over = session.carry(context, &capabilities).await?;
    session.drain().await?;
    Ok((over, session.ask_to_close(&capabilities).await?))
}

/// What a failed start is to the tree: what cannot heal is not tried again.
fn refuse(context: &Context, error: StartError) -> RunHelperError {
    if error.is_permanent() {
        context.give_up();
    }
    error.into()
}

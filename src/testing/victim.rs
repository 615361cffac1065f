//! What is wrapped around each run of each runnable: it lets faults strike.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use tokio::time::sleep;

use crate::testing::fault::Kind;
use crate::testing::plan::{Plan, Victim};
use crate::testing::point::InjectedError;
use crate::{Context, Exit, Run};

/// Wraps a run.
pub(super) async fn wrap(plan: Arc<Plan>, context: Context, run: Run) -> Exit {
    let victim = plan.enter(&context);
    let mut run = pin!(live(&victim, &context, run));
    std::future::poll_fn(|cx| {
        plan.idle.poll_begins(&victim.path);
        let polled = run.as_mut().poll(cx);
        plan.idle.poll_ended();
        polled
    })
    .await
}

/// Runs until the runnable returns or a fault ends it.
async fn live(victim: &Victim, context: &Context, mut run: Run) -> Exit {
    // While there is one, the code is not polled, and what it has returned is not told.
    let mut hold: Option<BoxFuture<'static, ()>> = None;
    let mut slow_stop = Duration::ZERO;
    let mut returned = None;
    loop {
        if hold.is_none()
            && let Some(exit) = returned
        {
            return exit;
        }
        tokio::select! {
            biased;
            kind = victim.struck() => match kind {
                Kind::Kill => return Exit::Aborted,
                Kind::Error => return Exit::failed(InjectedError::new(context, None)),
                Kind::Panic => panic!("injected panic"),
                Kind::Hang => hold = Some(pending().boxed()),
                Kind::Block(time) => block(time),
                Kind::SlowStart(by) => hold = Some(sleep(by).boxed()),
                Kind::SlowStop(by) => slow_stop = by,
            },
            () = async { hold.as_mut().expect("there is one").await }, if hold.is_some() => {
                hold = None;
            }
            exit = &mut run, if hold.is_none() => {
                returned = Some(exit);
                if context.is_cancelled() && !slow_stop.is_zero() {
                    hold = Some(sleep(slow_stop).boxed());
                }
            }
        }
    }
}

/// Lets time pass with nothing else running, as code does that blocks its thread.
pub(super) fn block(time: Duration) {
    // The first poll moves the clock; the rest would let others run.
    let _ = tokio::time::advance(time).now_or_never();
}

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
        let _polling = plan.idle.note_poll(&victim.path);
        run.as_mut().poll(cx)
    })
    .await
}

/// Runs until the runnable returns or a fault ends it.
async fn live(victim: &Victim, context: &Context, mut run: Run) -> Exit {
    // While there is one, the code is not polled, and what it has returned is not told.
    let mut pause: Option<BoxFuture<'static, ()>> = None;
    let mut hangs = false;
    let mut slow_stop = Duration::ZERO;
    let mut returned = None;
    loop {
        if pause.is_none()
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
                Kind::Hang => {
                    hangs = true;
                    pause = Some(pending().boxed());
                }
                Kind::Block(time) => block(time),
                Kind::SlowStart(_) if hangs => {}
                Kind::SlowStart(by) => pause = Some(sleep(by).boxed()),
                Kind::SlowStop(by) => slow_stop = by,
            },
            () = async { pause.as_mut().expect("there is one").await }, if pause.is_some() => {
                pause = None;
            }
            exit = begin(victim, &mut run), if pause.is_none() => {
                returned = Some(exit);
                if context.is_cancelled() && !slow_stop.is_zero() {
                    pause = Some(sleep(slow_stop).boxed());
                }
            }
        }
    }
}

/// Polls the code of the user's.
async fn begin(victim: &Victim, run: &mut Run) -> Exit {
    victim.begin();
    run.await
}

/// Lets time pass with nothing else running, as code does that blocks its thread.
pub(super) fn block(time: Duration) {
    // The first poll moves the clock; the rest would let others run.
    let _ = tokio::time::advance(time).now_or_never();
}

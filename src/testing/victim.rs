//! What is wrapped around each run of each runnable: an incarnation that faults can strike.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use tokio::sync::Notify;
use tokio::time::{sleep, sleep_until};

use crate::testing::fault::Kind;
use crate::testing::plan::Plan;
use crate::testing::planned::Progress;
use crate::testing::point::InjectedError;
use crate::{Context, Exit, Run};

/// An incarnation, as the plan knows it.
#[derive(Debug)]
pub(super) struct Victim {
    pub(super) plan: Arc<Plan>,
    pub(super) path: Arc<str>,
    pub(super) incarnation: u64,
    /// Which start of its node it is.
    pub(super) start: u64,
    /// Something was planned for it.
    pub(super) planned: Arc<Notify>,
    /// Its code was polled.
    pub(super) has_begun: AtomicBool,
}

impl Victim {
    /// Waits until a fault strikes.
    ///
    /// Cancel safe.
    async fn struck(&self) -> Kind {
        loop {
            let planned = self.planned.notified();
            let progress = Progress {
                incarnation: self.incarnation,
                start: self.start,
                has_begun: self.has_begun.load(Ordering::Relaxed),
            };
            match self.plan.take_due(&self.path, progress) {
                Ok(kind) => return kind,
                Err(None) => planned.await,
                Err(Some(due)) => tokio::select! {
                    biased;
                    () = planned => {}
                    () = sleep_until(due) => {}
                },
            }
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.plan.leave(&self.path, self.incarnation);
    }
}

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
                Kind::Hang => pause = Some(pending().boxed()),
                Kind::Block(time) => block(time),
                // What hangs goes on hanging.
                Kind::SlowStart(by) => pause = Some(prolong(pause.take(), by)),
                Kind::SlowStop(by) => slow_stop = slow_stop.saturating_add(by),
            },
            () = async { pause.as_mut().expect("there is one").await }, if pause.is_some() => {
                pause = None;
            }
            exit = begin(victim, &mut run), if pause.is_none() => {
                returned = Some(exit);
                if context.is_cancelled() && !slow_stop.is_zero() {
                    pause = Some(prolong(None, slow_stop));
                }
            }
        }
    }
}

/// A pause that is this much longer.
fn prolong(pause: Option<BoxFuture<'static, ()>>, by: Duration) -> BoxFuture<'static, ()> {
    async move {
        if let Some(pause) = pause {
            pause.await;
        }
        sleep(by).await;
    }
    .boxed()
}

/// Polls the code of the user's.
async fn begin(victim: &Victim, run: &mut Run) -> Exit {
    victim.has_begun.store(true, Ordering::Relaxed);
    run.await
}

/// Lets time pass with nothing else running, as code does that blocks its thread.
pub(super) fn block(time: Duration) {
    // The first poll moves the clock; the rest would let others run.
    let _ = tokio::time::advance(time).now_or_never();
}

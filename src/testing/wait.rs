//! Waits of a test: until the tree has settled, until something has happened, until time has
//! passed.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use crate::testing::harness::Harness;
use crate::testing::idle::Stuck;
use crate::{Event, Failure, NodeSnapshot, Report, State};

/// How long a test waits at most, on the paused clock, for what it says will happen.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How often the clock may jump in one wait. More would take seconds, and tell no more.
const STEPS_MAX: usize = 200_000;

/// How sure it is that a tree has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an answer is exact, or it is not")]
pub enum Settled {
    /// Nothing happens from now on without a stimulus or the clock.
    Exact,
    /// As far as could be seen. The runtime has I/O, or a thread of its blocking pool is running.
    Inexact,
}

/// Why a tree has not settled.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum NotSettled {
    /// Some nodes have not settled in time.
    #[error("not settled after {within:?}:{}", list(.nodes))]
    Late {
        /// How much time has passed on the paused clock.
        within: Duration,
        /// The nodes that have not settled, each with its state and why it waits.
        nodes: Vec<NodeSnapshot>,
    },
    /// The tree never comes to rest, and no time passes.
    #[error("not settled: {why}; unsettled are:{}", list(.nodes))]
    Stuck {
        /// What keeps it from coming to rest, and the busiest nodes.
        why: String,
        /// The nodes that have not settled.
        nodes: Vec<NodeSnapshot>,
    },
}

fn list(nodes: &[NodeSnapshot]) -> String {
    let line = |node: &NodeSnapshot| format!("\n  {} {node}{}", node.path, why(node.state));
    nodes.iter().map(line).collect()
}

/// Why a node in this state has not settled, where the rest of its line does not say it.
const fn why(state: State) -> &'static str {
    match state {
        State::Starting => ": has not signalled healthy or done",
        State::Finishing => ": has signalled done, and not returned",
        State::Dead | State::Canceled => ": what fell with it has not ended",
        State::Done | State::Down => ": what it owned or started has not ended",
        State::Waiting | State::Healthy | State::Stopping => "",
    }
}

impl Harness {
    /// Waits until nothing more will happen by itself (R12). Time passes as far as it must:
    /// backoffs and deadlines on the way are over then.
    ///
    /// A node that is healthy counts as settled. Its code may wait for the clock, and go on when it
    /// is moved.
    ///
    /// # Panics
    ///
    /// With the list of the nodes that have not settled, after an hour or when the tree cannot come
    /// to rest.
    pub async fn settled(&self) -> Settled {
        match self.settled_within(PATIENCE).await {
            Ok(settled) => settled,
            Err(error) => panic!("the tree has {error}"),
        }
    }

    /// Waits until nothing more will happen by itself, and lets at most this much time pass.
    ///
    /// # Errors
    ///
    /// [`NotSettled`] lists the nodes that have not settled, each with its state and why it waits.
    pub async fn settled_within(&self, within: Duration) -> Result<Settled, NotSettled> {
        let mut end = pin!(sleep(within));
        // Without one, it is too far off to be told.
        let due = Instant::now().checked_add(within);
        for _ in 0..STEPS_MAX {
            match self.is_settled().await {
                Ok(true) if self.stage.idle.is_exact() => return Ok(Settled::Exact),
                Ok(true) => return Ok(Settled::Inexact),
                Ok(false) => {}
                Err(stuck) => return Err(self.stuck(stuck).await),
            }
            if due.is_some_and(|due| Instant::now() >= due) {
                break;
            }
            let jumped = tokio::select! {
                biased;
                () = &mut end => Ok(()),
                jumped = self.stage.idle.step() => jumped,
            };
            if let Err(stuck) = jumped {
                return Err(self.stuck(stuck).await);
            }
        }
        Err(self.late(within).await)
    }

    /// Whether the tree has settled, and the runtime is idle.
    async fn is_settled(&self) -> Result<bool, Stuck> {
        let idle = &self.stage.idle;
        loop {
            idle.reached().await?;
            let before = idle.progress();
            let mut answer = pin!(self.tree().settled());
            let is_settled = tokio::select! {
                biased;
                () = &mut answer => true,
                idle = idle.reached() => {
                    idle?;
                    false
                }
            };
            if !is_settled {
                return Ok(false);
            }
            // The answer was true when it was given. What has woken up meanwhile goes first.
            idle.reached().await?;
            if idle.progress().1 == before.1 {
                return Ok(true);
            }
        }
    }

    async fn late(&self, within: Duration) -> NotSettled {
        NotSettled::Late {
            within,
            nodes: self.unsettled().await,
        }
    }

    async fn stuck(&self, stuck: Stuck) -> NotSettled {
        NotSettled::Stuck {
            why: stuck.to_string(),
            nodes: self.unsettled().await,
        }
    }

    async fn unsettled(&self) -> Vec<NodeSnapshot> {
        self.snapshot().await.unsettled().cloned().collect()
    }

    /// Lets time pass until a future is ready: anything that a test awaits beside the harness.
    ///
    /// What is awaited without it takes no time. That is how to await what a thread of the test's
    /// own brings, which the harness does not see: with it, the clock would run away.
    ///
    /// # Panics
    ///
    /// If it is not ready after an hour, with the nodes that have not settled by then.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`.
    pub async fn wait<F: Future>(&self, future: F) -> F::Output {
        match self.pass_while(future).await {
            Ok(output) => output,
            Err(why) => panic!("what the test waits for does not happen: {why}"),
        }
    }

    /// Lets time pass until a future is ready, or says why it does not get ready.
    async fn pass_while<F: Future>(&self, future: F) -> Result<F::Output, String> {
        let text = |stuck: Stuck| stuck.to_string();
        let idle = &self.stage.idle;
        let (mut future, mut end) = (pin!(future), pin!(sleep(PATIENCE)));
        for steps in 0..STEPS_MAX {
            tokio::select! {
                biased;
                output = &mut future => return Ok(output),
                () = &mut end => break,
                // No time passes before all has run that can.
                reached = idle.reached(), if steps == 0 => reached.map_err(text)?,
                jumped = idle.step(), if steps > 0 => jumped.map_err(text)?,
            }
        }
        if self.stage.tree.get().is_none() {
            return Err(format!("{PATIENCE:?} have passed"));
        }
        let nodes = self.unsettled().await;
        Err(format!(
            "{PATIENCE:?} have passed; unsettled are:{}",
            list(&nodes)
        ))
    }

    /// Waits until there was no event for this long: a weaker form of [`settled`](Self::settled).
    ///
    /// # Panics
    ///
    /// If there was always another event.
    pub async fn quiet(&self, time: Duration) {
        let mut events = self.tree().events();
        let quiet = async { while let Ok(Some(_)) = timeout(time, events.next()).await {} };
        if let Err(why) = self.pass_while(quiet).await {
            panic!("the tree was never quiet for {time:?}: {why}");
        }
    }

    /// Waits until the node at a path is in a state, or was for a moment since this was called.
    ///
    /// # Panics
    ///
    /// With the state that the node has instead.
    pub async fn until(&self, path: &str, state: State) {
        let mut events = self.tree().events();
        if self.state(path).await == Some(state) {
            return;
        }
        let is_it = |event: &Result<Event, _>| {
            let event = event.as_ref().ok();
            event.is_some_and(|event| event.path == *path && event.state == state)
        };
        let reached = async {
            while let Some(event) = events.next().await {
                let later = std::iter::from_fn(|| events.next().now_or_never().flatten());
                // Some states come without an event of their own.
                if is_it(&event)
                    || { later }.any(|event| is_it(&event))
                    || self.state(path).await == Some(state)
                {
                    return Ok(());
                }
            }
            Err("the tree has ended".to_owned())
        };
        let reached = self.pass_while(reached).await.and_then(|reached| reached);
        if let Err(why) = reached {
            match self.state(path).await {
                Some(is) => panic!("{path} is {is}, and never became {state}: {why}"),
                None => panic!("there is no {path}, and none became {state}: {why}"),
            }
        }
    }

    /// Waits for the first event from now on that `is_it`, and returns it.
    ///
    /// # Panics
    ///
    /// If there is none, or if events were missed in which it might have been.
    pub async fn until_event(&self, mut is_it: impl FnMut(&Event) -> bool) -> Event {
        let mut events = self.tree().events();
        let found = async {
            loop {
                match events.next().await {
                    Some(Ok(event)) if is_it(&event) => return Ok(event),
                    Some(Ok(_)) => {}
                    Some(Err(lagged)) => return Err(lagged.to_string()),
                    None => return Err("the tree has ended".to_owned()),
                }
            }
        };
        match self.pass_while(found).await.and_then(|found| found) {
            Ok(event) => event,
            Err(why) => panic!("there was no such event: {why}"),
        }
    }

    /// Waits until the tree has ended, and returns how.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the tree failed. A test that has seen that is not failed by it.
    pub async fn stopped(&self) -> Result<Report, Failure> {
        self.stage.has_seen_end.store(true, Ordering::Relaxed);
        self.wait(self.tree().ended()).await
    }

    /// Stops the tree, waits until nothing of it lives, and returns how it ended.
    ///
    /// # Errors
    ///
    /// As [`stopped`](Self::stopped).
    pub async fn stop(&self) -> Result<Report, Failure> {
        drop(self.tree().stop());
        self.stopped().await
    }
}

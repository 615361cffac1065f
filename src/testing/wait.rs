//! Waits of a test: until the tree has settled, until something has happened.

use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, sleep, timeout};

use crate::testing::harness::Harness;
use crate::testing::settled::{NotSettled, Settled, list};
use crate::testing::stuck::Stuck;
use crate::{Event, Failure, NodeSnapshot, Report, State};

/// How long a test waits at most, on the paused clock, for what it says will happen.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How often the clock may jump in one wait. More would take minutes, and tell no more.
const JUMPS_MAX: usize = 2_000_000;

impl Harness {
    /// Waits until nothing more will happen by itself (R12). Time passes as far as it must:
    /// backoffs and deadlines on the way are over then.
    ///
    /// A node that is healthy counts as settled. Its code may wait for the clock, and go on when it
    /// is moved. What else the test does at the same time, in a task or in a joined future, is a
    /// stimulus.
    ///
    /// # Panics
    ///
    /// With the list of the nodes that have not settled, after an hour or when the tree cannot come
    /// to rest; and if no tree was started.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some time may have passed. So it is for all waits.
    #[track_caller]
    pub fn settled(&self) -> impl Future<Output = Settled> {
        let place = Location::caller();
        async move {
            match self.settled_within(PATIENCE).await {
                Ok(settled) => settled,
                Err(error) => panic!("{place}: the tree has {error}"),
            }
        }
    }

    /// Waits until nothing more will happen by itself, and lets at most this much time pass.
    ///
    /// # Errors
    ///
    /// [`NotSettled`] lists the nodes that have not settled, each with its state and why it waits.
    ///
    /// # Panics
    ///
    /// If no tree was started.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some time may have passed.
    pub async fn settled_within(&self, within: Duration) -> Result<Settled, NotSettled> {
        let begun = Instant::now();
        let (mut end, mut is_over) = (pin!(sleep(within)), within.is_zero());
        for _ in 0..JUMPS_MAX {
            match self.is_settled().await {
                Ok(Some(settled)) => return Ok(settled),
                Ok(None) => {}
                Err(stuck) => return Err(self.stuck(stuck).await),
            }
            if is_over {
                break;
            }
            tokio::select! {
                biased;
                () = &mut end => is_over = true,
                jumped = self.stage.idle.step() => if let Err(stuck) = jumped {
                    return Err(self.stuck(stuck).await);
                },
            }
        }
        Err(NotSettled::Late {
            within: begun.elapsed(),
            nodes: self.unsettled().await,
        })
    }

    /// Whether the tree has settled, and the runtime is idle.
    async fn is_settled(&self) -> Result<Option<Settled>, Stuck> {
        let idle = &self.stage.idle;
        loop {
            let before = idle.reached().await?;
            let events = idle.events();
            let mut answer = pin!(self.tree().settled());
            let is_settled = tokio::select! {
                biased;
                () = &mut answer => true,
                rest = idle.reached() => {
                    rest?;
                    false
                }
            };
            if !is_settled {
                return Ok(None);
            }
            // The answer was true when it was given. What has woken up meanwhile goes first.
            let after = idle.reached().await?;
            if idle.events() == events {
                return Ok(Some(before.min(after)));
            }
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
    /// As cancel safe as `future`; some time may have passed.
    #[track_caller]
    pub fn wait<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        let place = Location::caller();
        async move {
            match self.pass_while(future).await {
                Ok(output) => output,
                Err(why) => panic!("{place}: what the test waits for does not happen: {why}"),
            }
        }
    }

    /// Lets time pass until a future is ready, or says why it does not get ready.
    async fn pass_while<F: Future>(&self, future: F) -> Result<F::Output, String> {
        let text = |stuck: Stuck| stuck.to_string();
        let idle = &self.stage.idle;
        let begun = Instant::now();
        let (mut future, mut end) = (pin!(future), pin!(sleep(PATIENCE)));
        for jumps in 0..JUMPS_MAX {
            tokio::select! {
                biased;
                output = &mut future => return Ok(output),
                () = &mut end => break,
                // No time passes before all has run that can.
                rest = idle.reached(), if jumps == 0 => rest.map(drop).map_err(text)?,
                jumped = idle.step(), if jumps > 0 => jumped.map_err(text)?,
            }
        }
        let passed = begun.elapsed();
        if self.stage.tree.get().is_none() {
            return Err(format!("{passed:?} have passed"));
        }
        let nodes = list(&self.unsettled().await);
        Err(format!("{passed:?} have passed; {nodes}"))
    }

    /// Waits until there was no event for this long: a weaker form of [`settled`](Self::settled).
    ///
    /// # Panics
    ///
    /// If there was always another event for an hour, or if no tree was started.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some time may have passed.
    #[track_caller]
    pub fn quiet(&self, time: Duration) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let mut events = self.tree().events();
            let quiet = async { while let Ok(Some(_)) = timeout(time, events.next()).await {} };
            if let Err(why) = self.pass_while(quiet).await {
                panic!("{place}: the tree was never quiet for {time:?}: {why}");
            }
        }
    }

    /// Waits until the node at a path is in a state, or was for a moment since this was called.
    ///
    /// A node that was declared and has not started is waiting, as is one in backoff.
    ///
    /// # Panics
    ///
    /// With the state that the node has instead, after an hour or when the tree has ended; and if
    /// no tree was started.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some time may have passed.
    #[track_caller]
    pub fn until(&self, path: &str, state: State) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let Err(why) = self.reaches(path, state).await else {
                return;
            };
            match self.state(path).await {
                Some(is) => panic!("{place}: {path} is {is}, and never became {state}: {why}"),
                None => panic!("{place}: there is no {path}, and none became {state}: {why}"),
            }
        }
    }

    async fn reaches(&self, path: &str, state: State) -> Result<(), String> {
        let mut events = self.tree().events();
        if self.state(path).await == Some(state) {
            return Ok(());
        }
        let is_it = |event: &Result<Event, _>| {
            let event = event.as_ref().ok();
            event.is_some_and(|event| event.path == *path && event.state == state)
        };
        let reached = async {
            while let Some(event) = events.next().await {
                let mut later = std::iter::from_fn(|| events.next().now_or_never().flatten());
                // Some states come without an event of their own.
                if is_it(&event)
                    || later.any(|event| is_it(&event))
                    || self.state(path).await == Some(state)
                {
                    return Ok(());
                }
            }
            Err("the tree has ended".to_owned())
        };
        self.pass_while(reached).await?
    }

    /// Waits for the first event from now on that `is_it`, and returns it.
    ///
    /// # Panics
    ///
    /// If there is none within an hour, if events were missed in which it might have been, or if no
    /// tree was started.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some time may have passed.
    #[track_caller]
    pub fn until_event(
        &self,
        mut is_it: impl FnMut(&Event) -> bool,
    ) -> impl Future<Output = Event> {
        let place = Location::caller();
        // From this call on, whenever it is awaited.
        let mut events = self.tree().events();
        async move {
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
                Err(why) => panic!("{place}: there was no such event: {why}"),
            }
        }
    }

    /// Waits until the tree has ended, and returns how.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the tree failed. A test that has seen that here is not failed by it.
    ///
    /// # Panics
    ///
    /// If it has not ended after an hour, or if no tree was started.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some time may have passed.
    #[track_caller]
    pub fn stopped(&self) -> impl Future<Output = Result<Report, Failure>> {
        let ended = self.wait(self.tree().ended());
        async move {
            let ended = ended.await;
            self.stage.has_seen_end.store(true, Ordering::Relaxed);
            ended
        }
    }

    /// Tells the tree to stop, whether this is awaited or not; then as [`stopped`](Self::stopped).
    ///
    /// # Errors
    ///
    /// As [`stopped`](Self::stopped).
    ///
    /// # Panics
    ///
    /// As [`stopped`](Self::stopped).
    ///
    /// # Cancel safety
    ///
    /// As [`stopped`](Self::stopped); the tree stops all the same.
    #[track_caller]
    pub fn stop(&self) -> impl Future<Output = Result<Report, Failure>> {
        drop(self.tree().stop());
        self.stopped()
    }
}

//! What the handles, the node and the runs of a solver share.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{Notify, watch};

use super::context::Run;
use super::error::BuildError;
use super::execution::Execution;
use super::jobs::Jobs;
use super::journal::Journal;
use super::key::Key;
use super::limits::Limits;
use super::output::Output;
use super::registry::{ExecutionKey, Registry};
use super::state::State;
use super::store::ResultStore;
use super::vertex::{Edge, Vertex};
use crate::resource::Releaser;
use crate::store::Digest;
use crate::{Backoff, Grace, Pool};

/// How often a failure in passing is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub(super) times: u32,
    pub(super) backoff: Backoff,
}

impl Retry {
    /// How long an operation waits after this many failures: no two alike.
    pub(super) fn delay(&self, failures: u32, digest: Digest) -> Duration {
        let mut seed = *digest.as_bytes();
        for (byte, of_failures) in seed.iter_mut().zip(failures.to_le_bytes()) {
            *byte ^= of_failures;
        }
        self.backoff.draw(failures, &mut StdRng::from_seed(seed))
    }
}

/// No lock is held while another of these is taken, but for `links` and the journal's over those of
/// the feeds; and none while code of the user's runs.
pub(super) struct Shared<V> {
    pub(super) options: Options<V>,
    pub(super) releaser: Releaser,
    pub(super) registry: Mutex<Registry<V>>,
    pub(super) journal: Mutex<Journal>,
    pub(super) jobs: Mutex<Jobs>,
    /// Told when there is another job.
    pub(super) jobs_changed: Notify,
    /// Where runs are started, while the node runs.
    pub(super) standing: watch::Sender<Standing>,
    /// Held while it is looked whether a link closes a cycle, until the link is made.
    links: Mutex<()>,
    /// How many sub-builds are waited for. Without one there is no cycle.
    sub_builds: AtomicUsize,
}

/// How the node is.
#[derive(Clone, Default)]
pub(super) enum Standing {
    #[default]
    Down,
    Running(Pool),
    Stopping,
}

/// That a sub-build is waited for.
struct Waited<'a>(&'a AtomicUsize);

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What was chosen for a solver.
pub(super) struct Options<V> {
    pub(super) store: Arc<dyn ResultStore<V>>,
    pub(super) limits: Limits,
    pub(super) retry: Retry,
    pub(super) grace: Grace,
    pub(super) linger: Duration,
    pub(super) events_max: usize,
}

impl<V: Send + Sync + 'static> Shared<V> {
    pub(super) fn new(options: Options<V>) -> Arc<Self> {
        Arc::new(Self {
            options,
            releaser: Releaser::new(),
            registry: Mutex::default(),
            journal: Mutex::default(),
            jobs: Mutex::default(),
            jobs_changed: Notify::new(),
            standing: watch::Sender::new(Standing::Down),
            links: Mutex::default(),
            sub_builds: AtomicUsize::new(0),
        })
    }

    pub(super) fn pool(&self) -> Result<Pool, BuildError> {
        match &*self.standing.borrow() {
            Standing::Down => Err(BuildError::NotRunning),
            Standing::Running(pool) => Ok(pool.clone()),
            Standing::Stopping => Err(BuildError::Stopped),
        }
    }

    /// Waits until the node stops, or has ended.
    pub(super) async fn stopping(&self) {
        let mut standing = self.standing.subscribe();
        // It may not be seen that it stops: a moment later the node does not run any more.
        let stops = |standing: &Standing| !matches!(standing, Standing::Running(_));
        // The sender is in `self`.
        let _ = standing.wait_for(stops).await;
    }

    /// The state of a vertex, and with it those of all below: present ones, or new ones.
    pub(super) fn load(
        self: &Arc<Self>,
        vertex: &Vertex<V>,
        stores: &[Arc<dyn ResultStore<V>>],
    ) -> Arc<State<V>> {
        if let Some(state) = self.find(vertex) {
            return state;
        }
        // By hand, as a long chain would not fit on the stack: vertices with those of their inputs
        // that are done.
        let (mut opened, mut done) = (vec![(vertex.clone(), Vec::new())], None);
        while let Some((vertex, inputs)) = opened.last_mut() {
            inputs.extend(done.take());
            let next = vertex.edges().get(inputs.len());
            let next = next.map(|input| input.vertex().clone());
            match next {
                Some(below) => {
                    done = self.find(&below);
                    if done.is_none() {
                        opened.push((below, Vec::new()));
                    }
                }
                None => {
                    let closed = opened.pop();
                    done = closed.map(|(vertex, inputs)| self.admit(vertex, inputs, stores));
                }
            }
        }
        done.expect("the vertex itself was opened first, and is closed last")
    }

    fn find(&self, vertex: &Vertex<V>) -> Option<Arc<State<V>>> {
        let registry = self.registry.lock();
        registry.states.find(&vertex.digest(), vertex.freshness())
    }

    fn admit(
        self: &Arc<Self>,
        vertex: Vertex<V>,
        inputs: Vec<Arc<State<V>>>,
        stores: &[Arc<dyn ResultStore<V>>],
    ) -> Arc<State<V>> {
        let stores = vertex.stores().iter().chain(stores).cloned().collect();
        let (digest, freshness) = (vertex.digest(), vertex.freshness());
        let state = Arc::new(State::new(self, vertex, inputs, stores));
        // What is not needed is dropped without the lock.
        let other = self.registry.lock().states.admit(digest, freshness, &state);
        other.unwrap_or(state)
    }

    /// All below a state, and itself last: each once, and after its inputs.
    pub(super) fn walk(root: &Arc<State<V>>) -> Vec<Arc<State<V>>> {
        Self::walk_by(vec![root.clone()], |state| state.inputs().to_vec())
    }

    /// These, and all that can be reached from them by this: each once, and after what it leads to.
    pub(super) fn walk_by(
        roots: Vec<Arc<State<V>>>,
        leads_to: impl Fn(&State<V>) -> Vec<Arc<State<V>>>,
    ) -> Vec<Arc<State<V>>> {
        let mut seen: HashSet<_, RandomState> = HashSet::default();
        let mut opened = vec![(None, roots.into_iter())];
        let mut walked = Vec::new();
        while let Some((_, next)) = opened.last_mut() {
            match next.next() {
                Some(below) if seen.insert(Arc::as_ptr(&below)) => {
                    let next = leads_to(&below).into_iter();
                    opened.push((Some(below), next));
                }
                Some(_) => {}
                None => walked.extend(opened.pop().and_then(|(state, _)| state)),
            }
        }
        walked
    }

    /// Waits until nothing of these states unwinds, and nothing of what they wait for: from the top
    /// down, for what ends leaves that. What has come meanwhile is seen by another look.
    pub(super) async fn quiet(roots: Vec<Arc<State<V>>>) {
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for state in Self::walk_by(roots.clone(), State::waits_for).iter().rev() {
                is_quiet &= !state.is_unwinding();
                state.quiet().await;
            }
        }
    }

    /// Has a state share the execution for its key: a present one, or a new one.
    pub(super) fn join(self: &Arc<Self>, state: &Arc<State<V>>, key: Key) -> Arc<Execution<V>> {
        let id = (key.digest, state.vertex.height());
        let new = || Arc::new(Execution::new(self, state, key));
        let present = self.registry.lock().executions.find(&id, key.freshness());
        let (found, is_new) = present.map_or_else(
            || self.admit_execution(id, key, new()),
            |present| (present, false),
        );
        // A sub-build that could close a cycle comes before this, or sees what was joined.
        let links = self.links.lock();
        let joined = if is_new || self.may_join(state, &found) {
            found.clone()
        } else {
            // Beside the other one, and not to be joined: the sub-build will tell its cycle.
            new()
        };
        let shared = state.share(&joined);
        // What is not needed is dropped without the lock.
        drop(links);
        shared
    }

    /// Takes in a new execution, and says that it is; or gives the one of a thread that was faster.
    fn admit_execution(
        &self,
        id: ExecutionKey,
        key: Key,
        new: Arc<Execution<V>>,
    ) -> (Arc<Execution<V>>, bool) {
        let mut registry = self.registry.lock();
        let other = registry.executions.admit(id, key.freshness(), &new);
        drop(registry);
        match other {
            Some(other) => (other, false),
            None => (new, true),
        }
    }

    /// Whether a state that waits for an execution of another would not wait for itself. Whoever
    /// asks has the lock of the links until that is so.
    fn may_join(&self, state: &Arc<State<V>>, execution: &Arc<Execution<V>>) -> bool {
        if self.sub_builds.load(Ordering::Relaxed) == 0 && execution.below().is_empty() {
            return true;
        }
        let below = execution.below().into_iter();
        let driver = execution.driver().into_iter();
        let all = below.chain(driver.flat_map(|driver| driver.inputs().to_vec()));
        let mut reach = Reach::new(all);
        reach.find(|reached| Arc::ptr_eq(reached, state)).is_none()
    }

    /// A state drives an execution from now on.
    pub(super) fn lead(
        &self,
        state: &Arc<State<V>>,
        execution: &Arc<Execution<V>>,
    ) -> Result<(), BuildError> {
        let _links = self.links.lock();
        let is_new = execution
            .driver()
            .is_none_or(|driver| !Arc::ptr_eq(&driver, state));
        if is_new && self.sub_builds.load(Ordering::Relaxed) > 0 {
            self.check(state, state.inputs().to_vec(), execution)?;
        }
        execution.set_driver(state);
        Ok(())
    }

    /// Builds what a run asks for on its way.
    pub(super) async fn build_below(
        self: &Arc<Self>,
        run: &Run<V>,
        edge: &Edge<V>,
    ) -> Result<Output<V>, BuildError> {
        let target = self.load(&edge.vertex, run.state.other_stores());
        self.sub_builds.fetch_add(1, Ordering::Relaxed);
        let _waited = Waited(&self.sub_builds);
        {
            let _links = self.links.lock();
            self.check(&run.state, vec![target.clone()], &run.execution)?;
            run.execution.adopt(&target);
        }
        for state in Self::walk(&target) {
            let mut journal = self.journal.lock();
            journal.adopt(run.execution.entry(), state.entry());
        }
        target.output(edge.index).await
    }

    /// Whether an execution does not need itself by way of these.
    fn check(
        &self,
        state: &Arc<State<V>>,
        by_way_of: Vec<Arc<State<V>>>,
        execution: &Arc<Execution<V>>,
    ) -> Result<(), BuildError> {
        let mut reach = Reach::new(by_way_of);
        let is_it = |reached: &Arc<State<V>>| {
            let joined = reached.execution();
            joined.is_some_and(|joined| Arc::ptr_eq(joined, execution))
        };
        match reach.find(is_it) {
            None => Ok(()),
            Some(way) => {
                let first = state.vertex.name().to_owned();
                let path = std::iter::once(first).chain(way).collect();
                Err(BuildError::Cycle { path })
            }
        }
    }
}

/// Goes through all that some states wait for, or may have to.
struct Reach<V> {
    /// States, each with the one from which it was reached.
    reached: Vec<(Arc<State<V>>, Option<usize>)>,
    seen: HashSet<*const State<V>, RandomState>,
}

impl<V: Send + Sync + 'static> Reach<V> {
    fn new(from: impl IntoIterator<Item = Arc<State<V>>>) -> Self {
        let mut reach = Self {
            reached: Vec::new(),
            seen: HashSet::default(),
        };
        reach.add(from, None);
        reach
    }

    fn add(&mut self, states: impl IntoIterator<Item = Arc<State<V>>>, from: Option<usize>) {
        for state in states {
            if self.seen.insert(Arc::as_ptr(&state)) {
                self.reached.push((state, from));
            }
        }
    }

    /// The names on the way to the first that is looked for.
    fn find(&mut self, is_it: impl Fn(&Arc<State<V>>) -> bool) -> Option<Vec<String>> {
        let mut at = 0;
        while let Some((state, _)) = self.reached.get(at) {
            if is_it(state) {
                return Some(self.way_to(at));
            }
            let state = state.clone();
            self.add(state.waits_for(), Some(at));
            at += 1;
        }
        None
    }

    fn way_to(&self, at: usize) -> Vec<String> {
        let mut way = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next {
            let (state, from) = &self.reached[at];
            way.push(state.vertex.name().to_owned());
            next = *from;
        }
        way.reverse();
        way
    }
}

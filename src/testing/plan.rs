//! The faults that are planned in a test, the incarnations they can strike, and what has struck.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Context;
use crate::testing::fault::{Fault, Kind};
use crate::testing::idle::Idle;
use crate::testing::planned::{Need, Planned, Progress, Strike};
use crate::testing::victim::Victim;

/// The faults of one test.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) idle: Arc<Idle>,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<Arc<str>, Running>,
    starts: BTreeMap<Arc<str>, u64>,
    planned: Vec<Planned>,
    strikes: Vec<Strike>,
    of_storms: usize,
}

#[derive(Debug)]
struct Running {
    incarnation: u64,
    /// Something was planned for it.
    planned: Arc<Notify>,
}

thread_local! {
    /// The plan of the test that runs in this thread.
    static PRESENT: RefCell<Option<Arc<Plan>>> = const { RefCell::new(None) };
}

/// Makes a plan the present one, until it is dropped.
pub(super) struct Present(Option<Arc<Plan>>);

impl Drop for Present {
    fn drop(&mut self) {
        PRESENT.set(self.0.take());
    }
}

impl Plan {
    pub(super) fn new(idle: Arc<Idle>) -> Self {
        Self {
            idle,
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    pub(super) fn make_present(self: Arc<Self>) -> Present {
        Present(PRESENT.replace(Some(self)))
    }

    /// The plan of the test that runs in this thread, if one does.
    pub(super) fn present() -> Option<Arc<Self>> {
        PRESENT.with_borrow(Clone::clone)
    }

    /// Plans a fault, or says why it can never strike.
    pub(super) fn add(&self, fault: Fault, need: Need) -> Result<(), String> {
        let mut state = self.state.lock();
        let path = fault.path.as_str();
        let starts = state.starts.get(path).copied().unwrap_or_default();
        let running = state.running.get(path);
        let (wake, running) = (
            running.map(|it| it.planned.clone()),
            running.map(|it| it.incarnation),
        );
        let text = fault.to_string();
        let planned = Planned::new(fault, need, (starts, running));
        let planned = planned.map_err(|why| format!("cannot inject {text}: {why}"))?;
        state.planned.push(planned);
        if let Some(wake) = wake {
            wake.notify_one();
        }
        Ok(())
    }

    /// Notes that an incarnation starts.
    pub(super) fn enter(self: &Arc<Self>, context: &Context) -> Victim {
        let path: Arc<str> = context.path().to_string().into();
        self.idle.note_start(&path);
        let incarnation = context.incarnation();
        let planned = Arc::new(Notify::new());
        let mut state = self.state.lock();
        let start = state.starts.entry(path.clone()).or_default();
        *start += 1;
        let start = *start;
        let running = Running {
            incarnation,
            planned: planned.clone(),
        };
        state.running.insert(path.clone(), running);
        drop(state);
        Victim {
            plan: self.clone(),
            path,
            incarnation,
            start,
            planned,
            has_begun: AtomicBool::new(false),
        }
    }

    /// The nodes that run, but for those that are spared.
    pub(super) fn running(&self, is_spared: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let state = self.state.lock();
        let running = state.running.keys().filter(|path| !is_spared(path));
        running.cloned().collect()
    }

    /// What happens to an incarnation that has come to a point in its code. A kill and a slow stop
    /// strike it as a whole, and not there.
    pub(super) fn at_point(&self, context: &Context, point: &str) -> Option<Kind> {
        let (path, incarnation) = (context.path().to_string(), context.incarnation());
        let mut state = self.state.lock();
        let running = state.running.get(path.as_str());
        // A context may outlive its incarnation, and means no other (L10).
        let wake = running
            .filter(|it| it.incarnation == incarnation)?
            .planned
            .clone();
        let due = state.planned.iter_mut().map(|it| it.is_at(&path, point));
        // Every one of them counts this time, whether or not another strikes.
        let due: Vec<_> = due.collect();
        let at = due.iter().position(|is_due| *is_due)?;
        let kind = state.planned[at].fault.kind;
        if matches!(kind, Kind::Kill | Kind::SlowStop(_)) {
            state.planned[at].strike(incarnation);
            wake.notify_one();
        } else {
            let planned = state.planned.remove(at);
            self.note(&mut state, planned, path, incarnation);
        }
        Some(kind)
    }

    fn note(&self, state: &mut State, planned: Planned, path: String, incarnation: u64) -> Kind {
        let kind = planned.fault.kind;
        state.of_storms += usize::from(planned.need == Need::May);
        state.strikes.push(Strike {
            at: self.began.elapsed(),
            path,
            incarnation,
            kind,
        });
        kind
    }

    /// How many of those have struck that did not have to.
    pub(super) fn of_storms(&self) -> usize {
        self.state.lock().of_storms
    }

    /// Forgets those that have not struck and did not have to.
    pub(super) fn calm(&self) {
        let mut state = self.state.lock();
        state.planned.retain(|planned| planned.need == Need::Must);
    }

    /// Takes the fault that is due for an incarnation, or says when the next one will be.
    pub(super) fn take_due(
        &self,
        path: &Arc<str>,
        progress: Progress,
    ) -> Result<Kind, Option<Instant>> {
        let mut state = self.state.lock();
        let mine = |planned: &&Planned| planned.fault.path == **path;
        let is_due = |planned: &Planned| mine(&planned) && planned.is_due(progress);
        let Some(at) = state.planned.iter().position(is_due) else {
            let mine = state.planned.iter().filter(mine);
            return Err(mine.filter_map(|planned| planned.time(progress)).min());
        };
        let planned = state.planned.remove(at);
        Ok(self.note(&mut state, planned, path.to_string(), progress.incarnation))
    }

    /// Notes that an incarnation is over.
    pub(super) fn leave(&self, path: &Arc<str>, incarnation: u64) {
        let mut state = self.state.lock();
        let is_it = |running: &Running| running.incarnation == incarnation;
        if state.running.get(path).is_some_and(is_it) {
            state.running.remove(path);
        }
        // What was to strike this one has nothing left to strike.
        let is_past = |it: &Planned| it.need == Need::May && it.is_for(incarnation);
        state.planned.retain(|planned| !is_past(planned));
    }

    pub(super) fn strikes(&self) -> Vec<Strike> {
        self.state.lock().strikes.clone()
    }

    /// The faults that had to strike and have not.
    pub(super) fn left(&self) -> Vec<Fault> {
        let state = self.state.lock();
        let left = state.planned.iter().filter(|it| it.need == Need::Must);
        left.map(|planned| planned.fault.clone()).collect()
    }
}

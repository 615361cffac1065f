//! The faults that are planned, the incarnations they can strike, and what has struck.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Context;
use crate::testing::fault::{Fault, Kind, When};
use crate::testing::idle::Idle;

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

/// A fault that has not struck.
#[derive(Debug)]
struct Planned {
    fault: Fault,
    due: Due,
    need: Need,
}

impl Planned {
    /// Counts that the code of a node has come to a point; whether this is the time.
    fn is_at(&mut self, path: &str, point: &str) -> bool {
        match &mut self.due {
            Due::Point(at, times) if at == point && self.fault.path == path => {
                *times = times.saturating_sub(1);
                *times == 0
            }
            Due::Point(..) | Due::Incarnation(_) | Due::Start(_) | Due::At(_) => false,
        }
    }

    /// Whether it has to wait for the next start.
    fn is_late_for(&self, victim: &Victim) -> bool {
        let has_begun = victim.has_begun.load(Ordering::Relaxed);
        has_begun && matches!(self.fault.kind, Kind::SlowStart(_))
    }
}

/// Whether a test is in order when a fault has not struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It proves less than it says.
    Must,
    /// It is one of many.
    May,
}

/// When a fault strikes the node that it is planned for.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// As soon as this one is polled.
    Incarnation(u64),
    Start(u64),
    At(Instant),
    /// So many times from now on.
    Point(String, u64),
}

/// A fault that has struck.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Strike {
    /// When, counted from the start of the test.
    pub at: Duration,
    /// The node.
    pub path: String,
    /// The number of its incarnation.
    pub incarnation: u64,
    kind: Kind,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            path,
            incarnation,
            kind,
        } = self;
        let at = at.as_secs_f64();
        write!(f, "{at:>10.6} {path} #{incarnation} struck by {kind}")
    }
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

    /// Plans a fault, or says why it can never strike. One that is `needed` and does not strike
    /// fails the test.
    pub(super) fn add(&self, fault: Fault, need: Need) -> Result<(), String> {
        if let Kind::Block(time) = fault.kind
            && Instant::now().checked_add(time).is_none()
        {
            return Err(format!("cannot inject {fault}: that is too long"));
        }
        let mut state = self.state.lock();
        let path = fault.path.as_str();
        let starts = state.starts.get(path).copied().unwrap_or_default();
        let due = match &fault.when {
            When::Now if matches!(fault.kind, Kind::SlowStart(_)) => Due::Start(starts + 1),
            When::Now => match state.running.get(path) {
                Some(running) => Due::Incarnation(running.incarnation),
                None => return Err(format!("cannot inject {fault}: it does not run")),
            },
            When::AtStart(n) if *n <= starts => {
                return Err(format!(
                    "cannot inject {fault}: it has started {starts} times"
                ));
            }
            When::AtStart(n) => Due::Start(*n),
            When::After(time) => match Instant::now().checked_add(*time) {
                Some(at) => Due::At(at),
                None => return Err(format!("cannot inject {fault}: that is too far off")),
            },
            When::AtPoint(point, n) => Due::Point(point.clone(), *n),
        };
        if let Some(running) = state.running.get(path) {
            running.planned.notify_one();
        }
        state.planned.push(Planned { fault, due, need });
        Ok(())
    }

    /// Notes that an incarnation starts.
    pub(super) fn enter(self: &Arc<Self>, context: &Context) -> Victim {
        let path: Arc<str> = context.path().to_string().into();
        self.idle.note_start(&path);
        let incarnation = context.incarnation();
        let planned = Arc::new(Notify::new());
        let mut state = self.state.lock();
        *state.starts.entry(path.clone()).or_default() += 1;
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
            state.planned[at].due = Due::Incarnation(incarnation);
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

/// An incarnation, as the plan knows it.
#[derive(Debug)]
pub(super) struct Victim {
    plan: Arc<Plan>,
    pub(super) path: Arc<str>,
    incarnation: u64,
    planned: Arc<Notify>,
    /// Its code was polled.
    has_begun: AtomicBool,
}

impl Victim {
    /// Notes that its code is polled.
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// Waits until a fault strikes.
    ///
    /// Cancel safe.
    pub(super) async fn struck(&self) -> Kind {
        loop {
            let planned = self.planned.notified();
            match self.take_due() {
                Ok(kind) => return kind,
                Err(None) => planned.await,
                Err(Some(due)) => tokio::select! {
                    biased;
                    () = planned => {}
                    () = tokio::time::sleep_until(due) => {}
                },
            }
        }
    }

    /// The fault that is due, or else when the next one will be.
    fn take_due(&self) -> Result<Kind, Option<Instant>> {
        let mut state = self.plan.state.lock();
        let (now, start) = (Instant::now(), state.starts.get(&self.path).copied());
        let mine = |planned: &&Planned| planned.fault.path == *self.path;
        let is_due = |planned: &Planned| match planned.due {
            _ if planned.is_late_for(self) => false,
            Due::Incarnation(number) => number == self.incarnation,
            Due::Start(n) => Some(n) == start,
            Due::At(at) => at <= now,
            Due::Point(..) => false,
        };
        let at = state.planned.iter().position(|it| mine(&it) && is_due(it));
        let Some(at) = at else {
            let mine = state.planned.iter().filter(mine);
            let dues = mine
                .filter(|it| !it.is_late_for(self))
                .filter_map(|it| match it.due {
                    Due::At(at) => Some(at),
                    Due::Incarnation(_) | Due::Start(_) | Due::Point(..) => None,
                });
            return Err(dues.min());
        };
        let planned = state.planned.remove(at);
        let path = self.path.to_string();
        Ok(self.plan.note(&mut state, planned, path, self.incarnation))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let mut state = self.plan.state.lock();
        let is_it = |running: &Running| running.incarnation == self.incarnation;
        if state.running.get(&self.path).is_some_and(is_it) {
            state.running.remove(&self.path);
        }
        // What was to strike this one has nothing left to strike.
        let mine = Due::Incarnation(self.incarnation);
        let is_past = |planned: &Planned| planned.need == Need::May && planned.due == mine;
        state.planned.retain(|planned| !is_past(planned));
    }
}

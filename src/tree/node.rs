//! One node: a place, its present incarnation, and the counters that spare the passes.

use std::sync::Arc;
use std::time::Duration;

use crate::exit::Exit;
use crate::path::Path;
use crate::tree::evidence::{Cause, Evidence};
use crate::tree::intensity::Windows;
use crate::tree::link::Link;
use crate::tree::options::{Kind, Options, Stops};
use crate::tree::rare::Rare;
use crate::tree::signal::Intent;
use crate::tree::state::{Down, Rung, State, Told, Wait};

/// How much of the present incarnation is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// It has not started, or it and all it owned have ended.
    Ended,
    /// Its code runs.
    Running,
    /// Its code has returned; this many owned tasks and holds had not ended then, as far as a
    /// small number can say.
    Ending(u32),
}

/// How the first incarnation of a place fared; what an acknowledged start asks for (R3).
#[derive(Clone, Debug)]
pub(super) enum First {
    Pending,
    Healthy,
    Ended(Option<Arc<Evidence>>),
}

/// Links to the children, in order of declaration; a child is removed in O(1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    pub(super) first: Link,
    pub(super) last: Link,
    pub(super) next: Link,
    pub(super) previous: Link,
}

/// What a node adds to the counters of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// It keeps the tree from being finished.
    pub(super) unfinished: bool,
    /// It keeps the tree from being settled.
    pub(super) unsettled: bool,
    /// It keeps the tree from being ready.
    pub(super) unready: bool,
}

/// A node of the tree.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) path: Path,
    pub(super) options: Arc<Options>,
    pub(super) parent: Link,
    pub(super) group: Link,
    pub(super) links: Links,
    /// The first incarnation, which tells this place from later ones in the same slot.
    pub(super) born: u64,
    pub(super) incarnation: u64,

    pub(super) state: State,
    pub(super) wait: Wait,
    pub(super) down: Down,
    pub(super) own: Own,
    pub(super) intent: Intent,
    /// By what the node was told to stop, and by whose fall or stop.
    pub(super) told: Option<(Told, Path)>,
    /// Somebody above is responsible for it: its parent falls, or the tree stops.
    pub(super) is_taken: bool,
    /// It was told to stop, and its turn to be asked has not come (R10).
    pub(super) is_held: bool,
    /// In which stop or fall all that was to be gone before it was asked was gone; 0 for none.
    pub(super) was_last_in: u64,
    /// Which stop those below it were told of last; 0 for none.
    pub(super) stop_below: u64,
    /// What the nodes below were told, so that they are told once.
    pub(super) told_below: Option<Told>,
    pub(super) rung: Rung,
    /// When the next rung is due.
    pub(super) ladder: Option<Duration>,

    /// How many children are counted.
    pub(super) below: usize,
    /// Nothing of the incarnation or below it is left but leaks.
    pub(super) is_out: bool,
    /// The parent counts this node: it is not out, or will start again by itself.
    pub(super) is_counted: bool,
    pub(super) weight: Weight,

    /// The fall it belongs to, until that has risen and started.
    pub(super) fall: Link,
    pub(super) failures: u32,
    pub(super) last_delay: Duration,
    pub(super) restarts: u64,
    pub(super) started_at: Duration,
    pub(super) healthy_at: Option<Duration>,
    pub(super) since: Duration,
    pub(super) was_ready: bool,
    pub(super) evidence: Option<Arc<Evidence>>,
    /// Its last exit was unexpected and has no answer yet (L3).
    pub(super) is_open: bool,
    pub(super) first: First,
    pub(super) is_watched: bool,
    /// It runs, as far as budgets are concerned.
    pub(super) is_running: bool,
    /// It was healthy, done or down once, so its group need not wait for it to start.
    pub(super) was_up: bool,
    /// What most nodes never have.
    pub(super) rare: Option<Box<Rare>>,
}

impl Node {
    pub(super) fn new(path: Path, options: Arc<Options>, incarnation: u64) -> Self {
        let windows = Windows::of(&options);
        let mut node = Self {
            path,
            options,
            parent: Link::NONE,
            group: Link::NONE,
            links: Links::default(),
            born: incarnation,
            incarnation,
            state: State::Waiting,
            wait: Wait::Queued,
            down: Down::Stopped,
            own: Own::Ended,
            intent: Intent::Nothing,
            told: None,
            is_taken: false,
            is_held: false,
            was_last_in: 0,
            stop_below: 0,
            told_below: None,
            rung: Rung::None,
            ladder: None,
            below: 0,
            is_out: true,
            is_counted: false,
            weight: Weight::default(),
            fall: Link::NONE,
            failures: 0,
            last_delay: Duration::ZERO,
            restarts: 0,
            started_at: Duration::ZERO,
            healthy_at: None,
            since: Duration::ZERO,
            was_ready: false,
            evidence: None,
            is_open: false,
            first: First::Pending,
            is_watched: false,
            is_running: false,
            was_up: false,
            rare: None,
        };
        node.count_in(windows);
        node
    }

    /// Makes room for the next incarnation. The place keeps its attempts and its last exit.
    pub(super) fn reset(&mut self, incarnation: u64) {
        self.incarnation = incarnation;
        self.intent = Intent::Nothing;
        self.told = None;
        self.told_below = None;
        self.is_held = false;
        self.rung = Rung::None;
        self.healthy_at = None;
        self.restarts += 1;
        self.take_rare(|rare| {
            rare.held_in = 0;
            rare.fell_beside = Vec::new();
            rare.condemned = None;
        });
    }

    /// Takes what was chosen since the last start. A budget that stays as it was keeps its count.
    pub(super) fn adopt(&mut self) {
        let Some(options) = self.take_rare(|rare| rare.next_options.take()) else {
            return;
        };
        let mut windows = Windows::of(&options);
        let old = self.take_rare(|rare| rare.windows.take());
        if let (Some(new), Some(old)) = (&mut windows, old) {
            new.keep(*old);
        }
        self.count_in(windows);
        self.options = options;
    }

    fn count_in(&mut self, windows: Option<Box<Windows>>) {
        if windows.is_some() {
            self.rare_mut().windows = windows;
        }
    }

    /// Keeps what is known of an exit, or of why it will be read as dead.
    pub(super) fn record(
        &mut self,
        at: Duration,
        exit: Option<Exit>,
        cause: Option<Cause>,
    ) -> Arc<Evidence> {
        let evidence = self.evidence_of(at, exit, cause);
        self.evidence = Some(evidence.clone());
        evidence
    }

    pub(super) fn evidence_of(
        &self,
        at: Duration,
        exit: Option<Exit>,
        cause: Option<Cause>,
    ) -> Arc<Evidence> {
        Arc::new(Evidence {
            path: self.path.clone(),
            incarnation: self.incarnation,
            at,
            state: self.state,
            exit,
            cause,
        })
    }

    /// How its last incarnation returned, if it did.
    pub(super) fn last_exit(&self) -> Option<Exit> {
        self.evidence.as_ref().and_then(|last| last.exit.clone())
    }

    pub(super) const fn attempt(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    pub(super) fn told(&self) -> Option<Told> {
        self.told.as_ref().map(|(told, _)| *told)
    }

    /// Why it is down, if it is.
    pub(super) fn down_reason(&self) -> Option<Down> {
        (self.state == State::Down).then_some(self.down)
    }

    /// Whether an order told it to stop, so that no fall raises it.
    pub(super) fn is_terminated(&self) -> bool {
        matches!(self.told(), Some(Told::Terminate | Told::Remove))
    }

    /// Whether it will start again after what it was told, if it was told anything.
    pub(super) fn is_told_to_rise(&self) -> bool {
        match self.told() {
            Some(Told::Significant | Told::Terminate | Told::Remove) => false,
            Some(Told::Itself | Told::Group) => self.options.rises_again(),
            None | Some(Told::Restart | Told::Parent | Told::Tree) => true,
        }
    }

    pub(super) fn provides(&self) -> bool {
        self.options.stops == Stops::AfterUsers
    }

    /// Whether it runs as far as budgets are concerned: what a stop takes is no running time.
    pub(super) fn must_run(&self) -> bool {
        let is_up = matches!(
            self.state,
            State::Starting | State::Healthy | State::Finishing
        );
        is_up && self.told.is_none() && self.options.kind == Kind::Runnable
    }

    /// Whether the incarnation is gone: ended, or leaked.
    pub(super) fn is_gone(&self) -> bool {
        self.own == Own::Ended || self.rung == Rung::Leaked
    }

    /// Whether the incarnation has leaked and is not counted as ended: nothing runs beside it (L1).
    pub(super) fn has_leaked(&self) -> bool {
        self.rung == Rung::Leaked && self.own != Own::Ended
    }

    pub(super) fn must_be_out(&self) -> bool {
        self.is_gone() && self.below == 0
    }

    /// Whether it will start by itself.
    pub(super) fn rises(&self) -> bool {
        self.fall.is_some() || self.state == State::Waiting
    }

    pub(super) fn must_be_counted(&self) -> bool {
        !self.is_out || self.rises()
    }

    /// Whether it needs no further step of its own, and nobody waits for one.
    ///
    /// What was taken from above counts only until it is gone: the top of that fall or stop
    /// answers for it.
    fn is_finished(&self) -> bool {
        self.is_gone()
            && match self.state {
                State::Done => true,
                // Its fall may have something left to do.
                State::Down => self.fall.is_none(),
                State::Dead | State::Canceled => self.is_taken,
                State::Waiting
                | State::Starting
                | State::Healthy
                | State::Finishing
                | State::Stopping => false,
            }
    }

    pub(super) fn must_weigh(&self) -> Weight {
        let unfinished = !self.is_finished();
        Weight {
            unfinished,
            unsettled: unfinished && (self.state != State::Healthy || self.told.is_some()),
            unready: !self.was_ready && self.state != State::Down && !self.is_taken,
        }
    }

    /// Forgets its attempts if the incarnation had been healthy for long enough (R8).
    pub(super) fn age(&mut self, now: Duration) {
        let healthy_for = self.healthy_at.map(|since| now.saturating_sub(since));
        let backoff = &self.options.backoff;
        if healthy_for.is_some_and(|time| backoff.is_reset(time, self.last_delay)) {
            self.failures = 0;
            self.last_delay = Duration::ZERO;
        }
    }
}

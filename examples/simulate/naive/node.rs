//! What is known of one node of the naive tree.

use std::collections::BTreeMap;
use std::time::Duration;

use perennial::tree::{Down, Health, Intent, Kind, Restart, Rung, State, Stops, Told, Wait};
use perennial::{Name, Path};

use crate::choices::Choices;
use crate::naive::budgets::Window;
use crate::naive::{Key, Naive};

/// What is left of an incarnation's own: its code, then what it owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Nothing,
    Code,
    Owned(usize),
}

/// When the time of an incarnation is up: to be healthy, to beat, to return.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) start: Option<Duration>,
    pub(crate) beat: Option<Duration>,
    pub(crate) run: Option<Duration>,
}

/// The fall that a node is a member of, or the rise after it. Each member has a copy.
#[derive(Clone, Debug)]
pub(crate) struct Fall {
    pub(crate) number: u64,
    /// The one that fell by itself.
    pub(crate) top: Key,
    pub(crate) not_before: Duration,
    /// By order: without a delay.
    pub(crate) at_once: bool,
    /// It stays down, for this reason.
    pub(crate) fate: Option<Fate>,
    /// When its members start; `None` until all of them have ended.
    pub(crate) due: Option<Duration>,
}

/// What becomes of a fall that stays down.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) reason: Down,
    /// The member whose start failed, if it escalates when all have ended.
    pub(crate) escalates: Option<(Key, Path)>,
}

/// What is remembered of a child of the previous incarnation (R8).
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) failures: u32,
    pub(crate) last_delay: Duration,
    children: BTreeMap<Name, Self>,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) parent: Option<Key>,
    pub(crate) path: Path,
    /// Where the core keeps it: what falls due at one time is done in this order.
    pub(crate) slot: usize,
    pub(crate) group: Option<u64>,
    pub(crate) choices: Choices,
    /// What holds from the next start on.
    pub(crate) next_choices: Option<Choices>,
    pub(crate) incarnation: u64,
    pub(crate) state: State,
    pub(crate) wait: Wait,
    pub(crate) down: Option<Down>,
    pub(crate) told: Option<(Told, Path)>,
    /// It was told by somebody above.
    pub(crate) was_taken: bool,
    /// It was told to stop, and is not asked before its turn.
    pub(crate) is_held: bool,
    pub(crate) intent: Intent,
    pub(crate) is_condemned: bool,
    /// Its last exit was unexpected, and has no answer.
    pub(crate) is_open: bool,
    pub(crate) own: Own,
    pub(crate) rung: Rung,
    pub(crate) next_rung: Option<Duration>,
    /// When its time is up.
    pub(crate) limits: Limits,
    pub(crate) fall: Option<Fall>,
    /// The incarnations that fell with its last one, itself among them.
    pub(crate) fell_with: Vec<u64>,
    pub(crate) failures: u32,
    pub(crate) last_delay: Duration,
    pub(crate) restarts: u64,
    pub(crate) started_at: Duration,
    pub(crate) healthy_at: Option<Duration>,
    pub(crate) was_ready: bool,
    /// It was healthy, done or down once.
    pub(crate) was_up: bool,
    pub(crate) window: Option<Window>,
    pub(crate) children_window: Option<Window>,
    pub(crate) memory: BTreeMap<Name, Memory>,
}

impl Memory {
    pub(crate) const fn nothing() -> Self {
        Self {
            failures: 0,
            last_delay: Duration::ZERO,
            children: BTreeMap::new(),
        }
    }

    pub(crate) fn of(naive: &Naive, key: Key) -> Self {
        let node = &naive.nodes[&key];
        let children = naive.children(key).into_iter();
        let named = children.map(|child| {
            let name = naive.nodes[&child].path.name().clone();
            (name, Self::of(naive, child))
        });
        Self {
            failures: node.failures,
            last_delay: node.last_delay,
            children: named.collect(),
        }
    }

    pub(crate) fn into_children(self) -> BTreeMap<Name, Self> {
        self.children
    }
}

impl Node {
    pub(crate) fn new(path: Path, choices: Choices, incarnation: u64, memory: Memory) -> Self {
        Self {
            parent: None,
            path,
            slot: 0,
            group: None,
            choices,
            next_choices: None,
            incarnation,
            state: State::Waiting,
            wait: Wait::Queued,
            down: None,
            told: None,
            was_taken: false,
            is_held: false,
            intent: Intent::Nothing,
            is_condemned: false,
            is_open: false,
            own: Own::Nothing,
            rung: Rung::None,
            next_rung: None,
            limits: Limits::default(),
            fall: None,
            fell_with: Vec::new(),
            failures: memory.failures,
            last_delay: memory.last_delay,
            restarts: 0,
            started_at: Duration::ZERO,
            healthy_at: None,
            was_ready: false,
            was_up: false,
            window: choices.policy.intensity.map(Window::new),
            children_window: choices.policy.children_intensity.map(Window::new),
            memory: memory.children,
        }
    }

    pub(crate) fn is_pool(&self) -> bool {
        self.choices.kind == Kind::Pool
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.choices.restart == Restart::Temporary
    }

    pub(crate) fn provides(&self) -> bool {
        self.choices.policy.stops == Stops::AfterUsers
    }

    pub(crate) fn is_healthy_at_start(&self) -> bool {
        self.is_pool() || self.choices.health == Health::AtStart
    }

    pub(crate) fn told(&self) -> Option<Told> {
        self.told.as_ref().map(|(told, _)| *told)
    }

    pub(crate) fn told_by(&self) -> Path {
        let by = self.told.as_ref().map(|(_, by)| by.clone());
        by.unwrap_or_else(|| self.path.clone())
    }

    pub(crate) fn is_terminated(&self) -> bool {
        matches!(self.told(), Some(Told::Terminate | Told::Remove))
    }

    /// Its code serves, asked to stop or not.
    pub(crate) fn is_up(&self) -> bool {
        let state = self.state;
        matches!(state, State::Starting | State::Healthy | State::Finishing)
    }

    /// Whether those below it have to stop, or had to.
    pub(crate) fn stops_below(&self) -> bool {
        let has_fallen = matches!(self.state, State::Dead | State::Canceled | State::Down);
        let starts_over = self.state == State::Waiting && self.wait == Wait::Ending;
        let falls = self.fall.is_some() && self.state != State::Waiting;
        self.told.is_some() || has_fallen || starts_over || falls
    }

    /// Ended, or leaked and waited for no longer.
    pub(crate) fn is_gone(&self) -> bool {
        self.own == Own::Nothing || self.rung == Rung::Leaked
    }

    /// It has not ended, and nobody waits for that.
    pub(crate) fn is_leaked(&self) -> bool {
        self.own != Own::Nothing && self.rung == Rung::Leaked
    }

    /// Whether it will start by itself.
    pub(crate) fn rises(&self) -> bool {
        self.state == State::Waiting || self.fall.is_some()
    }

    pub(crate) fn put_down(&mut self, reason: Down) {
        self.state = State::Down;
        self.was_up = true;
        self.down = Some(reason);
        self.is_open = false;
    }
}

//! What the tree looks like now (R17).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::name::Name;
use crate::path::Path;
use crate::tree::action::{Id, Place};
use crate::tree::core::Core;
use crate::tree::evidence::Evidence;
use crate::tree::group::Phase;
use crate::tree::intensity::Budget;
use crate::tree::node::{First, Node, Own};
use crate::tree::options::Kind;
use crate::tree::state::{Down, Rung, State, Told, Wait};

/// The whole tree at one moment, each node before its children.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When, counted from the start of the tree.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::tree::seconds"))]
    pub at: Duration,
    /// Whether every node is healthy, or done or down and ended or leaked (R12).
    pub is_settled: bool,
    /// Whether every node was healthy or done once since it last fell, and the tree runs.
    pub is_ready: bool,
    /// How long until the tree acts by itself, if nothing happens before: a restart, or a deadline
    /// of a stop. `None` if it waits for others only (L8).
    #[cfg_attr(
        feature = "serde",
        serde(serialize_with = "crate::tree::seconds_if_known")
    )]
    pub next_due: Option<Duration>,
    /// The nodes, each before its children, children in order of declaration.
    pub nodes: Vec<NodeSnapshot>,
}

/// One node at one moment.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NodeSnapshot {
    /// The node.
    pub path: Path,
    /// The number of its present incarnation.
    pub incarnation: u64,
    /// How many nodes stand above it.
    pub depth: usize,
    /// The label of its group, unless it was declared alone.
    pub group: Option<Name>,
    /// Whether it is a pool.
    pub is_pool: bool,
    /// What it is doing.
    pub state: State,
    /// How long it has been in that state.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::tree::seconds"))]
    pub since: Duration,
    /// Why it waits, while it is waiting.
    pub wait: Option<Wait>,
    /// How long until it starts, while that is known.
    #[cfg_attr(
        feature = "serde",
        serde(serialize_with = "crate::tree::seconds_if_known")
    )]
    pub due: Option<Duration>,
    /// Why it is down, while it is.
    pub down: Option<Down>,
    /// By what it was told to stop, and by the fall or stop of which node.
    pub told: Option<(Told, Path)>,
    /// How far up the stop ladder it was taken.
    pub rung: Rung,
    /// How many owned tasks and holds of a returned incarnation have not ended.
    pub ending: usize,
    /// The names of what its incarnation holds: all while it runs, and then what has not ended.
    pub holds: Vec<String>,
    /// Whether it does not keep the tree from being settled.
    pub is_settled: bool,
    /// Which attempt its present incarnation is; 1 for the first.
    pub attempt: u32,
    /// How often it was started again, for whatever reason: deaths, falls of its group, orders.
    pub restarts: u64,
    /// The budgets of restarts that it has, alone, with its group, and for its children.
    pub budgets: Vec<Budget>,
    /// How many leaks it runs beside.
    pub abandoned: usize,
    /// How long its present incarnation has run, while it runs.
    #[cfg_attr(
        feature = "serde",
        serde(serialize_with = "crate::tree::seconds_if_known")
    )]
    pub uptime: Option<Duration>,
    /// How its last incarnation returned.
    pub last_exit: Option<Arc<Evidence>>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) slot: usize,
}

/// How the first incarnation of a place fared: healthy, ended (with its exit if it had started), or
/// neither so far.
pub type FirstStart = Option<Result<(), Option<Arc<Evidence>>>>;

/// What a handle of a place asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View {
    /// The present incarnation.
    pub id: Id,
    /// What the node is doing.
    pub state: State,
    /// Why it is down, if it is.
    pub down: Option<Down>,
    /// Whether its incarnation, with what it owned, is gone.
    pub is_gone: bool,
    /// Whether all below it is gone, too.
    pub is_out: bool,
    /// Whether something at or below it has leaked.
    pub has_leaked: bool,
    /// Whether it is a child of a pool, which forgets it when it will not rise and all is gone.
    pub is_pooled: bool,
    /// Whether it was ordered to go.
    pub is_removed: bool,
    /// Whether its parent falls or the tree stops.
    pub is_taken: bool,
    /// How its first incarnation fared: healthy, ended, or neither so far.
    pub first_start: FirstStart,
    /// How its last incarnation returned.
    pub last_exit: Option<Arc<Evidence>>,
}

impl Core {
    /// The whole tree at `now`.
    #[must_use]
    pub fn snapshot(&self, now: Duration) -> Snapshot {
        let order = self.subtree(self.root);
        let nodes = order
            .into_iter()
            .map(|slot| self.node_snapshot(slot, now))
            .collect();
        let next = self.next_deadline().filter(|_| !self.has_ended());
        Snapshot {
            at: now,
            is_settled: self.is_settled(),
            is_ready: self.is_ready(),
            next_due: next.map(|due| due.saturating_sub(now)),
            nodes,
        }
    }

    fn node_snapshot(&self, slot: usize, now: Duration) -> NodeSnapshot {
        let node = &self.nodes[slot];
        NodeSnapshot {
            path: node.path.clone(),
            incarnation: node.incarnation,
            depth: node.path.depth(),
            group: node
                .group
                .get()
                .map(|group| self.groups[group].label.clone()),
            is_pool: node.options.kind == Kind::Pool,
            state: node.state,
            since: now.saturating_sub(node.since),
            wait: (node.state == State::Waiting).then_some(node.wait),
            due: self.due(node).map(|due| due.saturating_sub(now)),
            down: (node.state == State::Down).then_some(node.down),
            told: node.told.clone(),
            rung: node.rung,
            ending: match node.own {
                Own::Ending(left) => left as usize,
                Own::Running | Own::Ended => 0,
            },
            holds: Vec::new(),
            is_settled: !node.weight.unsettled,
            attempt: node.attempt(),
            restarts: node.restarts,
            budgets: self.budgets(slot, now),
            abandoned: self.abandoned_at(&node.path),
            uptime: (node.own == Own::Running).then(|| now.saturating_sub(node.started_at)),
            last_exit: node.evidence.clone(),
            slot,
        }
    }

    fn abandoned_at(&self, path: &Path) -> usize {
        let abandoned = self.abandoned.values();
        abandoned.filter(|abandoned| *abandoned == path).count()
    }

    fn due(&self, node: &Node) -> Option<Duration> {
        match self.falls[node.fall.get()?].phase {
            Phase::Rising(due) => Some(due),
            Phase::Falling | Phase::Ready(_) => None,
        }
    }

    /// Takes all that is left of a tree that has ended, so that it can be looked at.
    pub fn take_last(&mut self, now: Duration) -> Last {
        let none = Self::new(self.settings.clone(), Arc::default());
        let core = std::mem::replace(self, none);
        Last { core, at: now }
    }

    /// What a handle of a place asks for, or `None` if the place is gone.
    #[must_use]
    pub fn view(&self, place: Place) -> Option<View> {
        let Place { slot, born } = place;
        let node = self.nodes.get(slot).filter(|node| node.born == born)?;
        Some(node.view(slot, self.is_pooled(slot)))
    }

    /// Asks for an [`Action::Changed`](crate::tree::Action::Changed) at each change of a place.
    pub fn watch(&mut self, place: Place) {
        if let Some(node) = self
            .nodes
            .get_mut(place.slot)
            .filter(|node| node.born == place.born)
        {
            node.is_watched = true;
        }
    }
}

impl Node {
    pub(super) fn view(&self, slot: usize, is_pooled: bool) -> View {
        View {
            id: Id {
                slot,
                incarnation: self.incarnation,
            },
            state: self.state,
            down: self.down_reason(),
            is_gone: self.is_gone(),
            is_out: self.is_out,
            has_leaked: self.leaks() > 0,
            is_pooled,
            is_removed: self.told() == Some(Told::Remove),
            is_taken: self.is_taken,
            first_start: match &self.first {
                First::Pending => None,
                First::Healthy => Some(Ok(())),
                First::Ended(evidence) => Some(Err(evidence.clone())),
            },
            last_exit: self.evidence.clone(),
        }
    }
}

/// A tree that has ended. How it looked last is put together when somebody asks.
#[derive(Debug)]
pub struct Last {
    core: Core,
    at: Duration,
}

impl Last {
    /// How the tree looked last.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot(self.at)
    }
}

impl Snapshot {
    /// The node at a path such as `root.pipeline.reader`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&NodeSnapshot> {
        self.nodes.iter().find(|node| node.path == *path)
    }

    /// The nodes that keep the tree from being settled.
    pub fn unsettled(&self) -> impl Iterator<Item = &NodeSnapshot> {
        self.nodes.iter().filter(|node| !node.is_settled)
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.nodes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            for _ in 0..node.depth {
                f.write_str("  ")?;
            }
            write!(f, "{} {node}", node.path.name())?;
        }
        Ok(())
    }
}

/// Shows the state and why, without the path.
impl fmt::Display for NodeSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}", self.incarnation, self.state)?;
        if let Some(wait) = self.wait {
            write!(f, " ({wait}, attempt {}", self.attempt)?;
            if let Some(due) = self.due {
                write!(f, ", due in {:.3} s", due.as_secs_f64())?;
            }
            f.write_str(")")?;
        }
        if let Some(down) = self.down {
            write!(f, " ({down})")?;
        }
        if let Some((told, by)) = self.told.as_ref().filter(|_| self.state.is_live()) {
            let rung = if self.rung == Rung::None {
                "not asked yet".into()
            } else {
                self.rung.to_string()
            };
            write!(f, " (told by {told}: {by}; {rung})")?;
        }
        if self.ending > 0 {
            write!(f, ", ending: {} owned", self.ending)?;
        }
        for hold in &self.holds {
            write!(f, ", holds {hold}")?;
        }
        if self.rung == Rung::Leaked {
            f.write_str(", leaked")?;
        }
        if let Some(group) = &self.group {
            write!(f, " [{group}]")?;
        }
        if self.restarts > 0 {
            write!(f, ", restarts {}", self.restarts)?;
        }
        for budget in &self.budgets {
            write!(f, ", {budget}")?;
        }
        if self.abandoned > 0 {
            write!(f, ", abandoned {}", self.abandoned)?;
        }
        if let Some(evidence) = self
            .last_exit
            .as_ref()
            .filter(|_| self.state != State::Done)
        {
            write!(f, ", last exit: {}", evidence.chain())?;
        }
        Ok(())
    }
}

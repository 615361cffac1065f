//! Parts of the daemon that are killed on purpose, to see that nobody minds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clap::ValueEnum;
use parking_lot::Mutex;
use perennial::{Context, Exit, Path, Run};
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::sync::oneshot;
use tracing::info;

/// What may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// One connection out of all.
    Connection,
    /// The node that removes keys.
    Expiry,
    /// The node that accepts.
    Listener,
    /// The node that shows the tree.
    Reporter,
    /// The node that carries out commands.
    Store,
}

impl Part {
    /// The part at this path, if it is one.
    fn at(path: &Path) -> Option<Self> {
        if path
            .parent()
            .is_some_and(|pool| *pool == *"root.connections")
        {
            return Some(Self::Connection);
        }
        let parts = [
            ("root.expiry", Self::Expiry),
            ("root.listener", Self::Listener),
            ("root.reporter", Self::Reporter),
            ("root.store", Self::Store),
        ];
        let found = parts.into_iter().find(|(known, _)| *path == **known);
        found.map(|(_, part)| part)
    }
}

/// Kills parts at random.
///
/// It has a switch for each incarnation that it may kill, laid by the interposer around its run.
/// The node that strikes has none, so it is never its own victim.
#[derive(Debug)]
pub(crate) struct Chaos {
    period: Duration,
    parts: Vec<Part>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: StdRng,
    /// By incarnation, in the order of their starts.
    switches: BTreeMap<u64, Switch>,
    kills: u64,
}

#[derive(Debug)]
struct Switch {
    part: Part,
    path: Path,
    kill: oneshot::Sender<()>,
}

impl Chaos {
    /// Kills one of `parts` every `period`, drawn from `seed` or from any.
    pub(crate) fn new(period: Duration, parts: Vec<Part>, seed: Option<u64>) -> Self {
        let rng = match seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => rand::make_rng(),
        };
        let state = State {
            rng,
            switches: BTreeMap::new(),
            kills: 0,
        };
        Self {
            period,
            parts,
            state: Mutex::new(state),
        }
    }

    /// How long it is from kill to kill.
    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    /// How many were killed.
    pub(crate) fn kills(&self) -> u64 {
        self.state.lock().kills
    }

    /// Runs an incarnation until it returns or is killed; for `Supervisor::interpose`.
    ///
    /// Killed is dropped where it stands: it is asked nothing, and finishes nothing.
    pub(crate) async fn expose(self: Arc<Self>, ctx: Context, run: Run) -> Exit {
        let Some(part) = Part::at(ctx.path()).filter(|part| self.parts.contains(part)) else {
            return run.await;
        };
        let (kill, killed) = oneshot::channel();
        let path = ctx.path().clone();
        let switch = Switch { part, path, kill };
        let incarnation = ctx.incarnation();
        self.state.lock().switches.insert(incarnation, switch);
        let _wired = Wired {
            chaos: &self,
            incarnation,
        };
        tokio::select! {
            biased;
            Ok(()) = killed => Exit::Aborted,
            exit = run => exit,
        }
    }

    /// Kills one: any of the parts that run, and of the connections any.
    pub(crate) async fn strike(self: Arc<Self>) {
        let mut state = self.state.lock();
        let State {
            rng,
            switches,
            kills,
        } = &mut *state;
        let mut parts: Vec<_> = switches.values().map(|switch| switch.part).collect();
        parts.sort_unstable();
        parts.dedup();
        let Some(&part) = parts.choose(rng) else {
            return;
        };
        let of_part = switches.iter().filter(|(_, switch)| switch.part == part);
        let incarnations: Vec<_> = of_part.map(|(incarnation, _)| *incarnation).collect();
        let victim = incarnations.choose(rng);
        if let Some(Switch { path, kill, .. }) = victim.and_then(|one| switches.remove(one))
            && kill.send(()).is_ok()
        {
            *kills += 1;
            info!(%path, "killed");
        }
    }
}

/// Takes the switch away when the incarnation has returned.
struct Wired<'a> {
    chaos: &'a Chaos,
    incarnation: u64,
}

impl Drop for Wired<'_> {
    fn drop(&mut self) {
        self.chaos.state.lock().switches.remove(&self.incarnation);
    }
}

#[cfg(test)]
mod tests;

//! Who starts when.

mod reload;
mod team;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use perennial::{Child, Context, Effect, HealthyError, Name, OrderError, Restart, RunError};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use self::team::Team;
use crate::plan::Unit;
use crate::programs::{Programs, What, Wish, WishError};

/// The programs of one incarnation.
///
/// A program waits until it is its turn, then it has a child, and then it is settled: healthy, or
/// down. A new file begins with that anew.
pub(crate) struct Crew<'a> {
    of: &'a Programs,
    ctx: &'a Context,
    phase: Phase,
    units: Vec<Arc<Unit>>,
    /// The units whose turn has not come, by name.
    waiting: BTreeSet<Name>,
    /// The node of each unit that was started: a program, or a group.
    nodes: BTreeMap<Name, Child>,
    /// The programs that were started.
    children: BTreeMap<Name, Child>,
    healthy: BTreeSet<Name>,
    down: BTreeSet<Name>,
    /// The programs that are waited for until they are settled.
    awaited: FuturesUnordered<BoxFuture<'static, (Name, Result<(), HealthyError>)>>,
    /// The programs that somebody wants to be something else.
    granted: FuturesUnordered<BoxFuture<'static, Name>>,
    /// The groups tell of their programs. Each waits until it is heard.
    declares: mpsc::Sender<Children>,
    declared: mpsc::Receiver<Children>,
}

/// What a crew waits for.
pub(crate) enum News {
    Declared(Children),
    Granted(Name),
    Settled(Name, Result<(), HealthyError>),
}

/// Programs with their nodes.
pub(crate) type Children = Vec<(Name, Child)>;

/// How far all are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// They were never settled all at once.
    First,
    /// The file has changed.
    Again,
    Settled,
}

impl<'a> Crew<'a> {
    pub(crate) fn new(of: &'a Programs, ctx: &'a Context) -> Self {
        let (declares, declared) = mpsc::channel(1);
        Self {
            of,
            ctx,
            phase: Phase::First,
            units: Vec::new(),
            waiting: BTreeSet::new(),
            nodes: BTreeMap::new(),
            children: BTreeMap::new(),
            healthy: BTreeSet::new(),
            down: BTreeSet::new(),
            awaited: FuturesUnordered::new(),
            granted: FuturesUnordered::new(),
            declares,
            declared,
        }
    }

    /// Waits until something has happened that it has to heed.
    pub(crate) async fn news(&mut self) -> News {
        tokio::select! {
            Some(children) = self.declared.recv() => News::Declared(children),
            Some(name) = self.granted.next() => News::Granted(name),
            Some((name, healthy)) = self.awaited.next() => News::Settled(name, healthy),
        }
    }

    pub(crate) fn heed(&mut self, news: News) -> anyhow::Result<()> {
        match news {
            News::Declared(children) => self.adopt(children),
            News::Granted(name) => self.wait_for(name),
            News::Settled(name, healthy) => self.settle(name, healthy)?,
        }
        Ok(())
    }

    /// Takes units, and starts those whose turn it is.
    pub(crate) fn begin(&mut self, units: Vec<Arc<Unit>>) -> Result<(), RunError> {
        self.waiting
            .extend(units.iter().map(|unit| unit.name().clone()));
        self.units.extend(units);
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), RunError> {
        for unit in self.whose_turn_it_is() {
            self.waiting.remove(unit.name());
            match self.start(&unit) {
                Err(error) if self.phase != Phase::First => {
                    error!("{error}");
                    self.down.extend(unit.names().cloned());
                }
                started => started?,
            }
        }
        self.tell_if_settled();
        Ok(())
    }

    fn whose_turn_it_is(&self) -> Vec<Arc<Unit>> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let waits = |unit: &&Arc<Unit>| self.waiting.contains(unit.name());
        let is_free = |unit: &&Arc<Unit>| {
            let after = unit.after();
            after.iter().all(|name| self.healthy.contains(*name))
        };
        let units = self.units.iter().filter(waits).filter(is_free);
        units.cloned().collect()
    }

    fn tell_if_settled(&mut self) {
        let all = count(&self.units);
        let is_settled = self.healthy.len() + self.down.len() == all;
        if !is_settled || self.phase == Phase::Settled {
            return;
        }
        self.phase = Phase::Settled;
        if self.down.is_empty() {
            info!("all programs are up");
        } else {
            let (healthy, down) = (self.healthy.len(), list(&self.down));
            info!("{healthy} of {all} programs are up; down: {down}");
        }
    }

    fn start(&mut self, unit: &Arc<Unit>) -> Result<(), RunError> {
        for program in &unit.programs {
            let (name, command) = (&program.name.value, program.command.value.shown());
            info!(path = %format_args!("root.programs.{name}"), "starts: {command}");
        }
        let name = unit.name();
        let node = match &unit.group {
            None => {
                let program = &unit.programs[0];
                let node = self
                    .ctx
                    .run(name, program.runnable(&self.of.publish(name)))?;
                self.adopt(vec![(name.clone(), node.clone())]);
                node
            }
            Some(together) => {
                let processes = unit.names().map(|name| self.of.publish(name)).collect();
                let team = Team {
                    together: together.clone(),
                    unit: unit.clone(),
                    processes,
                    declares: self.declares.clone(),
                };
                team.start(self.ctx)?
            }
        };
        self.nodes.insert(name.clone(), node);
        Ok(())
    }

    /// Takes note of programs that have nodes now.
    fn adopt(&mut self, children: Children) {
        for (name, child) in children {
            self.children.insert(name.clone(), child);
            self.wait_for(name);
        }
    }

    /// Waits until a program is settled.
    fn wait_for(&mut self, name: Name) {
        if let Some(child) = self.children.get(&name).cloned() {
            let waits = async move { (name, child.healthy().await) };
            self.awaited.push(waits.boxed());
        }
    }

    /// Takes note of how a program has settled.
    fn settle(&mut self, name: Name, healthy: Result<(), HealthyError>) -> anyhow::Result<()> {
        match healthy {
            Ok(()) => {
                self.down.remove(&name);
                self.healthy.insert(name);
            }
            // It has another node by now, which is waited for, too.
            Err(HealthyError::Gone { .. }) => {}
            Err(error) if self.phase == Phase::First && self.is_wanted(&name) => {
                return Err(error.into());
            }
            Err(error) => {
                self.healthy.remove(&name);
                let is_news = self.down.insert(name);
                if is_news && !self.waiting.is_empty() {
                    warn!("{error}; not started yet: {}", list(&self.waiting));
                }
            }
        }
        Ok(self.go_on()?)
    }

    /// Whether a program is to run on, as far as anybody has said.
    fn is_wanted(&self, name: &Name) -> bool {
        let mut programs = self.units.iter().flat_map(|unit| &unit.programs);
        let program = programs.find(|program| program.name.value == *name);
        let lasts = program.is_some_and(|program| program.restart != Restart::Temporary);
        lasts && !self.down.contains(name)
    }

    pub(crate) fn grant(&mut self, Wish { name, what, reply }: Wish) {
        let Some(child) = self.children.get(&name) else {
            // Whoever wished may have gone.
            let _ = reply.send(Err(WishError::Waits { name }));
            return;
        };
        let order = match what {
            What::Restart => restart(child, self.node_above(&name)).boxed(),
            What::Stop => {
                let order = child.terminate();
                self.healthy.remove(&name);
                self.down.insert(name.clone());
                order.boxed()
            }
        };
        let grants = async move {
            let granted = order.await.map(drop);
            let _ = reply.send(granted.map_err(WishError::from));
            name
        };
        self.granted.push(grants.boxed());
    }

    /// The node of the unit that a program is of.
    fn node_above(&self, program: &Name) -> Option<Child> {
        let mut units = self.units.iter();
        let unit = units.find(|unit| unit.names().any(|name| name == program))?;
        self.nodes.get(unit.name()).cloned()
    }
}

/// Starts a program again. One that has gone with its group, since that could not start, comes back
/// with it.
fn restart(child: &Child, group: Option<Child>) -> impl Future<Output = Granted> + use<> {
    let order = child.restart();
    async move {
        match (order.await, group) {
            (Err(OrderError::Gone { .. }), Some(group)) => group.restart().await,
            (granted, _) => granted,
        }
    }
}

/// What an order has come to.
type Granted = Result<Effect, OrderError>;

fn count(units: &[Arc<Unit>]) -> usize {
    units.iter().map(|unit| unit.programs.len()).sum()
}

fn list(names: &BTreeSet<Name>) -> String {
    let names: Vec<_> = names.iter().map(Name::as_str).collect();
    names.join(", ")
}

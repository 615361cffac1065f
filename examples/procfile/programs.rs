//! The node above the programs: it starts each when those are healthy that it waits for, and
//! changes what runs when the file has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use perennial::process::Process;
use perennial::{
    Child, Context, HealthyError, Name, Order, OrderError, Published, Restart, RunError,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::plan::{BadFile, Plan, Unit};

/// What outlives the incarnations of the node.
#[derive(Debug)]
pub(crate) struct Programs {
    file: PathBuf,
    plan: Mutex<Plan>,
    /// The running process of each program.
    processes: Mutex<BTreeMap<Name, Published<Process>>>,
    wishes: tokio::sync::Mutex<mpsc::Receiver<Wish>>,
}

/// What somebody wants done with one program.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) name: Name,
    pub(crate) what: What,
    pub(crate) reply: oneshot::Sender<Result<(), OrderError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Restart,
    Stop,
}

impl Programs {
    pub(crate) fn new(file: PathBuf, plan: Plan, wishes: mpsc::Receiver<Wish>) -> Self {
        Self {
            file,
            plan: Mutex::new(plan),
            processes: Mutex::default(),
            wishes: tokio::sync::Mutex::new(wishes),
        }
    }

    /// The names of all programs, in the order of the file.
    pub(crate) fn names(&self) -> Vec<Name> {
        let plan = lock(&self.plan);
        plan.programs
            .iter()
            .map(|program| program.name.value.clone())
            .collect()
    }

    /// The process that is ready of a program, if there is one.
    pub(crate) fn process(&self, name: &Name) -> Option<Process> {
        lock(&self.processes).get(name)?.peek()
    }

    /// Runs the programs until it is told to stop.
    ///
    /// It never says healthy: its children would be declared for good then, and the next file may
    /// want others. A program that cannot run stays down, and the others go on; only before all
    /// were up for the first time is it the end of all.
    pub(crate) async fn run(&self, ctx: Context) -> anyhow::Result<()> {
        let mut hangups = signal(SignalKind::hangup())?;
        let mut wishes = self.wishes.lock().await;
        let mut crew = Crew::new(self, &ctx);
        for unit in lock(&self.plan).units() {
            crew.add(unit);
        }
        crew.start_who_can()?;
        loop {
            tokio::select! {
                () = ctx.cancelled() => return Ok(()),
                Some(()) = hangups.recv() => crew.reload().await?,
                Some(wish) = wishes.recv() => crew.grant(wish),
                Some(done) = crew.doing.next() => crew.heed(done)?,
            }
        }
    }
}

/// The programs of one incarnation.
struct Crew<'a> {
    of: &'a Programs,
    ctx: &'a Context,
    units: Vec<Unit>,
    /// The first name of each unit that waits for others.
    waiting: BTreeSet<Name>,
    children: BTreeMap<Name, Present>,
    healthy: BTreeSet<Name>,
    doing: FuturesUnordered<BoxFuture<'static, Done>>,
    was_up: bool,
    /// They were never up all at once.
    is_first: bool,
    stopped: BTreeSet<Name>,
    serial: u64,
}

/// The child that has a name now; another one may have had it before.
struct Present {
    child: Child,
    serial: u64,
}

/// What was waited for.
enum Done {
    Healthy(u64, Name, Result<(), HealthyError>),
    Granted(Name),
}

impl<'a> Crew<'a> {
    fn new(of: &'a Programs, ctx: &'a Context) -> Self {
        Self {
            of,
            ctx,
            units: Vec::new(),
            waiting: BTreeSet::new(),
            children: BTreeMap::new(),
            healthy: BTreeSet::new(),
            doing: FuturesUnordered::new(),
            was_up: false,
            is_first: true,
            stopped: BTreeSet::new(),
            serial: 0,
        }
    }

    fn add(&mut self, unit: Unit) {
        self.waiting.extend(unit.names().next().cloned());
        self.units.push(unit);
    }

    fn start_who_can(&mut self) -> Result<(), RunError> {
        for unit in self.units.clone() {
            let is_waiting = unit.names().any(|name| self.waiting.contains(name));
            let is_free = unit.after().iter().all(|name| self.healthy.contains(*name));
            if is_waiting && is_free {
                self.start(&unit)?;
            }
        }
        let is_up = self.waiting.is_empty() && self.healthy.len() == self.children.len();
        if is_up && !self.was_up {
            self.was_up = true;
            self.is_first = false;
            info!("all {} programs are up", self.children.len());
        }
        Ok(())
    }

    fn start(&mut self, unit: &Unit) -> Result<(), RunError> {
        self.waiting
            .retain(|name| unit.names().all(|other| other != name));
        let nodes = unit.programs.iter().map(|program| {
            let name = program.name.value.clone();
            info!(path = %format_args!("root.programs.{name}"), "starts: {}", program.command.value.shown());
            let process = Published::new();
            let node = program.runnable(&process);
            lock(&self.of.processes).insert(name.clone(), process);
            (name, node)
        });
        let children = match &unit.group {
            None => nodes
                .map(|(name, node)| self.ctx.run(name, node))
                .collect::<Result<Vec<_>, _>>()?,
            Some(together) => {
                let group = self.ctx.group(together.name.clone(), together.strategy);
                let group = if together.in_order {
                    group.in_order()
                } else {
                    group
                };
                nodes
                    .fold(group, |group, (name, node)| group.run(name, node))
                    .start()?
            }
        };
        for (name, child) in unit.names().cloned().zip(children) {
            self.serial += 1;
            let serial = self.serial;
            self.children
                .insert(name.clone(), Present { child, serial });
            self.wait_for(name);
        }
        Ok(())
    }

    fn wait_for(&self, name: Name) {
        if let Some(Present { child, serial }) = self.children.get(&name) {
            let (child, serial) = (child.clone(), *serial);
            let waits = async move { Done::Healthy(serial, name, child.healthy().await) };
            self.doing.push(waits.boxed());
        }
    }

    fn heed(&mut self, done: Done) -> anyhow::Result<()> {
        let (serial, name, healthy) = match done {
            Done::Granted(name) => {
                self.wait_for(name);
                return Ok(());
            }
            Done::Healthy(serial, name, healthy) => (serial, name, healthy),
        };
        if self
            .children
            .get(&name)
            .is_none_or(|present| present.serial != serial)
        {
            return Ok(());
        }
        match healthy {
            Ok(()) => {
                self.healthy.insert(name);
                self.start_who_can()?;
            }
            Err(error) if self.is_first && self.is_wanted(&name) => return Err(error.into()),
            Err(_) if self.waiting.is_empty() => {}
            Err(error) => {
                let waiting: Vec<_> = self.waiting.iter().map(Name::as_str).collect();
                warn!("{error}; not started yet: {}", waiting.join(", "));
            }
        }
        Ok(())
    }

    /// Whether a program is to run on, as far as anybody has said.
    fn is_wanted(&self, name: &Name) -> bool {
        let mut programs = self.units.iter().flat_map(|unit| &unit.programs);
        let program = programs.find(|program| program.name.value == *name);
        let lasts = program.is_some_and(|program| program.restart != Restart::Temporary);
        lasts && !self.stopped.contains(name)
    }

    fn grant(&mut self, wish: Wish) {
        let Wish { name, what, reply } = wish;
        let Some(Present { child, .. }) = self.children.get(&name) else {
            // It waits for others.
            return drop(reply);
        };
        let order = match what {
            What::Restart => {
                self.stopped.remove(&name);
                child.restart()
            }
            What::Stop => {
                self.stopped.insert(name.clone());
                child.terminate()
            }
        };
        let grants = async move {
            let _ = reply.send(order.await.map(drop));
            Done::Granted(name)
        };
        self.doing.push(grants.boxed());
    }

    /// Reads the file again. What is the same in it is not touched; a file that is wrong changes
    /// nothing.
    async fn reload(&mut self) -> Result<(), RunError> {
        let (plan, added) = match self.read() {
            Ok(read) => read,
            Err(error) => {
                error!("not reloaded:\n{error}");
                return Ok(());
            }
        };
        let units = plan.units();
        let (kept, gone) = self.units.drain(..).partition(|unit| units.contains(unit));
        self.units = kept;
        info!(
            "reloads: {} started, {} stopped",
            count(&added),
            count(&gone)
        );
        self.remove(&gone).await;
        *lock(&self.of.plan) = plan;
        for unit in added {
            self.add(unit);
        }
        self.was_up = false;
        self.start_who_can()
    }

    fn read(&self) -> Result<(Plan, Vec<Unit>), BadFile> {
        let plan = Plan::read(&self.of.file)?;
        let mut added = plan.units();
        added.retain(|unit| !self.units.contains(unit));
        let ours: BTreeSet<u16> = self.units.iter().flat_map(Unit::ports).collect();
        Plan::check_machine(&self.of.file, &added, &ours)?;
        Ok((plan, added))
    }

    /// Stops what is in the file no more, or is another thing there now.
    async fn remove(&mut self, gone: &[Unit]) {
        let names: Vec<&Name> = gone.iter().flat_map(Unit::names).collect();
        let children = names.iter().filter_map(|name| self.children.remove(*name));
        let orders: Vec<Order> = children.map(|present| present.child.remove()).collect();
        for name in names {
            self.healthy.remove(name);
            self.waiting.remove(name);
            self.stopped.remove(name);
            lock(&self.of.processes).remove(name);
        }
        for refused in join_all(orders).await.into_iter().filter_map(Result::err) {
            warn!("{refused}");
        }
    }
}

fn count(units: &[Unit]) -> usize {
    units.iter().map(|unit| unit.programs.len()).sum()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The node above the programs: what it is told, and what outlives its incarnations.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use perennial::process::Process;
use perennial::{Context, Name, OrderError, Published};
use thiserror::Error;
use tokio::signal::unix::Signal;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use crate::crew::Crew;
use crate::plan::Plan;

/// The programs of a file, and all who speak for them.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) file: PathBuf,
    plan: Mutex<Plan>,
    /// The running process of each program.
    processes: Mutex<BTreeMap<Name, Published<Process>>>,
    heard: AsyncMutex<Heard>,
}

/// Where it hears what is wanted.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The file is to be read again.
    pub(crate) hangups: Signal,
    pub(crate) wishes: mpsc::Receiver<Wish>,
}

/// What somebody wants done with one program.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) name: Name,
    pub(crate) what: What,
    pub(crate) reply: oneshot::Sender<Result<(), WishError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Restart,
    Stop,
}

/// Why a wish was not granted.
#[derive(Debug, Error)]
pub(crate) enum WishError {
    #[error("{name} was not started yet: it waits for others")]
    Waits { name: Name },
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error("the daemon stops")]
    Stops,
}

impl Programs {
    pub(crate) fn new(file: PathBuf, plan: Plan, heard: Heard) -> Self {
        Self {
            file,
            plan: Mutex::new(plan),
            processes: Mutex::default(),
            heard: AsyncMutex::new(heard),
        }
    }

    /// The names of all programs, in the order of the file.
    pub(crate) fn names(&self) -> Vec<Name> {
        let plan = lock(&self.plan);
        let names = plan.programs.iter().map(|program| &program.name.value);
        names.cloned().collect()
    }

    /// The process that is ready of a program, if there is one.
    pub(crate) fn process(&self, name: &Name) -> Option<Process> {
        lock(&self.processes).get(name)?.peek()
    }

    /// Where the process of a program will be found.
    pub(crate) fn publish(&self, name: &Name) -> Published<Process> {
        let mut processes = lock(&self.processes);
        processes.entry(name.clone()).or_default().clone()
    }

    /// Has other programs from now on.
    pub(crate) fn change(&self, plan: Plan) {
        let mut processes = lock(&self.processes);
        processes.retain(|name, _| plan.programs.iter().any(|other| other.name.value == *name));
        *lock(&self.plan) = plan;
    }

    /// Runs the programs until it is told to stop.
    ///
    /// It never says healthy: its children would be declared for good then, and the next file may
    /// want others. A program that cannot run stays down, and the others go on; only before all
    /// were up for the first time is it the end of all.
    pub(crate) async fn run(&self, ctx: Context) -> anyhow::Result<()> {
        let Heard { hangups, wishes } = &mut *self.heard.lock().await;
        let serve = async {
            let mut crew = Crew::new(self, &ctx);
            crew.begin(lock(&self.plan).units())?;
            loop {
                tokio::select! {
                    Some(()) = hangups.recv() => crew.reload().await?,
                    Some(wish) = wishes.recv() => crew.grant(wish),
                    news = crew.news() => crew.heed(news)?,
                }
            }
        };
        let served = ctx.until_cancelled(serve).await;
        // Who still wishes is told by the drop.
        wishes.close();
        while wishes.try_recv().is_ok() {}
        served.unwrap_or(Ok(()))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! This side: a script is played on a tree on a paused clock.

use std::collections::BTreeMap;
use std::future::pending;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Backoff, Configured, Context, Grace, HealthyError, Intensity, Restart, RunError, Significant,
    runnable,
};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::script::{Auto, Child, Leaving, Role, Script, Stopping, Supervision};
use crate::step::How;

/// How long a child that a script wants to meet while it restarts waits before it does.
const RETRY: Duration = Duration::from_secs(1);

/// What a script says, and what its children have written.
pub(crate) struct World {
    pub(crate) script: Script,
    lines: Mutex<Vec<String>>,
    starts: Mutex<BTreeMap<String, u64>>,
    /// What the running children hear with.
    ears: Mutex<BTreeMap<String, oneshot::Sender<How>>>,
}

impl World {
    pub(crate) fn new(script: &Script) -> Arc<Self> {
        Arc::new(Self {
            script: script.clone(),
            lines: Mutex::default(),
            starts: Mutex::default(),
            ears: Mutex::default(),
        })
    }

    fn say(&self, what: &str, child: &Child) {
        self.lines.lock().push(format!("{what} {}", child.path));
    }

    pub(crate) fn has_said(&self, line: &str) -> bool {
        self.lines.lock().iter().any(|said| said == line)
    }

    pub(crate) fn take_lines(&self) -> Vec<String> {
        mem::take(&mut self.lines.lock())
    }

    /// Lets a child end, unless it does not run.
    pub(crate) fn strike(&self, path: &str, how: How) -> bool {
        let ear = self.ears.lock().remove(path);
        ear.is_some_and(|ear| ear.send(how).is_ok())
    }

    /// Whether a child runs and listens.
    pub(crate) fn hears(&self, path: &str) -> bool {
        let ears = self.ears.lock();
        ears.get(path).is_some_and(|ear| !ear.is_closed())
    }

    fn listen(&self, path: &str) -> oneshot::Receiver<How> {
        let (ear, words) = oneshot::channel();
        self.ears.lock().insert(path.to_owned(), ear);
        words
    }

    fn count_start(&self, path: &str) -> u64 {
        let mut starts = self.starts.lock();
        let start = starts.entry(path.to_owned()).or_default();
        *start += 1;
        *start
    }
}

type Run = BoxFuture<'static, anyhow::Result<()>>;

/// Starts the tree of a script.
pub(crate) fn start(h: &Harness, world: &Arc<World>) {
    let world = world.clone();
    h.start(move |ctx| root(ctx, world.clone()));
}

/// The root, which outlives the supervisor of the script, as whoever started that in OTP does.
async fn root(ctx: Context, world: Arc<World>) -> Result<(), RunError> {
    let top = world.script.top;
    let code = move |ctx: Context| supervise(ctx, world.clone(), String::new(), top);
    let top = supervisor(runnable(code)).restart(Restart::Temporary);
    ctx.run("sup", top)?;
    ctx.healthy();
    ctx.cancelled().await;
    Ok(())
}

/// A supervisor waits for its children as long as it takes, and is not slow to start again.
fn supervisor<F>(code: Configured<F>) -> Configured<F> {
    code.grace(Grace::Infinite).backoff(Backoff::none())
}

/// A supervisor is up when its children are, and gone when they are.
fn supervise(ctx: Context, world: Arc<World>, path: String, how: Supervision) -> Run {
    Box::pin(async move {
        let living = Living::default();
        let mut group = ctx.group("children", how.strategy).in_order();
        group = group.intensity(Intensity::new(how.restarts, how.within)?);
        let declared = world.script.below(&path);
        for child in declared.filter(|child| !matches!(child.role, Role::Spare)) {
            let code = code(world.clone(), child, living.clone());
            group = group.run(child.name(), configure(code, &world, child, how.auto));
        }
        for child in group.start()? {
            // One that never will be up takes this one along, when the others are gone.
            if let Some(Err(_)) = ctx.until_cancelled(up(&child)).await {
                ctx.cancelled().await;
            }
        }
        ctx.healthy();
        ctx.cancelled().await;
        match how.leaving {
            Leaving::Last => living.over().await,
            Leaving::AtOnce => {}
        }
        Ok(())
    })
}

/// Until a child was up once, however it fared since; a fall of its group may come before.
async fn up(child: &perennial::Child) -> Result<(), HealthyError> {
    match child.first_start().await {
        Ok(()) => Ok(()),
        Err(_) => child.healthy().await,
    }
}

fn code(
    world: Arc<World>,
    child: &Child,
    living: Living,
) -> Configured<impl Fn(Context) -> Run + Send + Sync + 'static + use<>> {
    let child = child.clone();
    runnable(move |ctx: Context| -> Run {
        let alive = living.enter();
        let run = match child.role {
            Role::Supervisor(how) => supervise(ctx, world.clone(), child.path.clone(), how),
            Role::Worker | Role::Spare => Box::pin(live(ctx, world.clone(), child.clone())),
        };
        Box::pin(async move {
            let _alive = alive;
            run.await
        })
    })
}

fn configure<F>(code: Configured<F>, world: &World, child: &Child, auto: Auto) -> Configured<F> {
    let code = match child.role {
        Role::Supervisor(_) => supervisor(code),
        Role::Worker | Role::Spare if world.script.holds(&child.path) => code
            .grace(child.ways.grace)
            .backoff(Backoff::constant(RETRY)),
        Role::Worker | Role::Spare => code.grace(child.ways.grace).backoff(Backoff::none()),
    };
    let code = code.restart(child.restart);
    match auto {
        Auto::Any if child.is_significant => code.significant(Significant::Any),
        Auto::All if child.is_significant => code.significant(Significant::All),
        Auto::Never | Auto::Any | Auto::All => code,
    }
}

/// How many runs below a supervisor are not over.
#[derive(Clone, Default)]
struct Living(Arc<watch::Sender<usize>>);

impl Living {
    /// Counts a run for as long as what is returned is there.
    fn enter(&self) -> Alive {
        self.0.send_modify(|count| *count += 1);
        Alive(self.clone())
    }

    async fn over(&self) {
        let mut count = self.0.subscribe();
        let zero = count.wait_for(|count| *count == 0).await;
        zero.expect("its sender is here");
    }
}

struct Alive(Living);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

/// What a child does that is no supervisor.
async fn live(ctx: Context, world: Arc<World>, child: Child) -> anyhow::Result<()> {
    let ways = &child.ways;
    let start = world.count_start(&child.path);
    if ways.fails.has(start) {
        world.say("fail", &child);
        bail!("it fails to start");
    }
    sleep(ways.start).await;
    let words = world.listen(&child.path);
    world.say("start", &child);
    ctx.healthy();
    let by_itself = async {
        match ways.crashes.has(start) {
            true => sleep(ways.lasts.unwrap_or_default()).await,
            false => pending().await,
        }
        How::Crash
    };
    let how = tokio::select! {
        biased;
        Ok(how) = words => how,
        how = by_itself => how,
        () = ctx.cancelled() => return stop(&world, &child).await,
    };
    match how {
        How::Finish | How::Retire => {
            world.say("finish", &child);
            Ok(())
        }
        How::Crash | How::Kill => {
            world.say("crash", &child);
            bail!("it crashes");
        }
        How::Panic => {
            world.say("crash", &child);
            panic!("it panics");
        }
    }
}

async fn stop(world: &World, child: &Child) -> anyhow::Result<()> {
    world.say("stop", child);
    match child.ways.stop {
        Stopping::Takes(time) => sleep(time).await,
        Stopping::Hangs => pending().await,
        Stopping::Crashes => bail!("it crashes while it stops"),
    }
    world.say("gone", child);
    Ok(())
}

//! The daemon itself: from the file to the tree, and from its end to the exit code.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use perennial::{Context, Failure, Report, Supervisor, method};
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{SetOnce, mpsc};
use tokio::time::{Instant, sleep};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::control::{FolderError, Tell, place_of};
use crate::logs::Logs;
use crate::paint::Paint;
use crate::plan::{BadFile, Plan};
use crate::program::no_restart;
use crate::programs::{Heard, Programs};
use crate::screen::Screen;
use crate::socket::{Clients, Listener, Place};
use crate::{Code, complain};

/// How many wishes may wait.
const WISHES_MAX: usize = 64;
/// How long a port may be taken still, and how often it is looked at.
const PORTS_WITHIN: Duration = Duration::from_secs(1);
const PORTS_PAUSE: Duration = Duration::from_millis(20);
/// How long whoever watches has to take the last lines.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// Runs the programs of a file until somebody stops them.
pub(crate) fn up(file: &Path) -> Code {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(Code::Failed, error),
    };
    match runtime.block_on(run(file)) {
        Ok(()) => Code::AsTold,
        Err(error) => complain(error.code(), error),
    }
}

/// Why the programs do not run, or do not run any more.
#[derive(Debug, Error)]
enum UpError {
    #[error(transparent)]
    File(#[from] BadFile),
    #[error("{}: {source}", .file.display())]
    Place { file: PathBuf, source: FolderError },
    #[error(transparent)]
    System(#[from] io::Error),
    // The whole chain of causes.
    #[error("{0:?}")]
    Failed(Failure),
    #[error("{0}")]
    Left(Report),
}

impl UpError {
    const fn code(&self) -> Code {
        match self {
            Self::File(_) => Code::BadInput,
            Self::Place { source, .. } => source.code(),
            Self::System(_) | Self::Failed(_) | Self::Left(_) => Code::Failed,
        }
    }
}

async fn run(file: &Path) -> Result<(), UpError> {
    // Before the file is read, so that no change of it is missed; by default it would end us.
    let hangups = signal(SignalKind::hangup())?;
    let plan = Plan::read(file)?;
    let misplaced = |source| {
        let file = file.to_owned();
        UpError::Place { file, source }
    };
    let place = place_of(file).map_err(misplaced)?;
    // As long as this lives, nobody else runs the same file.
    let _lock = place.take().map_err(|error| misplaced(error.into()))?;
    check_machine(file, &plan).await?;
    let (logs, screen) = (Arc::new(Logs::default()), Screen::start()?);
    let paint = Paint::new(logs.clone(), screen.clone()).with_filter(LevelFilter::INFO);
    let subscribed = tracing::subscriber::set_global_default(registry().with(paint));
    subscribed.expect("nobody else subscribes");
    let (wishes, wished) = mpsc::channel(WISHES_MAX);
    let heard = Heard {
        hangups,
        wishes: wished,
    };
    let tell = Arc::new(Tell {
        programs: Arc::new(Programs::new(file.to_owned(), plan, heard)),
        logs,
        wishes,
        tree: SetOnce::new(),
    });
    let ended = serve(place, tell).await;
    screen.finish(SHOWN_WITHIN);
    match ended {
        Ok(report) if report.leaked().next().is_none() => Ok(()),
        Ok(report) => Err(UpError::Left(report)),
        Err(failure) => Err(UpError::Failed(failure)),
    }
}

/// Finds what the machine does not have. A port may be taken by a program of a daemon that was
/// killed, and its guard ends that a moment later.
async fn check_machine(file: &Path, plan: &Plan) -> Result<(), BadFile> {
    let units = plan.units();
    let deadline = Instant::now() + PORTS_WITHIN;
    loop {
        match Plan::check_machine(file, &units, &BTreeSet::new()) {
            Err(bad) if bad.is_of_ports() && Instant::now() < deadline => sleep(PORTS_PAUSE).await,
            checked => return checked,
        }
    }
}

/// Runs the tree to its end.
async fn serve(place: Place, tell: Arc<Tell>) -> Result<Report, Failure> {
    let control = Listener {
        place,
        clients: Clients(tell.clone()),
    };
    let root = Arc::new(Root {
        programs: tell.programs.clone(),
        control: Arc::new(control),
    });
    let supervisor = Supervisor::new(method(&root, Root::run)).stop_on_signals();
    let tree = Arc::new(supervisor.start());
    // Nobody else sets it.
    let _ = tell.tree.set(Arc::downgrade(&tree));
    tree.ended().await
}

/// The two parts of the daemon.
#[derive(Debug)]
struct Root {
    programs: Arc<Programs>,
    control: Arc<Listener<Tell>>,
}

impl Root {
    async fn run(&self, ctx: Context) -> anyhow::Result<()> {
        // It serves as long as there are programs, while they stop, too.
        let control = method(&self.control, Listener::run).provides();
        ctx.run("control", control)?.first_start().await?;
        // What escalates to it is not mended by starting all programs again.
        let programs = method(&self.programs, Programs::run).intensity(no_restart());
        ctx.run("programs", programs)?;
        ctx.done();
        Ok(())
    }
}

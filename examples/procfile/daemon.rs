//! The daemon itself: from the file to the tree, and from its end to the exit code.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use perennial::{Context, Intensity, Supervisor, method};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{SetOnce, mpsc};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::control::{Control, Place, PlaceError, Tell};
use crate::logs::Logs;
use crate::paint::Paint;
use crate::plan::{BadFile, Plan};
use crate::programs::Programs;
use crate::{Code, complain};

/// How many wishes may wait.
const WISHES_MAX: usize = 64;

/// Runs the programs of a file until somebody stops them.
pub(crate) fn up(file: &Path) -> Code {
    let plan = match checked(file) {
        Ok(plan) => plan,
        Err(error) => return complain(Code::BadInput, error),
    };
    let place = match Place::of(file) {
        Ok(place) => place,
        Err(error) => return complain(Code::Failed, error),
    };
    // As long as this lives, nobody else runs the same file.
    let _lock = match place.take() {
        Ok(lock) => lock,
        Err(error @ PlaceError::Taken) => {
            let file = file.display();
            return complain(Code::BadInput, format_args!("{file}: {error}"));
        }
        Err(error) => return complain(Code::Failed, error),
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(Code::Failed, error),
    };
    runtime.block_on(run(file, plan, place))
}

fn checked(file: &Path) -> Result<Plan, BadFile> {
    let plan = Plan::read(file)?;
    Plan::check_machine(file, &plan.units(), &BTreeSet::new())?;
    Ok(plan)
}

async fn run(file: &Path, plan: Plan, place: Place) -> Code {
    let logs = Arc::new(Logs::default());
    let paint = Paint::new(logs.clone()).with_filter(LevelFilter::INFO);
    if let Err(error) = tracing::subscriber::set_global_default(registry().with(paint)) {
        return complain(Code::Failed, error);
    }
    // From now on, not only when somebody listens: by default it would end us.
    let _hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return complain(Code::Failed, error),
    };
    let (wishes, wished) = mpsc::channel(WISHES_MAX);
    let tell = Arc::new(Tell {
        programs: Arc::new(Programs::new(file.to_owned(), plan, wished)),
        logs,
        wishes,
        tree: SetOnce::new(),
    });
    let control = Control {
        place,
        tell: tell.clone(),
    };
    let root = Arc::new(Root {
        programs: tell.programs.clone(),
        control: Arc::new(control),
    });
    let supervisor = Supervisor::new(method(&root, Root::run)).stop_on_signals();
    let tree = Arc::new(supervisor.start());
    // Nobody else sets it.
    let _ = tell.tree.set(Arc::downgrade(&tree));
    match tree.ended().await {
        Ok(_) => Code::AsTold,
        Err(failure) => complain(Code::Failed, failure),
    }
}

/// The two parts of the daemon.
#[derive(Debug)]
struct Root {
    programs: Arc<Programs>,
    control: Arc<Control>,
}

impl Root {
    async fn run(&self, ctx: Context) -> anyhow::Result<()> {
        ctx.run("control", method(&self.control, Control::run))?
            .healthy()
            .await?;
        // What escalates to it is not mended by starting all programs again.
        let never = Intensity::new(0, Duration::from_secs(1))?;
        let programs = method(&self.programs, Programs::run).intensity(never);
        ctx.run("programs", programs)?;
        ctx.done();
        Ok(())
    }
}

//! tokio-graceful-shutdown: nested subsystems. It restarts nothing; one keeps alive what is below
//! it, as in its example 12, which is a subsystem more for each child.

use std::sync::Arc;
use std::time::Duration;

use tokio_graceful_shutdown::{
    ErrorAction, NestedSubsystem, SubsystemBuilder, SubsystemHandle, Toplevel,
};
use tokio_util::sync::CancellationToken;

use crate::peer::{Gone, Peer};
use crate::stage::{Again, Stage};

/// How long a stop may take.
const GRACE: Duration = Duration::from_secs(600);

pub(crate) struct Tree {
    toplevel: Toplevel,
    shutdown: CancellationToken,
    stage: Stage,
}

impl Tree {
    /// A tree with this at the top.
    fn new(stage: Stage, start: impl FnOnce(&SubsystemHandle) + Send + 'static) -> Self {
        let shutdown = CancellationToken::new();
        let top = async move |root: &mut SubsystemHandle| start(root);
        Self {
            toplevel: Toplevel::new_with_shutdown_token(top, shutdown.clone()),
            shutdown,
            stage,
        }
    }
}

impl Peer for Tree {
    async fn flat(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        Ok(Self::new(stage.clone(), move |root| {
            for (index, name) in names.into_iter().enumerate() {
                let stage = stage.clone();
                let keeper = async move |keeper: &mut SubsystemHandle| {
                    keep_alive(keeper, |keeper| start(keeper, "run", &stage, index)).await
                };
                root.start(SubsystemBuilder::new(name, keeper));
            }
        }))
    }

    async fn group(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        let names: Arc<[String]> = names.into();
        Ok(Self::new(stage.clone(), move |root| {
            let keeper = async move |keeper: &mut SubsystemHandle| {
                keep_alive(keeper, |keeper| start_group(keeper, &stage, &names)).await
            };
            root.start(SubsystemBuilder::new("group", keeper));
        }))
    }

    async fn chain(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        let names: Arc<[String]> = names.into();
        Ok(Self::new(stage.clone(), move |root| {
            let keeper = async move |keeper: &mut SubsystemHandle| {
                keep_alive(keeper, |keeper| start_link(keeper, &stage, &names, 0)).await
            };
            root.start(SubsystemBuilder::new("chain", keeper));
        }))
    }

    fn fail(&self) -> Result<(), Gone> {
        self.stage.fail();
        Ok(())
    }

    async fn stop(self) {
        self.shutdown.cancel();
        let stopped = self.toplevel.handle_shutdown_requests(GRACE).await;
        stopped.expect("failures are caught below");
    }
}

/// Starts a subsystem again whenever it has failed and all below it has ended.
async fn keep_alive(
    keeper: &SubsystemHandle,
    start: impl Fn(&SubsystemHandle) -> NestedSubsystem,
) -> Result<(), Again> {
    while start(keeper).join().await.is_err() && !keeper.is_shutdown_requested() {}
    Ok(())
}

/// Starts a child, whose failure stops it and what is below it, and goes no further.
fn start(parent: &SubsystemHandle, name: &str, stage: &Stage, index: usize) -> NestedSubsystem {
    let stage = stage.clone();
    let child = async move |child: &mut SubsystemHandle| {
        stage.serve(index, child.on_shutdown_requested()).await
    };
    parent.start(caught(SubsystemBuilder::new(name, child)))
}

/// Starts a subsystem whose children take it with them when they fail, and so all of them.
fn start_group(parent: &SubsystemHandle, stage: &Stage, names: &Arc<[String]>) -> NestedSubsystem {
    let (stage, names) = (stage.clone(), names.clone());
    let group = async move |group: &mut SubsystemHandle| {
        for (index, name) in names.iter().enumerate() {
            let stage = stage.clone();
            let member = async move |member: &mut SubsystemHandle| {
                stage.serve(index, member.on_shutdown_requested()).await
            };
            group.start(SubsystemBuilder::new(name, member));
        }
        Ok::<(), Again>(())
    };
    parent.start(caught(SubsystemBuilder::new("members", group)))
}

/// Starts a node of a chain, and what is below it.
fn start_link(
    parent: &SubsystemHandle,
    stage: &Stage,
    names: &Arc<[String]>,
    index: usize,
) -> NestedSubsystem {
    let (stage, below) = (stage.clone(), names.clone());
    let link = async move |link: &mut SubsystemHandle| {
        if index + 1 < below.len() {
            start_link(link, &stage, &below, index + 1);
        }
        stage.serve(index, link.on_shutdown_requested()).await
    };
    parent.start(caught(SubsystemBuilder::new(&names[index], link)))
}

fn caught<S>(subsystem: SubsystemBuilder<'_, S>) -> SubsystemBuilder<'_, S> {
    subsystem
        .on_failure(ErrorAction::CatchAndLocalShutdown)
        .on_panic(ErrorAction::CatchAndLocalShutdown)
}

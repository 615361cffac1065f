//! What the server does for a client: a job of the solver.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::try_join_all;
use perennial::solver::{
    BuildError, FailureCause, Job, JobEventKind, JobSummary, JobWatch, Output, Solver, Watched,
};

use crate::artifacts::Artifacts;
use crate::plan::{BadFile, Plan};
use crate::progress::{Progress, Request, Summary, What};
use crate::socket::{Answers, Client, Refusal, Tells};
use crate::state::Graph;
use crate::workplace::{Workplace, blocking};

/// All builds of a server.
#[derive(Debug)]
pub(crate) struct Builds {
    pub(crate) workplace: Arc<Workplace>,
    pub(crate) solver: Solver<Artifacts>,
    /// How many there were.
    count: AtomicU64,
}

/// A build that can begin.
struct Build {
    plan: Arc<Plan>,
    graph: Graph,
}

/// Why a build has not come to its end.
enum BuildFailure {
    Solver(BuildError),
    /// What was built is not where it belongs.
    Place(String),
}

impl Answers for Builds {
    type Request = Request;
    type Said = Progress;

    async fn grant(
        &self,
        request: Request,
        client: &mut Client<Progress>,
    ) -> io::Result<Result<(), Refusal>> {
        let build = match self.begin(request).await? {
            Ok(build) => build,
            Err(bad) => return Ok(Err(Refusal::input(bad.to_string()))),
        };
        tokio::select! {
            done = self.run(&build, &mut client.tells) => done,
            // The job is dropped: what only it wanted is cancelled.
            () = client.hears.hung_up() => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Builds {
    pub(crate) fn new(workplace: Arc<Workplace>, solver: Solver<Artifacts>) -> Self {
        let count = AtomicU64::new(0);
        Self {
            workplace,
            solver,
            count,
        }
    }

    /// Reads the build file, and looks at all that is to be built.
    async fn begin(&self, request: Request) -> io::Result<Result<Build, BadFile>> {
        let workplace = self.workplace.clone();
        let Request::Run {
            file,
            from,
            targets,
            path,
        } = request;
        let begin = move || {
            let plan = Arc::new(Plan::read(&from, &file)?);
            let roots = plan.find(&targets)?;
            let graph = Graph::new(&workplace, &plan, &path.into(), &roots)?;
            Ok(Build { plan, graph })
        };
        blocking(move || Ok(begin())).await
    }

    async fn run(
        &self,
        build: &Build,
        tells: &mut Tells<Progress>,
    ) -> io::Result<Result<(), Refusal>> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let job = self.solver.job(number.to_string());
        let job = job.map_err(io::Error::other)?;
        let targets = build.graph.targets.len();
        tells.say(Progress::Begun { targets }).await?;
        let watch = job.watch();
        let work = async {
            let built = self.build(build, &job).await;
            Ok((built, job.finish().await))
        };
        let told = build.tell(watch, tells);
        let ((built, summary), ()) = tokio::try_join!(work, told)?;
        match built {
            Ok(()) => {
                let summary = build.sum_up(&summary);
                tells.say(Progress::Built(summary)).await.map(Ok)
            }
            // Whoever asked sees that the server has gone.
            Err(BuildFailure::Solver(BuildError::Stopped)) => {
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Err(failure) => Ok(Err(Refusal::other(build.explain(&failure)))),
        }
    }

    /// Builds all, and sees that what was asked for is in its place.
    async fn build(&self, build: &Build, job: &Job<Artifacts>) -> Result<(), BuildFailure> {
        let roots = build.graph.roots.iter();
        let outputs = try_join_all(roots.map(|root| job.build(root))).await;
        let outputs: Vec<Output<_>> = outputs.map_err(BuildFailure::Solver)?;
        let artifacts = || outputs.iter().flat_map(|output| &output.0);
        let folder = &build.plan.folder;
        let places = artifacts().map(|artifact| folder.join(&artifact.path));
        let places: Vec<PathBuf> = places.collect();
        let _held = self.workplace.locks.hold([], places).await;
        for artifact in artifacts() {
            let put = self.workplace.put(folder, artifact).await;
            put.map_err(|error| BuildFailure::Place(chain(&error)))?;
        }
        Ok(())
    }
}

impl Build {
    /// Tells what the job tells, until it is finished.
    async fn tell(&self, mut watch: JobWatch, tells: &mut Tells<Progress>) -> io::Result<()> {
        while let Some(watched) = watch.next().await {
            let progress = match watched {
                Watched::Event(event) => {
                    let target = self.graph.targets.get(&event.vertex);
                    let target = target.map(|target| &self.plan.targets[*target]);
                    target.zip(what(&event.kind)).map(|(target, what)| {
                        let name = target.name.clone();
                        Progress::Target { name, what }
                    })
                }
                Watched::Lagged(events) => Some(Progress::Missed { events }),
                _ => None,
            };
            if let Some(progress) = progress {
                tells.say(progress).await?;
            }
        }
        Ok(())
    }

    fn sum_up(&self, job: &JobSummary) -> Summary {
        Summary {
            ran: job.completed,
            stored: job.cached,
            unneeded: job.unneeded,
            files_read: self.graph.files_read,
            seconds: job.took.as_secs_f64(),
        }
    }

    /// What to say of a failure, with the line of the target.
    fn explain(&self, failure: &BuildFailure) -> String {
        let error = match failure {
            BuildFailure::Solver(error) => error,
            BuildFailure::Place(why) => return why.clone(),
        };
        let BuildError::Failed(failed) = error else {
            return chain(error);
        };
        let why = match &failed.cause {
            FailureCause::Operation(error) => chain(&**error),
            cause => chain(cause),
        };
        let file = self.plan.file.display();
        match self.graph.targets.get(&failed.digest) {
            Some(target) => {
                let target = &self.plan.targets[*target];
                format!("{file}:{}: {}: {why}", target.line, target.name)
            }
            None => format!("{file}: {}: {why}", failed.vertex),
        }
    }
}

fn what(kind: &JobEventKind) -> Option<What> {
    Some(match kind {
        JobEventKind::Started { .. } => What::Started,
        JobEventKind::Cached { .. } => What::Cached,
        JobEventKind::Completed { .. } => What::Completed,
        JobEventKind::Failed { .. } => What::Failed,
        JobEventKind::Cancelled => What::Cancelled,
        JobEventKind::Log { line } => What::Log(line.to_string()),
        JobEventKind::Warning { text } => What::Warning(text.to_string()),
        _ => return None,
    })
}

/// An error with all its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some say what their cause says.
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

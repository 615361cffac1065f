//! A target as an operation of the solver: its command, and what is seen to before and after it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use perennial::OwnError;
use perennial::process::{Command, ExitStatus, Gone, Heard, Ladder, Lines, Signal, StartError};
use perennial::solver::{Identity, Operation, OperationError, Output, RunContext};
use perennial::store::Digest;
use thiserror::Error;
use tokio::join;

use crate::artifacts::{Artifact, Artifacts};
use crate::depfile;
use crate::memory::{Made, PathId, Seen, Stamp};
use crate::plan::{Plan, Target, tidy};
use crate::state::state_of;
use crate::workplace::{FileError, Workplace, blocking, named};

/// The limit that commands need one of.
pub(crate) const JOBS: &str = "jobs";
/// How long a command that nobody wants any more has to end, before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes a target.
///
/// What it is counts from the moment when the job began: the same target of another job, with other
/// contents of a file, is another operation.
#[derive(Debug)]
pub(crate) struct Make {
    pub(crate) workplace: Arc<Workplace>,
    pub(crate) plan: Arc<Plan>,
    /// Which target of the plan.
    pub(crate) target: usize,
    /// Where programs are looked for.
    pub(crate) path: Arc<str>,
    /// All that makes it what it is, but for what it reads.
    pub(crate) recipe: Digest,
    /// Its inputs that no target makes, and their state with that of what it has read before.
    pub(crate) sources: Vec<Arc<Seen>>,
    pub(crate) read: Vec<Arc<Seen>>,
    pub(crate) state: Digest,
    /// The name of what comes of that.
    pub(crate) name: Digest,
}

/// Why a target is not made.
#[derive(Debug, Error)]
enum MakeError {
    #[error("the command cannot be started: {0}")]
    NotStarted(#[from] StartError),
    #[error("the command {0}")]
    Exited(ExitStatus),
    #[error("the command has made no {}", .0.display())]
    NotMade(PathBuf),
    #[error("the command has written no depfile {}", .0.display())]
    NoDepfile(PathBuf),
    #[error("the depfile {} is not one", .0.display())]
    BadDepfile(PathBuf),
    #[error("it reads {}, which {maker} makes, and has to depend on that", .path.display())]
    Undeclared { path: PathBuf, maker: String },
    #[error("{} was changed while it was used", .0.display())]
    Changed(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    System(#[from] io::Error),
    #[error(transparent)]
    Stops(#[from] OwnError),
}

impl MakeError {
    /// Whether it may go better the next time, though nothing is changed.
    fn is_passing(&self) -> bool {
        match self {
            Self::Changed(_) | Self::File(_) | Self::System(_) | Self::Stops(_) => true,
            Self::Exited(exit) => exit.signal().is_some(),
            Self::NotStarted(_)
            | Self::NotMade(_)
            | Self::NoDepfile(_)
            | Self::BadDepfile(_)
            | Self::Undeclared { .. } => false,
        }
    }
}

impl Operation for Make {
    type Value = Artifacts;

    fn identity(&self) -> Identity {
        let mut identity = Identity::new("make");
        identity.add(self.recipe.as_bytes());
        identity.add(self.name.as_bytes());
        identity
    }

    async fn run(
        &self,
        ctx: RunContext<Artifacts>,
        inputs: Vec<Output<Artifacts>>,
    ) -> Result<Vec<Output<Artifacts>>, OperationError> {
        match self.make(&ctx, &inputs).await {
            Ok(artifacts) => Ok(vec![Output::new(artifacts)]),
            Err(error) if error.is_passing() => Err(OperationError::transient(error)),
            Err(error) => Err(OperationError::permanent(error)),
        }
    }

    fn needs(&self) -> Vec<(String, u32)> {
        vec![(JOBS.to_owned(), 1)]
    }
}

impl Make {
    fn target(&self) -> &Target {
        &self.plan.targets[self.target]
    }

    async fn make(
        &self,
        ctx: &RunContext<Artifacts>,
        inputs: &[Output<Artifacts>],
    ) -> Result<Artifacts, MakeError> {
        let inputs: Vec<&Artifact> = inputs.iter().flat_map(|input| &input.0).collect();
        let place = |path: &Path| self.plan.folder.join(path);
        let reads = inputs.iter().map(|input| place(Path::new(&input.path)));
        let outputs = self.target().outputs.iter().map(|output| &output.value);
        // Its depfile, too, which another build file may give to another command.
        let writes = outputs
            .chain(&self.target().depfile)
            .map(|path| place(path));
        let _held = self.workplace.locks.hold(reads, writes).await;
        for input in inputs {
            self.workplace.put(&self.plan.folder, input).await?;
        }
        self.clear().await?;
        let began = SystemTime::now();
        let gone = self.run_command(ctx).await?;
        // Another command may run while the files of this one are stored.
        ctx.hand_back();
        if !gone.exit.is_success() {
            return Err(MakeError::Exited(gone.exit));
        }
        let artifacts = self.take().await?;
        self.check(began).await?;
        Ok(artifacts)
    }

    /// Takes away what the command will make: it begins with nothing, as it did the first time.
    async fn clear(&self) -> io::Result<()> {
        let target = self.target();
        let outputs = target.outputs.iter().map(|output| &output.value);
        let paths: Vec<_> = outputs
            .chain(&target.depfile)
            .map(|path| self.plan.folder.join(path))
            .collect();
        blocking(move || {
            for path in paths {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(named(&path)(error));
                    }
                    Ok(()) | Err(_) => {}
                }
                let made = path.parent().map_or(Ok(()), fs::create_dir_all);
                made.map_err(named(&path))?;
            }
            Ok(())
        })
        .await
    }

    /// Runs the command to its end, and tells what it writes. If nobody wants it any more, it is
    /// stopped; it is gone in any case before the run has ended.
    async fn run_command(&self, ctx: &RunContext<Artifacts>) -> Result<Gone, MakeError> {
        let context = ctx.context();
        let hold = context.hold(format!("the command of {}", self.target().name))?;
        let created = self.command().create().hold(hold);
        let (lines, watch) = (created.lines(), created.watch());
        let process = created.start().await?;
        let end = async {
            match context.until_cancelled(watch.exited()).await {
                Some(_) => watch.gone().await,
                None => process.stop().await,
            }
        };
        let (gone, ()) = join!(end, tell(ctx, lines));
        Ok(gone)
    }

    fn command(&self) -> Command {
        let target = self.target();
        let command = Command::new(&target.command[0])
            .args(&target.command[1..])
            .current_dir(self.plan.folder.join(&target.cwd))
            .ladder(Ladder::new().signal(Signal::TERM, PATIENCE))
            .env_clean()
            .env("PATH", &*self.path);
        let env = target.env.iter();
        env.fold(command, |command, (name, value)| command.env(name, value))
    }

    /// Stores what the command has made.
    async fn take(&self) -> Result<Artifacts, MakeError> {
        let mut artifacts = Vec::new();
        for output in &self.target().outputs {
            let taken = self.workplace.take(&self.plan.folder, &output.value);
            let missing = || MakeError::NotMade(output.value.clone());
            artifacts.push(taken.await?.ok_or_else(missing)?);
        }
        Ok(Artifacts(artifacts))
    }

    /// Sees that all that was read is what it was before the command, and remembers what that was.
    async fn check(&self, began: SystemTime) -> Result<(), MakeError> {
        let seen = self.sources.iter().chain(&self.read).cloned();
        let seen: Vec<_> = seen.collect();
        let changed = blocking(move || {
            let is_changed = |seen: &&Arc<Seen>| {
                let now = Stamp::of(&seen.path).ok();
                now != Some(seen.stamp)
            };
            Ok(seen.iter().find(is_changed).map(|seen| seen.path.clone()))
        });
        if let Some(path) = changed.await? {
            return Err(MakeError::Changed(path.to_path_buf()));
        }
        match &self.target().depfile {
            Some(depfile) => self.learn(depfile, began).await,
            None => Ok(()),
        }
    }

    async fn learn(&self, depfile: &Path, began: SystemTime) -> Result<(), MakeError> {
        let place = self.plan.folder.join(depfile);
        let text = match tokio::fs::read_to_string(&place).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MakeError::NoDepfile(depfile.to_owned()));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            text => depfile::parse(&text?),
        };
        let paths = text.ok_or_else(|| MakeError::BadDepfile(depfile.to_owned()))?;
        let paths = self.headers(paths)?;
        let workplace = self.workplace.clone();
        let looked = blocking(move || {
            let memory = &workplace.memory;
            let mut looked = Vec::with_capacity(paths.len());
            for path in &paths {
                let id = memory.id(path)?;
                let seen = memory.look(id, &mut 0);
                looked.push((id, seen.map_err(named(path))?));
            }
            Ok(looked)
        });
        let looked = looked.await?;
        if let Some((_, late)) = looked.iter().find(|(_, seen)| !seen.stamp.is_before(began)) {
            return Err(MakeError::Changed(late.path.to_path_buf()));
        }
        self.remember(looked)
    }

    /// What of the paths of a depfile is not known otherwise: no inputs, and nothing that a target
    /// makes, which has to be one that this one needs.
    fn headers(&self, paths: Vec<String>) -> Result<Vec<PathBuf>, MakeError> {
        let (target, folder) = (self.target(), &self.plan.folder);
        let mut headers = Vec::with_capacity(paths.len());
        for path in paths {
            let place = folder.join(&target.cwd).join(path);
            let path = tidy(&place);
            let near = path.strip_prefix(folder).unwrap_or(&path);
            match self.plan.maker(near) {
                Some(maker) if target.needs.contains(&maker) || maker == self.target => {}
                Some(maker) => {
                    let maker = self.plan.targets[maker].name.clone();
                    let path = near.to_owned();
                    return Err(MakeError::Undeclared { path, maker });
                }
                None if self.sources.iter().any(|seen| *seen.path == *path) => {}
                // A detour may lead through a link.
                None if place != path => headers.push(place.canonicalize()?),
                None => headers.push(path),
            }
        }
        // Any order will do: that of bytes is found faster than that of parts.
        headers.sort_unstable_by(|a: &PathBuf, b| a.as_os_str().cmp(b.as_os_str()));
        headers.dedup();
        Ok(headers)
    }

    fn remember(&self, headers: Vec<(PathId, Seen)>) -> Result<(), MakeError> {
        let (read, seen): (Vec<_>, Vec<_>) = headers.into_iter().unzip();
        let known: HashMap<_, _> = self.read.iter().map(|seen| (&seen.path, seen)).collect();
        // One that was there before is in the state already, with what it was then.
        let seen = seen
            .iter()
            .map(|seen| known.get(&seen.path).map_or(seen, |seen| seen));
        let sources = self.sources.iter().map(|seen| &**seen);
        let made = Made {
            recipe: self.recipe,
            read: read.into(),
            state: state_of(sources, seen.map(Some)),
            name: self.name,
        };
        Ok(self.workplace.memory.learn(&made, self.state)?)
    }
}

/// Tells the lines of a command as those of the target.
async fn tell(ctx: &RunContext<Artifacts>, mut lines: Lines) {
    while let Some(heard) = lines.next().await {
        match heard {
            Heard::Line(line) => ctx.log(line.text),
            Heard::Missed(lines) => ctx.log(format!("({lines} lines were lost)")),
            _ => {}
        }
    }
}

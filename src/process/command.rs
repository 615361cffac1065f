//! What is to be run, and how: a specification, which touches nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::Published;

use super::containment::Containment;
use super::created::Created;
use super::error::StartError;
use super::exit::ExitStatus;
use super::handle::Process;
use super::ladder::Ladder;
use super::lookup;
use super::ready::Ready;

/// How many bytes of each output are kept, if nothing else is said.
const KEPT_MAX: usize = 64 * 1024;
/// How long a line may be, in bytes, if nothing else is said.
const LINE_MAX: usize = 8 * 1024;
/// How long a program may take to become ready, if nothing else is said.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a stop may take beyond the ladder: to be killed, emptied and read to the end.
const MARGIN: Duration = Duration::from_secs(3);

/// A program to run, with all that belongs to it.
///
/// Making one touches nothing: the system is first asked by [`Created::start`]. It can be cloned
/// and used any number of times; as a [`Runnable`](crate::Runnable), each incarnation runs it anew.
///
/// By default a program has no standard input, its outputs are read by us, it is its own process
/// group, and it is ready as soon as it runs. It inherits our environment, but for what the
/// service manager tells *us* in `NOTIFY_SOCKET`, `WATCHDOG_*` and `LISTEN_*`; its signal mask is
/// empty.
///
/// # Examples
///
/// ```
/// use perennial::process::Command;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let created = Command::new("sh").args(["-c", "echo hello; exit 3"]).create();
/// let watch = created.watch();
/// let process = created.start().await?;
/// let gone = watch.gone().await;
/// assert_eq!(gone.exit.code(), Some(3));
/// assert_eq!(process.stdout().text(), "hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a command does nothing until it is created and started, or run as a node"]
pub struct Command {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) environment: Environment,
    pub(super) directory: Option<PathBuf>,
    pub(super) stdin: Stdin,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) terminal: Option<TerminalSize>,
    pub(super) scope: Scope,
    pub(super) ladder: Ladder,
    pub(super) ready: Ready,
    pub(super) ready_timeout: Duration,
    pub(super) kept_max: usize,
    pub(super) line_max: usize,
    pub(super) clean: Clean,
    pub(super) required: Containment,
    pub(super) published: Option<Published<Process>>,
}

/// Which exits are clean.
type Clean = Arc<dyn Fn(&ExitStatus) -> bool + Send + Sync>;

/// Where a program's standard input comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stdin {
    /// It is at its end from the beginning.
    #[default]
    Null,
    /// It is ours.
    Inherit,
    /// It is a pipe that [`Process::stdin`] writes to.
    Piped,
}

/// Where an output of a program goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Nowhere.
    Null,
    /// To where ours goes.
    Inherit,
    /// To us, who keep its end and cut it into lines.
    #[default]
    Piped,
    /// To whoever takes it, with [`Process::take_stdout`] or [`Process::take_stderr`]: every byte,
    /// at the pace of the reader. Nothing of it is kept or told, and a program is gone before it is
    /// read to the end.
    Raw,
}

/// What belongs to a program, and is signalled and ended with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Its process group, and its cgroup if there is one: all that it started, but for what left
    /// them. What is left when the leader has ended is killed.
    #[default]
    Group,
    /// The program alone. What it started lives on.
    Leader,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a terminal has two sides")]
pub struct TerminalSize {
    /// How many lines.
    pub rows: u16,
    /// How many characters in a line.
    pub columns: u16,
}

/// What a program's environment has that ours has not, and the other way round.
#[derive(Clone, Default)]
pub(super) struct Environment {
    pub(super) is_clean: bool,
    pub(super) changes: BTreeMap<OsString, Option<OsString>>,
}

impl Command {
    /// A program by its path, or by its name, which is looked for in the `PATH` that the program
    /// is given, or else in ours. A relative path starts at the program's working directory.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            environment: Environment::default(),
            directory: None,
            stdin: Stdin::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            terminal: None,
            scope: Scope::default(),
            ladder: Ladder::default(),
            ready: Ready::spawned(),
            ready_timeout: READY_TIMEOUT,
            kept_max: KEPT_MAX,
            line_max: LINE_MAX,
            clean: Arc::new(|exit| exit.is_success() || exit.requested),
            required: Containment::ProcessGroup,
            published: None,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let change = (name.into(), Some(value.into()));
        self.environment.changes.extend([change]);
        self
    }

    /// Takes a variable out of the environment.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.environment.changes.insert(name.into(), None);
        self
    }

    /// Inherits nothing: the program sees the variables that are set here and no other.
    pub const fn env_clean(mut self) -> Self {
        self.environment.is_clean = true;
        self
    }

    /// Sets the working directory; by default it is ours.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets where standard input comes from: from nowhere by default.
    pub const fn stdin(mut self, plan: Stdin) -> Self {
        self.stdin = plan;
        self
    }

    /// Sets where standard output goes to: to us by default.
    pub const fn stdout(mut self, plan: Output) -> Self {
        self.stdout = plan;
        self
    }

    /// Sets where standard error goes to: to us by default.
    pub const fn stderr(mut self, plan: Output) -> Self {
        self.stderr = plan;
        self
    }

    /// Runs the program in a terminal of this size, as the leader of a session of its own. Input
    /// and both outputs are the terminal's, whatever else was said of them; what is shown is
    /// standard output.
    ///
    /// Needs [`guard`](super::guard).
    pub const fn terminal(mut self, size: TerminalSize) -> Self {
        self.terminal = Some(size);
        self
    }

    /// Sets what belongs to the program: its group by default.
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets how the program is stopped.
    pub fn ladder(mut self, ladder: Ladder) -> Self {
        self.ladder = ladder;
        self
    }

    /// Sets when the program counts as started: as soon as it runs, by default.
    pub fn ready(mut self, ready: Ready) -> Self {
        self.ready = ready;
        self
    }

    /// Sets how long the program may take to become ready: 30 s by default.
    pub const fn ready_timeout(mut self, time: Duration) -> Self {
        self.ready_timeout = time;
        self
    }

    /// Sets how many bytes of each output are kept: the last 64 KiB by default.
    pub const fn keep_output(mut self, bytes_max: usize) -> Self {
        self.kept_max = bytes_max;
        self
    }

    /// Sets how long a line may be, in bytes: 8 KiB by default. The rest of a longer one is lost.
    pub const fn line_length_max(mut self, bytes: usize) -> Self {
        self.line_max = bytes;
        self
    }

    /// Sets which exits are clean: code 0, and any that was asked for, by default. A node whose
    /// program ends otherwise has failed.
    pub fn clean(mut self, is_clean: impl Fn(&ExitStatus) -> bool + Send + Sync + 'static) -> Self {
        self.clean = Arc::new(is_clean);
        self
    }

    /// Refuses to start the program if it could not be contained at least so well.
    pub const fn require(mut self, containment: Containment) -> Self {
        self.required = containment;
        self
    }

    /// Publishes the handle of the running program, once it is ready, as the value of the node that
    /// runs this. However many have it, the program ends with the node's incarnation.
    pub fn publish(mut self, value: &Published<Process>) -> Self {
        self.published = Some(value.clone());
        self
    }

    /// How long a stop of the program may take: its ladder, and three seconds to be killed, emptied
    /// and read to the end. The grace of a node that runs it.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.ladder.total().saturating_add(MARGIN)
    }

    /// Finds the file that a start would run, as far as can be told without one.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the program or its directory is missing, or the program may not be run.
    ///
    /// # Examples
    ///
    /// ```
    /// use perennial::process::Command;
    ///
    /// assert!(Command::new("sh").look_up().is_ok());
    /// let error = Command::new("no-such-program").look_up().unwrap_err();
    /// assert_eq!(error.to_string(), "there is no program no-such-program");
    /// ```
    pub fn look_up(&self) -> Result<PathBuf, StartError> {
        lookup::find(self)
    }

    /// Makes the program ready to be started, and to be watched before that. No system call.
    pub fn create(self) -> Created {
        Created::new(Arc::new(self))
    }

    /// Whether something in it cannot be passed to the system, whose strings end at a NUL.
    pub(super) fn holds_nul(&self) -> bool {
        let changes = self.environment.changes.iter();
        let variables = changes.flat_map(|(name, value)| [Some(name), value.as_ref()]);
        let words = [&self.program].into_iter().chain(&self.args);
        let mut all = words.chain(variables.flatten());
        all.any(|word| word.as_bytes().contains(&0))
    }

    /// The program's name, as it is told in messages.
    pub(crate) fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

impl Environment {
    /// The value that the program will see, if it is said here.
    pub(super) fn said(&self, name: &str) -> Option<&OsStr> {
        self.changes.get(OsStr::new(name))?.as_deref()
    }

    /// What the service manager tells this process about itself, and nobody else.
    pub(super) const OURS: [&str; 6] = [
        "LISTEN_FDNAMES",
        "LISTEN_FDS",
        "LISTEN_PID",
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
    ];
}

impl Command {
    /// The directory that relative paths start at, unless it is ours.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }
}

impl fmt::Debug for Command {
    /// Shows no value of the environment and no argument: they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.changes.keys().collect();
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args.len())
            .field("environment", &names)
            .field("directory", &self.directory)
            .field("scope", &self.scope)
            .field("ladder", &self.ladder)
            .finish_non_exhaustive()
    }
}

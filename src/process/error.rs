//! What can go wrong, an enum for each operation.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use thiserror::Error;

use super::containment::Containment;
use super::exit::ExitStatus;

/// Why a program was not started, or did not become ready.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no such file, here or in `PATH`.
    #[error("there is no program {program}")]
    ProgramMissing {
        /// What was asked for.
        program: String,
    },
    /// The working directory is missing, or no directory.
    #[error("there is no directory {directory} to run {program} in")]
    DirectoryMissing {
        /// What was asked for.
        program: String,
        /// The working directory.
        directory: PathBuf,
    },
    /// The file may not be run by us, or is a directory.
    #[error("{program} may not be run")]
    Denied {
        /// What was asked for.
        program: String,
    },
    /// The system cannot run such a file, or what its first line names is missing.
    #[error("{program} is not executable: {why}")]
    NotExecutable {
        /// What was asked for.
        program: String,
        /// What is wrong with the file.
        why: &'static str,
    },
    /// The arguments and the environment are more than the system takes.
    #[error("the arguments of {program} are too long")]
    TooLong {
        /// What was asked for.
        program: String,
    },
    /// An argument or a variable holds a NUL byte.
    #[error("an argument of {program} holds a NUL byte")]
    Nul {
        /// What was asked for.
        program: String,
    },
    /// The system has no process, memory or descriptor to give; later it may.
    #[error("the system has nothing left to start {program} with")]
    Exhausted {
        /// What was asked for.
        program: String,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The system said something else.
    #[error("{program} could not be started")]
    System {
        /// What was asked for.
        program: String,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// A terminal or a ready descriptor was asked for, and [`guard`](super::guard) was not called
    /// first in `main`.
    #[error("{what} needs `perennial::process::guard()` first in main")]
    NeedsGuard {
        /// What needs it.
        what: &'static str,
    },
    /// The program has to be contained better than this process can.
    #[error("{program} requires containment by {required}, and there is only {present}")]
    Uncontained {
        /// What was asked for.
        program: String,
        /// What was required.
        required: Containment,
        /// What there is.
        present: Containment,
    },
    /// This process ignores SIGCHLD, so the system reaps its children unseen.
    #[error("this process ignores SIGCHLD, so no exit can be seen")]
    SigchldIgnored,
    /// It was started, and somebody else in this process waits for all children and had it before
    /// we could watch it.
    #[error("{program} was started, and lost to somebody else who waits for it")]
    Lost {
        /// What was asked for.
        program: String,
    },
    /// It ended, or closed its ready descriptor, before it was ready.
    #[error("{program} was not ready when it {exit}")]
    NotReady {
        /// What was asked for.
        program: String,
        /// How it ended; it was stopped if it did not end by itself.
        exit: Box<ExitStatus>,
    },
    /// It was not ready in time, and was stopped.
    #[error("{program} was not ready within {within:?}")]
    ReadyTimeout {
        /// What was asked for.
        program: String,
        /// The time it had.
        within: Duration,
    },
    /// It was created and dropped without a start.
    #[error("{program} was dropped before it was started")]
    Dropped {
        /// What was asked for.
        program: String,
    },
}

impl StartError {
    /// What the system said when it was asked for something that a start needs.
    pub(super) fn of_system(program: String, error: io::Error) -> Self {
        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        let source = Arc::new(error);
        match errno {
            Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
                Self::Exhausted { program, source }
            }
            Some(_) | None => Self::System { program, source },
        }
    }

    /// Whether another attempt cannot succeed before somebody changes something. A node whose
    /// program fails so gives up at once.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::ProgramMissing { .. }
            | Self::DirectoryMissing { .. }
            | Self::Denied { .. }
            | Self::NotExecutable { .. }
            | Self::TooLong { .. }
            | Self::Nul { .. }
            | Self::NeedsGuard { .. }
            | Self::Uncontained { .. }
            | Self::SigchldIgnored => true,
            Self::Exhausted { .. }
            | Self::System { .. }
            | Self::Lost { .. }
            | Self::NotReady { .. }
            | Self::ReadyTimeout { .. }
            | Self::Dropped { .. } => false,
        }
    }
}

/// Why a signal was not sent.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The program has ended.
    #[error("the program has ended: {0}")]
    Ended(ExitStatus),
    /// The system has no name for the signal.
    #[error("{0} cannot be sent")]
    Unnamed(super::Signal),
    /// The system refused.
    #[error("the system refused the signal")]
    System(#[source] Arc<io::Error>),
}

/// Why a terminal has kept its size.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// The program has ended.
    #[error("the program has ended: {0}")]
    Ended(ExitStatus),
    /// The program has no terminal.
    #[error("the program has no terminal")]
    NoTerminal,
    /// The system refused.
    #[error("the system refused the size")]
    System(#[source] Arc<io::Error>),
}

/// Why bytes did not reach a program's standard input.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// It is closed, by us.
    #[error("standard input is closed")]
    Closed,
    /// The program has closed it, or has ended.
    #[error("the program reads no more")]
    Broken,
    /// The system said something else.
    #[error("standard input could not be written to")]
    System(#[source] Arc<io::Error>),
}

/// How a node whose code is a program failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RunProgramError {
    /// It could not be started.
    #[error("could not start")]
    Start(#[from] StartError),
    /// It ended, and not cleanly.
    #[error("{program} {exit}{last_words}")]
    Exited {
        /// What was run.
        program: String,
        /// How it ended.
        exit: ExitStatus,
        /// The last line that it wrote to standard error, after a colon, if there is one.
        last_words: String,
    },
    /// The node was no longer there to run it.
    #[error(transparent)]
    Own(#[from] crate::OwnError),
    /// The handle could not be published.
    #[error(transparent)]
    Publish(#[from] crate::PublishError),
}

//! What can be chosen on the command line.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::{Args as Options, Parser, Subcommand};

/// Builds what a file says, and shares what is equal with all who build at the same time
///
/// The exit code is 0 when all is built, 1 when a target or the system failed, 2 when the input is
/// wrong and nothing was begun, 3 when the server ended before it had answered, and 130 when it was
/// stopped by a signal.
#[derive(Clone, Debug, Parser)]
#[command(name = "build")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What is to be done.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Verb {
    /// Build targets, or all that no other target needs
    Run {
        #[command(flatten)]
        file: File,
        /// The targets, by name
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
        /// Ask the server of this folder; without it, one is started for this build, whose folder
        /// is `.build` beside the file
        #[arg(long, value_name = "DIR", conflicts_with = "jobs")]
        server: Option<PathBuf>,
        #[command(flatten)]
        jobs: Jobs,
        /// Tell what begins and what was found in the store, too
        #[arg(short, long)]
        verbose: bool,
    },
    /// Be a server for any number of builds, until a signal comes
    Serve {
        /// Where its socket and its store are; made if it is missing
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        #[command(flatten)]
        jobs: Jobs,
    },
    /// Show what needs what, for graphviz
    Graph {
        #[command(flatten)]
        file: File,
        /// Draw it with graphviz
        #[arg(long)]
        svg: bool,
    },
    /// Make a build file of a database of compile commands, as cmake writes one
    Import {
        /// The database
        #[arg(long, value_name = "FILE")]
        compile_commands: PathBuf,
        /// A static library to be made of all objects
        #[arg(long, value_name = "NAME")]
        archive: Option<String>,
        /// The build file
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// Which build file.
#[derive(Clone, Debug, Options)]
pub(crate) struct File {
    /// The build file
    #[arg(short, long, value_name = "FILE", default_value = "build.toml")]
    pub(crate) file: PathBuf,
}

/// How much at once.
#[derive(Clone, Copy, Debug, Options)]
pub(crate) struct Jobs {
    /// How many commands may run at once; as many as there are processors by default
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<u32>>,
}

impl Jobs {
    pub(crate) fn limit(self) -> u32 {
        let processors = || available_parallelism().map_or(1, NonZero::get);
        let chosen = self.jobs.map(NonZero::get);
        chosen.unwrap_or_else(|| u32::try_from(processors()).unwrap_or(u32::MAX))
    }
}

//! What can be chosen on the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Runs the programs of a file, and starts them again when they die
///
/// The exit code is 0 when all went as told, 1 when it did not, and 2 when the input is wrong and
/// nothing was done.
#[derive(Clone, Debug, Parser)]
#[command(name = "procfile")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,

    /// The file: one in TOML if its name ends in `.toml`, a Procfile otherwise
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "Procfile",
        global = true
    )]
    pub(crate) file: PathBuf,
}

/// What is to be done.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start all programs and stay with them until a signal or `down`; SIGHUP reads the file again
    Up,
    /// Tell how each program is
    Status,
    /// Stop a program and start it again, or start one that was stopped
    Restart { name: String },
    /// Stop a program and keep it down
    Stop { name: String },
    /// Show what a program wrote last
    Logs {
        name: String,
        /// Go on with what it writes from now on
        #[arg(long)]
        follow: bool,
    },
    /// Stop all programs, and wait until they have ended
    Down,
}

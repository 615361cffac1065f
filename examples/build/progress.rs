//! What a client asks for, and what it is told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All that can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Build targets.
    Run {
        /// The build file, as it is called from this folder.
        file: PathBuf,
        from: PathBuf,
        /// The targets; if there are none, all that no other target needs.
        targets: Vec<String>,
        /// Where programs are looked for.
        path: String,
    },
}

/// What is told of a build.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// It has begun, with so many targets.
    Begun { targets: usize },
    /// Something has happened to a target.
    Target { name: String, what: What },
    /// So much was not told, because the client was slow.
    Missed { events: u64 },
    /// All is built.
    Built(Summary),
}

/// What has happened to a target.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Started,
    Cached,
    Completed,
    Failed,
    Cancelled,
    Log(String),
    Warning(String),
}

/// What came of a build.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// How many targets' commands have run.
    pub(crate) ran: usize,
    /// How many were in the store.
    pub(crate) stored: usize,
    /// How many were not needed.
    pub(crate) unneeded: usize,
    /// How many files were read to know what they are.
    pub(crate) files_read: usize,
    pub(crate) seconds: f64,
}

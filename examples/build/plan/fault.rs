//! What can be wrong with a build file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// All that is wrong with a file, each with its line.
#[derive(Debug)]
pub(crate) struct BadFile {
    file: PathBuf,
    faults: Vec<Fault>,
}

/// One thing that is wrong, and the line that says it; line 0 is the whole file.
#[derive(Debug)]
pub(crate) struct Fault {
    line: usize,
    what: What,
}

/// What is wrong.
#[derive(Debug, Error)]
pub(crate) enum What {
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error("this is not UTF-8")]
    NoText,
    #[error("names no target")]
    Empty,
    #[error("{0}")]
    Syntax(String),
    #[error("a target without a name")]
    NoName,
    #[error("the command of {target} is empty")]
    NoCommand { target: String },
    #[error("{target} makes nothing: it has no outputs")]
    NoOutputs { target: String },
    #[error("{target} makes {}, and so does {other} in line {line}", .output.display())]
    OutputTwice {
        target: String,
        output: PathBuf,
        other: String,
        line: usize,
    },
    #[error("{target} depends on {depends}, which is no target here")]
    UnknownTarget { target: String, depends: String },
    #[error("needs itself: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    #[error("there is no target {name}")]
    NoTarget { name: String },
    #[error("{target} needs {}, which is missing, and which no target makes", .input.display())]
    NoInput { target: String, input: PathBuf },
    #[error("{target} needs {}, which cannot be read: {source}", .input.display())]
    BadInput {
        target: String,
        input: PathBuf,
        source: io::Error,
    },
}

impl What {
    pub(crate) const fn at(self, line: usize) -> Fault {
        Fault { line, what: self }
    }
}

impl BadFile {
    pub(crate) fn new(file: &Path, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.line);
        let file = file.to_owned();
        Self { file, faults }
    }
}

impl fmt::Display for BadFile {
    /// As compilers do: a line for each, `FILE:LINE: what`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Fault { line, what }) in self.faults.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            let file = self.file.display();
            match line {
                0 => write!(f, "{end}{file}: {what}")?,
                line => write!(f, "{end}{file}:{line}: {what}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for BadFile {}

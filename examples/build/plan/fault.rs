//! What can be wrong with a build file.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::faults;

pub(crate) type BadFile = faults::BadFile<What>;
pub(crate) type Fault = faults::Fault<What>;

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

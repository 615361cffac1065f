//! What can be wrong with a file.

use std::fmt;
use std::io;

use perennial::process::StartError;
use perennial::{Name, NameError};
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
    #[error("names no program")]
    Empty,
    #[error("{0}")]
    Syntax(String),
    #[error("a line is `name: command`")]
    NoCommand,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the command of {name} is empty")]
    EmptyCommand { name: Name },
    #[error("the command of {name} has a quote that is not closed")]
    Unquoted { name: Name },
    #[error("{name} is declared twice, first in line {first}")]
    Twice { name: Name, first: usize },
    #[error("{name} has a time that is none: {seconds} seconds")]
    Time { name: Name, seconds: f64 },
    #[error("{name} knows no signal {signal}")]
    Signal { name: Name, signal: String },
    #[error("{name} starts after {after}, which is no program here")]
    UnknownProgram { name: Name, after: Name },
    #[error("{name} is of the group {group}, which is not declared")]
    UnknownGroup { name: Name, group: Name },
    #[error("{name} starts after {after} of its own group: their order is that of the group")]
    WithinGroup { name: Name, after: Name },
    #[error("{name} is a group, and a program in line {program}")]
    GroupToo { name: Name, program: usize },
    #[error("the port of {name} is that of {other}, too: {port}")]
    PortTwice { name: Name, other: Name, port: u16 },
    #[error("waits for itself: {}", Chain(.0))]
    Cycle(Vec<Name>),
    #[error("{name} could not be started: {source}")]
    NoStart { name: Name, source: StartError },
    #[error("the port of {name} is taken: {port}")]
    PortTaken { name: Name, port: u16 },
}

impl What {
    pub(crate) const fn at(self, line: usize) -> Fault {
        Fault { line, what: self }
    }
}

impl BadFile {
    /// Whether it would be good if some ports were free.
    pub(crate) fn is_of_ports(&self) -> bool {
        let mut faults = self.faults.iter();
        faults.all(|fault| matches!(fault.what, What::PortTaken { .. }))
    }
}

struct Chain<'a>(&'a [Name]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(Name::as_str).collect();
        f.write_str(&names.join(" -> "))
    }
}

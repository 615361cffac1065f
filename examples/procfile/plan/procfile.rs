//! The plain form: `name: command`, a line for each program.

use perennial::{Name, Restart};

use super::fault::{Fault, What};
use super::line::{NoRun, Run};
use super::placed::Placed;
use super::{Plan, Program};

/// Reads lines; empty ones and those that begin with `#` say nothing.
pub(super) fn read(text: &str) -> Result<Plan, Vec<Fault>> {
    let (mut programs, mut faults) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match program(line, at + 1) {
            Ok(program) => programs.push(program),
            Err(what) => faults.push(what.at(at + 1)),
        }
    }
    if faults.is_empty() {
        let groups = Vec::new();
        Ok(Plan { programs, groups })
    } else {
        Err(faults)
    }
}

fn program(text: &str, line: usize) -> Result<Program, What> {
    let (name, command) = text.split_once(':').ok_or(What::NoCommand)?;
    let name = Name::parse(name.trim_end())?;
    let run = Run::from_line(command.trim()).map_err(|why| refused(why, &name))?;
    Ok(Program::new(
        Placed::new(name, line),
        Placed::new(run, line),
    ))
}

pub(super) fn refused(why: NoRun, name: &Name) -> What {
    let name = name.clone();
    match why {
        NoRun::Empty => What::EmptyCommand { name },
        NoRun::Unquoted => What::Unquoted { name },
    }
}

impl Program {
    /// A program of which nothing but its command is said.
    pub(super) fn new(name: Placed<Name>, command: Placed<Run>) -> Self {
        Self {
            name,
            command,
            env: Default::default(),
            env_clean: false,
            folder: Default::default(),
            cwd: None,
            restart: Restart::default(),
            ready: Default::default(),
            ready_timeout: None,
            after: Vec::new(),
            group: None,
            stop: Vec::new(),
        }
    }
}

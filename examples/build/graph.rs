//! The graph of a build file, for graphviz.

use std::fmt;
use std::io::{self, Seek, Write};
use std::process::{Command, ExitStatus};

use thiserror::Error;

use crate::plan::Plan;

/// A plan, written in DOT.
pub(crate) struct Dot<'a>(pub(crate) &'a Plan);

/// Why nothing is drawn.
#[derive(Debug, Error)]
pub(crate) enum DrawError {
    #[error("there is no program dot: install graphviz, or leave --svg away")]
    NoDot,
    #[error("dot {0}")]
    Failed(ExitStatus),
    #[error("the graph cannot be given to dot: {0}")]
    System(#[from] io::Error),
}

impl Dot<'_> {
    /// Has graphviz draw it to our standard output.
    pub(crate) fn draw(&self) -> Result<(), DrawError> {
        let mut file = tempfile::tempfile()?;
        write!(file, "{self}")?;
        file.rewind()?;
        let status = Command::new("dot").arg("-Tsvg").stdin(file).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(DrawError::Failed(status)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DrawError::NoDot),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { targets, .. } = self.0;
        writeln!(
            f,
            "digraph build {{\n  rankdir = LR;\n  node [shape = box];"
        )?;
        for target in targets {
            writeln!(f, "  {};", Quoted(&target.name))?;
            for needed in &target.needs {
                let needed = Quoted(&targets[*needed].name);
                writeln!(f, "  {} -> {};", needed, Quoted(&target.name))?;
            }
        }
        f.write_str("}\n")
    }
}

/// A name as DOT takes it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "\"{name}\"")
    }
}

//! What is wrong with a file that a daemon reads, told as compilers do.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// All that is wrong with a file, each with its line.
#[derive(Debug)]
pub(crate) struct BadFile<W> {
    file: PathBuf,
    pub(crate) faults: Vec<Fault<W>>,
}

/// One thing that is wrong, and the line that says it; line 0 is the whole file.
#[derive(Debug)]
pub(crate) struct Fault<W> {
    pub(crate) line: usize,
    pub(crate) what: W,
}

impl<W> BadFile<W> {
    pub(crate) fn new(file: &Path, mut faults: Vec<Fault<W>>) -> Self {
        faults.sort_by_key(|fault| fault.line);
        let file = file.to_owned();
        Self { file, faults }
    }
}

impl<W: fmt::Display> fmt::Display for BadFile<W> {
    /// A line for each, `FILE:LINE: what`.
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

impl<W: fmt::Debug + fmt::Display> Error for BadFile<W> {}

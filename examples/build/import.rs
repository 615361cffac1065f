//! Makes a build file of a database of compile commands.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf, absolute};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::plan::tidy;

/// Why a database cannot be imported.
#[derive(Debug, Error)]
pub(crate) enum ImportError {
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: this is no database of compile commands: {source}", .path.display())]
    Strange {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("the command for {file} {why}")]
    Command { file: String, why: &'static str },
    #[error("the build file cannot be written: {0}")]
    Unwritable(#[from] toml::ser::Error),
    #[error("{} is no text", .0.display())]
    NoText(PathBuf),
}

/// One command of the database.
#[derive(Deserialize)]
struct Entry {
    directory: PathBuf,
    file: String,
    output: Option<String>,
    command: Option<String>,
    arguments: Option<Vec<String>>,
}

#[derive(Serialize)]
struct BuildFile {
    targets: BTreeMap<String, Target>,
}

#[derive(Serialize)]
struct Target {
    command: Vec<String>,
    cwd: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    depfile: Option<String>,
}

/// Reads the database, and writes the build file.
pub(crate) fn import(
    database: &Path,
    archive: Option<String>,
    build_file: &Path,
) -> Result<(), ImportError> {
    let text = fs::read(database).map_err(at(database))?;
    let entries: Vec<Entry> = serde_json::from_slice(&text).map_err(|source| {
        let path = database.to_owned();
        ImportError::Strange { path, source }
    })?;
    let folder = folder(build_file).map_err(at(build_file))?;
    let mut targets = BTreeMap::new();
    for entry in entries {
        let (name, target) = entry.target(&folder)?;
        targets.insert(name, target);
    }
    if let Some(name) = archive {
        let target = archive_of(&name, &targets);
        targets.insert(name, target);
    }
    let text = toml::to_string(&BuildFile { targets })?;
    fs::write(build_file, text).map_err(at(build_file))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ImportError {
    let path = path.to_owned();
    move |source| ImportError::File { path, source }
}

/// The folder of the build file, by the name that its reader gives it.
fn folder(build_file: &Path) -> io::Result<PathBuf> {
    let file = absolute(build_file)?;
    file.parent().unwrap_or(&file).canonicalize()
}

impl Entry {
    fn target(self, folder: &Path) -> Result<(String, Target), ImportError> {
        let bad = |why| {
            let file = self.file.clone();
            ImportError::Command { file, why }
        };
        let words = match (&self.arguments, &self.command) {
            (Some(words), _) => words.clone(),
            (None, Some(line)) => {
                shell_words::split(line).map_err(|_| bad("has a quote that is not closed"))?
            }
            (None, None) => return Err(bad("is missing")),
        };
        let output = self.output.clone().or_else(|| after(&words, "-o"));
        let output = output.ok_or_else(|| bad("has no output"))?;
        let (command, depfile) = with_depfile(words, &output);
        let near = |path: &str| from(folder, &self.directory.join(path));
        let name = near(&output)?;
        let target = Target {
            command,
            cwd: from(folder, &self.directory)?,
            inputs: vec![near(&self.file)?],
            outputs: vec![name.clone()],
            depfile: Some(near(&depfile)?),
        };
        Ok((name, target))
    }
}

/// The word that follows this one.
fn after(words: &[String], word: &str) -> Option<String> {
    let at = words.iter().position(|one| one == word)?;
    words.get(at + 1).cloned()
}

/// Has the compiler say which headers it reads, unless it does.
fn with_depfile(mut words: Vec<String>, output: &str) -> (Vec<String>, String) {
    if let Some(depfile) = after(&words, "-MF") {
        return (words, depfile);
    }
    let depfile = format!("{output}.d");
    let at = words.len().min(1);
    let more = ["-MD", "-MF", &depfile].map(str::to_owned);
    words.splice(at..at, more);
    (words, depfile)
}

/// A path as it is called from the folder, if it is in it.
fn from(folder: &Path, path: &Path) -> Result<String, ImportError> {
    let path = tidy(path);
    let near = path.strip_prefix(folder).unwrap_or(&path);
    let text = near.to_str().map(str::to_owned);
    text.ok_or_else(|| ImportError::NoText(near.to_owned()))
}

fn archive_of(name: &str, targets: &BTreeMap<String, Target>) -> Target {
    let objects: Vec<String> = targets.keys().cloned().collect();
    let begin = ["ar", "qcs", name].map(str::to_owned);
    Target {
        command: begin.into_iter().chain(objects.iter().cloned()).collect(),
        cwd: String::new(),
        inputs: objects,
        outputs: vec![name.to_owned()],
        depfile: None,
    }
}

//! The form of a build file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::fault::{Fault, What};
use super::placed::Placed;
use super::{Target, tidy};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    targets: BTreeMap<Spanned<String>, RawTarget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    command: Spanned<RawCommand>,
    #[serde(default)]
    cwd: PathBuf,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    inputs: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    outputs: Vec<Spanned<PathBuf>>,
    depfile: Option<PathBuf>,
    #[serde(default)]
    depends: Vec<Spanned<String>>,
}

enum RawCommand {
    Line(String),
    Words(Vec<String>),
}

/// By hand, as most of a large file is commands, and what is derived reads each of them twice.
impl<'de> Deserialize<'de> for RawCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CommandVisitor)
    }
}

struct CommandVisitor;

impl<'de> Visitor<'de> for CommandVisitor {
    type Value = RawCommand;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line for the shell or a list of words")
    }

    fn visit_str<E: de::Error>(self, line: &str) -> Result<RawCommand, E> {
        Ok(RawCommand::Line(line.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<RawCommand, A::Error> {
        let mut all = Vec::new();
        while let Some(word) = words.next_element()? {
            all.push(word);
        }
        Ok(RawCommand::Words(all))
    }
}

/// Reads the targets, in the order of the file.
pub(super) fn read(text: &str) -> Result<Vec<Target>, Vec<Fault>> {
    let mut reader = Reader {
        ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        faults: Vec::new(),
    };
    let file: RawFile = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| reader.line(span.start));
        vec![What::Syntax(error.message().to_owned()).at(line)]
    })?;
    let mut targets: Vec<_> = file.targets.into_iter().collect();
    // The order of a table is that of its names; that of the file is in their places.
    targets.sort_by_key(|(name, _)| name.span().start);
    let targets = targets.into_iter();
    let targets: Vec<_> = targets
        .map(|(name, raw)| reader.target(name, raw))
        .collect();
    if targets.is_empty() {
        reader.faults.push(What::Empty.at(0));
    }
    if reader.faults.is_empty() {
        Ok(targets)
    } else {
        Err(reader.faults)
    }
}

/// Makes what is read of what is written, and gathers what is wrong with it.
struct Reader {
    /// Where lines end.
    ends: Vec<usize>,
    faults: Vec<Fault>,
}

impl Reader {
    fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    fn place<T>(&self, value: Spanned<T>) -> Placed<T> {
        let line = self.line(value.span().start);
        Placed::new(value.into_inner(), line)
    }

    fn target(&mut self, name: Spanned<String>, raw: RawTarget) -> Target {
        let Placed { value: name, line } = self.place(name);
        let command = self.place(raw.command);
        let words = match command.value {
            RawCommand::Line(text) if text.trim().is_empty() => Vec::new(),
            RawCommand::Line(text) => vec!["sh".to_owned(), "-c".to_owned(), text],
            RawCommand::Words(words) => words,
        };
        let target = || name.clone();
        if words.first().is_none_or(String::is_empty) {
            let fault = What::NoCommand { target: target() };
            self.faults.push(fault.at(command.line));
        }
        if raw.outputs.is_empty() {
            self.faults
                .push(What::NoOutputs { target: target() }.at(line));
        }
        if name.is_empty() {
            self.faults.push(What::NoName.at(line));
        }
        Target {
            line,
            command: words,
            cwd: tidy(&raw.cwd),
            env: raw.env,
            inputs: self.paths(raw.inputs),
            outputs: self.paths(raw.outputs),
            depfile: raw.depfile.as_deref().map(tidy),
            depends: raw
                .depends
                .into_iter()
                .map(|name| self.place(name))
                .collect(),
            needs: Default::default(),
            name,
        }
    }

    fn paths(&self, paths: Vec<Spanned<PathBuf>>) -> Vec<Placed<PathBuf>> {
        let paths = paths.into_iter().map(|path| self.place(path));
        paths
            .map(|path| Placed::new(tidy(&path.value), path.line))
            .collect()
    }
}

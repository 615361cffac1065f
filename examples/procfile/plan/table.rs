//! The form in TOML: what the plain form cannot say.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use perennial::process::Signal;
use perennial::{Name, Restart, Strategy};
use serde::Deserialize;
use toml::Spanned;

use super::fault::{Fault, What};
use super::line::Run;
use super::placed::Placed;
use super::procfile::refused;
use super::{Group, Plan, Program, Ready, Step};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    programs: BTreeMap<Spanned<String>, RawProgram>,
    #[serde(default)]
    groups: BTreeMap<Spanned<String>, RawGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProgram {
    command: Spanned<RawCommand>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    env_clean: bool,
    cwd: Option<Spanned<PathBuf>>,
    #[serde(default)]
    restart: RawRestart,
    #[serde(default)]
    ready: RawReady,
    ready_timeout: Option<Spanned<f64>>,
    #[serde(default)]
    after: Vec<Spanned<String>>,
    group: Option<Spanned<String>>,
    #[serde(default)]
    stop: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a command is a line or a list of words")]
enum RawCommand {
    Line(String),
    Words(Vec<String>),
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawRestart {
    #[default]
    Permanent,
    Transient,
    Temporary,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawReady {
    #[default]
    Spawned,
    Descriptor,
    Line(String),
    Port(Spanned<NonZero<u16>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    signal: Spanned<String>,
    wait: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    strategy: RawStrategy,
    #[serde(default)]
    in_order: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawStrategy {
    OneForOne,
    OneForAll,
    RestForOne,
}

pub(super) fn read(text: &str) -> Result<Plan, Vec<Fault>> {
    let mut reader = Reader {
        text,
        faults: Vec::new(),
    };
    let file: RawFile = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| reader.line(span.start));
        vec![What::Syntax(error.message().to_owned()).at(line)]
    })?;
    let programs = in_file_order(file.programs);
    let programs = programs.filter_map(|(name, raw)| reader.program(name, raw));
    let programs = programs.collect();
    let groups = in_file_order(file.groups);
    let groups = groups.filter_map(|(name, raw)| reader.group(name, &raw));
    let groups = groups.collect();
    if reader.faults.is_empty() {
        Ok(Plan { programs, groups })
    } else {
        Err(reader.faults)
    }
}

/// The order of a table is that of its names; that of the file is in their places.
fn in_file_order<T>(
    table: BTreeMap<Spanned<String>, T>,
) -> impl Iterator<Item = (Spanned<String>, T)> {
    let mut all: Vec<_> = table.into_iter().collect();
    all.sort_by_key(|(name, _)| name.span().start);
    all.into_iter()
}

/// Makes what is read of what is written, and gathers what is wrong with it.
struct Reader<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    fn place<T>(&self, value: Spanned<T>) -> Placed<T> {
        let line = self.line(value.span().start);
        Placed::new(value.into_inner(), line)
    }

    /// Keeps what is wrong, and goes on without it.
    fn check<T>(&mut self, line: usize, result: Result<T, impl Into<What>>) -> Option<T> {
        result
            .map_err(|what| self.faults.push(what.into().at(line)))
            .ok()
    }

    fn name(&mut self, text: Spanned<String>) -> Option<Placed<Name>> {
        let text = self.place(text);
        let name = self.check(text.line, Name::parse(text.value))?;
        Some(Placed::new(name, text.line))
    }

    fn program(&mut self, name: Spanned<String>, raw: RawProgram) -> Option<Program> {
        let placed = self.name(name)?;
        let name = placed.value.clone();
        let command = self.place(raw.command);
        let run = match command.value {
            RawCommand::Line(line) => Run::from_line(&line),
            RawCommand::Words(words) => Run::from_words(words),
        };
        let run = self.check(command.line, run.map_err(|why| refused(why, &name)))?;
        let after = raw.after.into_iter();
        let after = after.filter_map(|after| self.name(after)).collect();
        let steps = raw.stop.into_iter();
        let stop = steps.filter_map(|step| self.step(&name, step)).collect();
        let ready_timeout = raw.ready_timeout.and_then(|time| self.time(&name, time));
        let ready = match raw.ready {
            RawReady::Spawned => Ready::Spawned,
            RawReady::Descriptor => Ready::Descriptor,
            RawReady::Line(text) => Ready::Line(text),
            RawReady::Port(port) => {
                let Placed { value, line } = self.place(port);
                Ready::Port(Placed::new(value.get(), line))
            }
        };
        Some(Program {
            env: raw.env,
            env_clean: raw.env_clean,
            cwd: raw.cwd.map(|cwd| self.place(cwd)),
            restart: match raw.restart {
                RawRestart::Permanent => Restart::Permanent,
                RawRestart::Transient => Restart::Transient,
                RawRestart::Temporary => Restart::Temporary,
            },
            ready,
            ready_timeout,
            after,
            group: raw.group.and_then(|group| self.name(group)),
            stop,
            ..Program::new(placed, Placed::new(run, command.line))
        })
    }

    fn step(&mut self, name: &Name, raw: RawStep) -> Option<Step> {
        let wait = self.time(name, raw.wait)?;
        let text = self.place(raw.signal);
        let mut known = (1..32).filter_map(Signal::from_number);
        let signal = known.find(|signal| {
            let known = signal.to_string();
            known == text.value || known.strip_prefix("SIG") == Some(&text.value)
        });
        let unknown = || What::Signal {
            name: name.clone(),
            signal: text.value.clone(),
        };
        let signal = self.check(text.line, signal.ok_or_else(unknown))?;
        Some(Step { signal, wait })
    }

    fn time(&mut self, name: &Name, seconds: Spanned<f64>) -> Option<Duration> {
        let seconds = self.place(seconds);
        let time = Duration::try_from_secs_f64(seconds.value);
        let none = |_| What::Time {
            name: name.clone(),
            seconds: seconds.value,
        };
        self.check(seconds.line, time.map_err(none))
    }

    fn group(&mut self, name: Spanned<String>, raw: &RawGroup) -> Option<Group> {
        Some(Group {
            name: self.name(name)?,
            strategy: match raw.strategy {
                RawStrategy::OneForOne => Strategy::OneForOne,
                RawStrategy::OneForAll => Strategy::OneForAll,
                RawStrategy::RestForOne => Strategy::RestForOne,
            },
            in_order: raw.in_order,
        })
    }
}

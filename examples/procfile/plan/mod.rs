//! What a file says should run: read, and checked before anything is started.

mod check;
mod fault;
mod line;
mod machine;
mod placed;
mod procfile;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::time::Duration;

use perennial::process::Signal;
use perennial::{Name, Restart, Strategy};

pub(crate) use self::fault::BadFile;
use self::fault::{Fault, What};
use self::line::Run;
use self::placed::Placed;

/// Programs, in the order of the file, and the groups that some of them form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) programs: Vec<Program>,
    groups: Vec<Group>,
}

/// One program, with all that the file says of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(crate) name: Placed<Name>,
    pub(crate) command: Placed<Run>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) env_clean: bool,
    /// The folder of the file.
    folder: PathBuf,
    pub(crate) cwd: Option<Placed<PathBuf>>,
    pub(crate) restart: Restart,
    pub(crate) ready: Ready,
    pub(crate) ready_timeout: Option<Duration>,
    after: Vec<Placed<Name>>,
    group: Option<Placed<Name>>,
    pub(crate) stop: Vec<Step>,
}

/// When a program counts as started.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Ready {
    /// It runs.
    #[default]
    Spawned,
    /// It has written a line with this text.
    Line(String),
    /// It has written a byte to its descriptor 3.
    Descriptor,
    /// It accepts connections at this port of this host.
    Port(Placed<u16>),
}

/// A signal, and how long it is given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) signal: Signal,
    pub(crate) wait: Duration,
}

/// Programs that share their fate.
#[derive(Clone, Debug, PartialEq)]
struct Group {
    name: Placed<Name>,
    strategy: Strategy,
    in_order: bool,
}

/// What is started together: a group, or a program that is in none. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    pub(crate) group: Option<Together>,
    pub(crate) programs: Vec<Program>,
}

/// How the programs of a unit hang together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Together {
    pub(crate) name: Name,
    pub(crate) strategy: Strategy,
    pub(crate) in_order: bool,
}

impl Plan {
    /// Reads a file, and finds all that is wrong in it by itself.
    pub(crate) fn read(file: &Path) -> Result<Self, BadFile> {
        let bad = |faults| BadFile::new(file, faults);
        let text = read_text(file).map_err(|fault| bad(vec![fault]))?;
        let is_toml = file
            .extension()
            .is_some_and(|extension| extension == "toml");
        let read = if is_toml {
            table::read(&text)
        } else {
            procfile::read(&text)
        };
        let mut plan = read.map_err(bad)?;
        let folder = folder(file).map_err(|error| bad(vec![What::Unreadable(error).at(0)]))?;
        for program in &mut plan.programs {
            program.folder.clone_from(&folder);
        }
        match check::faults(&plan) {
            faults if faults.is_empty() => Ok(plan),
            faults => Err(bad(faults)),
        }
    }

    /// Finds what this machine does not have that these programs need. The ports that are ours will
    /// be free.
    pub(crate) fn check_machine<'a>(
        file: &Path,
        units: impl IntoIterator<Item = &'a Arc<Unit>>,
        ours: &BTreeSet<u16>,
    ) -> Result<(), BadFile> {
        let programs = units.into_iter().flat_map(|unit| &unit.programs);
        let faults = programs.flat_map(|program| machine::faults(program, ours));
        let faults: Vec<Fault> = faults.collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(BadFile::new(file, faults))
        }
    }

    /// What is started together, in the order of the first program of each.
    pub(crate) fn units(&self) -> Vec<Arc<Unit>> {
        let mut units = Vec::<Unit>::new();
        for program in &self.programs {
            let group = self.group_of(program);
            let mut grouped = units.iter_mut().filter(|unit| unit.group.is_some());
            match grouped.find(|unit| unit.group == group) {
                Some(unit) => unit.programs.push(program.clone()),
                None => units.push(Unit {
                    group,
                    programs: vec![program.clone()],
                }),
            }
        }
        units.into_iter().map(Arc::new).collect()
    }

    fn group_of(&self, program: &Program) -> Option<Together> {
        let name = &program.group.as_ref()?.value;
        let group = self.groups.iter().find(|group| group.name.value == *name)?;
        Some(Together {
            name: name.clone(),
            strategy: group.strategy,
            in_order: group.in_order,
        })
    }
}

/// The text of a file, which may begin with a mark that editors leave there.
fn read_text(file: &Path) -> Result<String, Fault> {
    let bytes = fs::read(file).map_err(|error| What::Unreadable(error).at(0))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let (good, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = good.split(|byte| *byte == b'\n').count();
        What::NoText.at(line)
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// The folder of a file, wherever we are.
fn folder(file: &Path) -> io::Result<PathBuf> {
    let file = absolute(file)?;
    Ok(file.parent().unwrap_or(&file).to_owned())
}

impl Program {
    /// Where it runs.
    pub(crate) fn directory(&self) -> PathBuf {
        match &self.cwd {
            Some(cwd) => self.folder.join(&cwd.value),
            None => self.folder.clone(),
        }
    }
}

impl Unit {
    /// That of the group, or of the program.
    pub(crate) fn name(&self) -> &Name {
        let group = self.group.as_ref().map(|together| &together.name);
        group.unwrap_or(&self.programs[0].name.value)
    }

    /// Whose turn is before that of this.
    pub(crate) fn after(&self) -> BTreeSet<&Name> {
        let after = self.programs.iter().flat_map(|program| &program.after);
        after.map(|placed| &placed.value).collect()
    }

    /// The ports at which its programs accept connections.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.programs
            .iter()
            .filter_map(|program| match &program.ready {
                Ready::Port(port) => Some(port.value),
                Ready::Spawned | Ready::Line(_) | Ready::Descriptor => None,
            })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.programs.iter().map(|program| &program.name.value)
    }
}

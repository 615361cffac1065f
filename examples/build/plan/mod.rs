//! What a build file says: read, and checked before anything is done.

mod check;
mod fault;
#[path = "../../procfile/plan/placed.rs"]
mod placed;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf, absolute};

pub(crate) use self::fault::{BadFile, Fault, What};
pub(crate) use self::placed::Placed;

/// Targets, each after those that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The file, as it was called.
    pub(crate) file: PathBuf,
    /// Its folder, where all paths begin.
    pub(crate) folder: PathBuf,
    pub(crate) targets: Vec<Target>,
    /// Which target makes a path.
    makers: HashMap<PathBuf, usize>,
}

/// One target, with all that the file says of it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// The program and its arguments. Never empty.
    pub(crate) command: Vec<String>,
    /// Where it runs.
    pub(crate) cwd: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) inputs: Vec<Placed<PathBuf>>,
    /// Never empty.
    pub(crate) outputs: Vec<Placed<PathBuf>>,
    /// Where the command says what else it has read.
    pub(crate) depfile: Option<PathBuf>,
    depends: Vec<Placed<String>>,
    /// The targets that it needs, by place.
    pub(crate) needs: BTreeSet<usize>,
}

impl Plan {
    /// Reads a file that is called so from this folder.
    pub(crate) fn read(from: &Path, file: &Path) -> Result<Self, BadFile> {
        let bad = |faults| BadFile::new(file, faults);
        let place = from.join(file);
        let text = read_text(&place).map_err(|fault| bad(vec![fault]))?;
        let targets = table::read(&text).map_err(bad)?;
        let folder = folder(&place).map_err(|error| bad(vec![What::Unreadable(error).at(0)]))?;
        let (targets, makers) = check::in_order(targets).map_err(bad)?;
        Ok(Self {
            file: file.to_owned(),
            folder,
            targets,
            makers,
        })
    }

    /// The target that makes a path.
    pub(crate) fn maker(&self, path: &Path) -> Option<usize> {
        self.makers.get(path).copied()
    }

    /// The targets of these names; if there are none, those that no other target needs.
    pub(crate) fn find(&self, names: &[String]) -> Result<Vec<usize>, BadFile> {
        if names.is_empty() {
            let needed: BTreeSet<_> = self.targets.iter().flat_map(|one| &one.needs).collect();
            let all = 0..self.targets.len();
            return Ok(all.filter(|target| !needed.contains(target)).collect());
        }
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        for name in names {
            match self.targets.iter().position(|one| one.name == *name) {
                Some(target) => found.push(target),
                None => faults.push(What::NoTarget { name: name.clone() }.at(0)),
            }
        }
        if faults.is_empty() {
            Ok(found)
        } else {
            Err(BadFile::new(&self.file, faults))
        }
    }

    /// These targets and all that they need, each after those that it needs.
    pub(crate) fn closure(&self, roots: &[usize]) -> BTreeSet<usize> {
        let (mut all, mut opened) = (BTreeSet::new(), roots.to_vec());
        while let Some(target) = opened.pop() {
            if all.insert(target) {
                opened.extend(&self.targets[target].needs);
            }
        }
        all
    }
}

/// The text of a file.
fn read_text(file: &Path) -> Result<String, Fault> {
    let bytes = fs::read(file).map_err(|error| What::Unreadable(error).at(0))?;
    String::from_utf8(bytes).map_err(|error| {
        let (good, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = good.split(|byte| *byte == b'\n').count();
        What::NoText.at(line)
    })
}

/// The folder of a file, by its one name.
fn folder(file: &Path) -> io::Result<PathBuf> {
    let file = absolute(file)?;
    file.parent().unwrap_or(&file).canonicalize()
}

/// A path without detours. Links are not followed, so that it is the same on any machine.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match (part, tidy.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                tidy.pop();
            }
            _ => tidy.push(part),
        }
    }
    tidy
}

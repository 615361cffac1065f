//! What is remembered of files and commands, so that what has not changed is not read again.
//!
//! - Of a file, its digest by its [`Stamp`].
//! - Of a command that writes a depfile, what it has read. That is part of what it makes things of,
//!   and known only afterwards. So what it makes is called by a name that is remembered for the
//!   state of all that it has read; when the state is a new one, the name is one that never was.

mod log;
mod stamp;

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use perennial::solver::Identity;
use perennial::store::Digest;

use self::log::{Hex, Log, Record};
pub(crate) use self::stamp::Stamp;

/// How many states are remembered of a command, the newest ones.
const NAMES_MAX: usize = 16;
/// How many names of what is not made yet are remembered: with another one, it is made twice.
const PENDING_MAX: usize = 10_000;
/// How many aliases are remembered: without one, what it stands for is looked at again.
const ALIASES_MAX: usize = 100_000;
/// How many records a log may have beyond three times what is remembered.
const STALE_MAX: usize = 1000;

/// The memory of a server, in a file.
#[derive(Debug)]
pub(crate) struct Memory {
    known: Mutex<Known>,
    /// What names that never were begin with.
    unique: Digest,
}

/// A path that has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathId(u32);

/// What a file is now.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: Arc<Path>,
    pub(crate) stamp: Stamp,
    pub(crate) digest: Digest,
    /// That of its path and its contents: a header is a part of many states.
    pub(crate) part: Digest,
}

/// What a command has made of what it read.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// Which command.
    pub(crate) recipe: Digest,
    /// What it has read besides its inputs.
    pub(crate) read: Arc<[PathId]>,
    /// The state of its inputs and of that.
    pub(crate) state: Digest,
    /// The name of what came of it.
    pub(crate) name: Digest,
}

#[derive(Debug)]
struct Known {
    log: Log,
    paths: Vec<Arc<Path>>,
    ids: HashMap<Arc<Path>, PathId>,
    files: HashMap<PathId, (Stamp, Digest)>,
    recipes: HashMap<Digest, Recipe>,
    /// Which key of the solver stands for which.
    aliases: HashMap<Digest, Digest>,
    /// The names of what is not made yet, by recipe and state.
    pending: HashMap<(Digest, Digest), Digest>,
}

/// What is remembered of a command.
#[derive(Debug, Default)]
struct Recipe {
    read: Arc<[PathId]>,
    /// States and names, the newest last.
    names: VecDeque<(Digest, Digest)>,
}

impl Memory {
    /// Opens the memory in this file. Nobody else has it open.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        let (mut records, mut count) = (Facts::default(), 0);
        let log = Log::open(file, |record| {
            records.take(record);
            count += 1;
        })?;
        let mut known = records.into_known(log);
        let live: Vec<_> = known.records().collect();
        if count > 3 * live.len() + STALE_MAX {
            known.log = Log::replace(file, live.into_iter())?;
        }
        let mut unique = Identity::new("unique");
        unique.add(format!("{:?}", SystemTime::now()));
        unique.add(process::id().to_le_bytes());
        Ok(Self {
            known: Mutex::new(known),
            unique: unique.digest(),
        })
    }

    /// The number of a path.
    pub(crate) fn id(&self, path: &Path) -> io::Result<PathId> {
        self.lock().id(path)
    }

    /// The path of a number.
    pub(crate) fn path(&self, id: PathId) -> Arc<Path> {
        self.lock().paths[id.0 as usize].clone()
    }

    /// Looks at a file; it is read, and counted among those, only if it is not what it was.
    pub(crate) fn look(&self, id: PathId, files_read: &mut usize) -> io::Result<Seen> {
        let path = self.path(id);
        let stamp = Stamp::of(&path)?;
        let remembered = self.lock().files.get(&id).copied();
        if let Some((of, digest)) = remembered
            && of == stamp
        {
            return Ok(Seen::new(path, stamp, digest));
        }
        *files_read += 1;
        let began = SystemTime::now();
        let digest = Digest::of(&fs::read(&path)?);
        let after = Stamp::of(&path)?;
        // Otherwise it may have changed while it was read, or may change yet in the same tick.
        if after == stamp && stamp.is_settled(began) {
            self.remember(id, stamp, digest)?;
        }
        Ok(Seen::new(path, stamp, digest))
    }

    /// Remembers the contents of a file of which it is known that nobody else writes to it.
    pub(crate) fn remember(&self, id: PathId, stamp: Stamp, digest: Digest) -> io::Result<()> {
        let mut known = self.lock();
        known.files.insert(id, (stamp, digest));
        let (path, digest) = (id.0, Hex(digest));
        known.log.add(&[Record::File {
            path,
            stamp,
            digest,
        }])
    }

    /// What a command has read besides its inputs, the last time.
    pub(crate) fn read(&self, recipe: Digest) -> Arc<[PathId]> {
        let known = self.lock();
        let recipe = known.recipes.get(&recipe);
        recipe.map_or_else(Default::default, |recipe| recipe.read.clone())
    }

    /// The name of what a command makes of a state: the one of before, or one that never was.
    pub(crate) fn name(&self, recipe: Digest, state: Digest) -> Digest {
        let mut known = self.lock();
        let made = known.recipes.get(&recipe);
        let made = made.and_then(|made| made.names.iter().find(|(of, _)| *of == state));
        if let Some((_, name)) = made {
            return *name;
        }
        if known.pending.len() >= PENDING_MAX {
            known.pending.clear();
        }
        let next = known.pending.len();
        *known.pending.entry((recipe, state)).or_insert_with(|| {
            let mut name = Identity::new("never was");
            name.add(self.unique.as_bytes());
            name.add(format!("{:?}", SystemTime::now()));
            name.add(next.to_le_bytes());
            name.add(recipe.as_bytes()).add(state.as_bytes());
            name.digest()
        })
    }

    /// Remembers what a command has made; it was begun with this state.
    pub(crate) fn learn(&self, made: &Made, begun_with: Digest) -> io::Result<()> {
        let mut known = self.lock();
        known.pending.remove(&(made.recipe, begun_with));
        known.learn(made);
        known.log.add(&[made.record()])
    }

    /// Which digest another one was said to stand for.
    pub(crate) fn alias(&self, of: Digest) -> Option<Digest> {
        self.lock().aliases.get(&of).copied()
    }

    /// Remembers that one digest stands for another.
    pub(crate) fn set_alias(&self, of: Digest, to: Digest) -> io::Result<()> {
        let mut known = self.lock();
        if known.aliases.len() >= ALIASES_MAX {
            known.aliases.clear();
        }
        known.aliases.insert(of, to);
        let (of, to) = (Hex(of), Hex(to));
        known.log.add(&[Record::Alias { of, to }])
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn new(path: Arc<Path>, stamp: Stamp, digest: Digest) -> Self {
        let mut part = Identity::new("file");
        part.add(path.as_os_str().as_encoded_bytes());
        part.add(digest.as_bytes());
        Self {
            path,
            stamp,
            digest,
            part: part.digest(),
        }
    }
}

/// What a log says, as far as it was read.
#[derive(Default)]
struct Facts {
    paths: Vec<PathBuf>,
    files: HashMap<PathId, (Stamp, Digest)>,
    aliases: HashMap<Digest, Digest>,
    made: Vec<Made>,
}

impl Facts {
    /// Takes a record, unless it speaks of paths that have no number.
    fn take(&mut self, record: Record) {
        let count = self.paths.len();
        let is_known = |path: &u32| (*path as usize) < count;
        match record {
            Record::Path(path) => self.paths.push(path),
            Record::File {
                path,
                stamp,
                digest,
            } if is_known(&path) => {
                self.files.insert(PathId(path), (stamp, digest.0));
            }
            Record::Made {
                recipe,
                read,
                state,
                name,
            } if read.iter().all(is_known) => self.made.push(Made {
                recipe: recipe.0,
                read: read.into_iter().map(PathId).collect(),
                state: state.0,
                name: name.0,
            }),
            Record::Alias { of, to } => {
                self.aliases.insert(of.0, to.0);
            }
            Record::File { .. } | Record::Made { .. } => {}
        }
    }

    fn into_known(self, log: Log) -> Known {
        let paths: Vec<Arc<Path>> = self.paths.into_iter().map(Into::into).collect();
        let ids = paths.iter().cloned().zip((0..).map(PathId)).collect();
        let mut known = Known {
            log,
            paths,
            ids,
            files: self.files,
            recipes: HashMap::new(),
            aliases: self.aliases,
            pending: HashMap::new(),
        };
        self.made.iter().for_each(|made| known.learn(made));
        known
    }
}

impl Known {
    fn id(&mut self, path: &Path) -> io::Result<PathId> {
        if let Some(id) = self.ids.get(path) {
            return Ok(*id);
        }
        let full = |_| io::Error::other("there are too many files");
        let id = PathId(u32::try_from(self.paths.len()).map_err(full)?);
        self.log.add(&[Record::Path(path.to_owned())])?;
        let path: Arc<Path> = path.into();
        self.paths.push(path.clone());
        self.ids.insert(path, id);
        Ok(id)
    }

    fn learn(&mut self, made: &Made) {
        let recipe = self.recipes.entry(made.recipe).or_default();
        recipe.read = made.read.clone();
        recipe.names.retain(|(state, _)| *state != made.state);
        recipe.names.push_back((made.state, made.name));
        if recipe.names.len() > NAMES_MAX {
            recipe.names.pop_front();
        }
    }

    /// All that is remembered, in an order in which it can be read.
    fn records(&self) -> impl Iterator<Item = Record> {
        let paths = self.paths.iter();
        let paths = paths.map(|path| Record::Path(path.to_path_buf()));
        let files = self.files.iter();
        let files = files.map(|(path, (stamp, digest))| Record::File {
            path: path.0,
            stamp: *stamp,
            digest: Hex(*digest),
        });
        let made = self.recipes.iter().flat_map(|(recipe, made)| {
            made.names.iter().map(|(state, name)| {
                let made = Made {
                    recipe: *recipe,
                    read: made.read.clone(),
                    state: *state,
                    name: *name,
                };
                made.record()
            })
        });
        let aliases = self.aliases.iter();
        let aliases = aliases.map(|(of, to)| Record::Alias {
            of: Hex(*of),
            to: Hex(*to),
        });
        paths.chain(files).chain(made).chain(aliases)
    }
}

impl Made {
    fn record(&self) -> Record {
        Record::Made {
            recipe: Hex(self.recipe),
            read: self.read.iter().map(|id| id.0).collect(),
            state: Hex(self.state),
            name: Hex(self.name),
        }
    }
}

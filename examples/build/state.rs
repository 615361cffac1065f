//! What a target is made of when a job begins: from a plan to a graph of vertices.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perennial::solver::{Edge, Identity, Input, Output, Vertex};
use perennial::store::Digest;

use crate::artifacts::Artifacts;
use crate::make::Make;
use crate::memory::{PathId, Seen};
use crate::plan::{BadFile, Fault, Plan, Target, What};
use crate::workplace::Workplace;

/// A graph for the solver.
pub(crate) struct Graph {
    /// What is to be built.
    pub(crate) roots: Vec<Edge<Artifacts>>,
    /// The target of each vertex.
    pub(crate) targets: HashMap<Digest, usize>,
    /// How many files were read to know what they are.
    pub(crate) files_read: usize,
}

/// Makes the graph.
struct Grapher<'a> {
    workplace: &'a Arc<Workplace>,
    plan: &'a Arc<Plan>,
    path: &'a Arc<str>,
    /// What each file is, looked at once.
    seen: HashMap<PathId, Option<Arc<Seen>>>,
    vertices: HashMap<usize, Vertex<Artifacts>>,
    files_read: usize,
    faults: Vec<Fault>,
}

impl Graph {
    /// Looks at all that these targets are made of.
    pub(crate) fn new(
        workplace: &Arc<Workplace>,
        plan: &Arc<Plan>,
        path: &Arc<str>,
        roots: &[usize],
    ) -> Result<Self, BadFile> {
        let mut grapher = Grapher {
            workplace,
            plan,
            path,
            seen: HashMap::new(),
            vertices: HashMap::new(),
            files_read: 0,
            faults: Vec::new(),
        };
        for target in plan.closure(roots) {
            grapher.add(target);
        }
        let Grapher {
            vertices,
            files_read,
            faults,
            ..
        } = grapher;
        if !faults.is_empty() {
            return Err(BadFile::new(&plan.file, faults));
        }
        let roots = roots.iter().map(|target| vertices[target].output(0));
        let targets = vertices.iter();
        Ok(Self {
            roots: roots.collect(),
            targets: targets.map(|(at, vertex)| (vertex.digest(), *at)).collect(),
            files_read,
        })
    }
}

impl Grapher<'_> {
    /// Adds a target; those that it needs are there.
    fn add(&mut self, at: usize) {
        let target = &self.plan.targets[at];
        let sources = self.sources(target);
        let recipe = recipe(self.plan, target, self.path);
        let (read, state) = self.read(recipe, &sources);
        let name = match target.depfile {
            Some(_) => self.workplace.memory.name(recipe, state),
            None => state,
        };
        let make = Make {
            workplace: self.workplace.clone(),
            plan: self.plan.clone(),
            target: at,
            path: self.path.clone(),
            recipe,
            sources,
            read,
            state,
            name,
        };
        let needs = target.needs.iter().map(|needed| {
            let input = Input::from(self.vertices[needed].output(0));
            input.content(|output: Output<Artifacts>| async move { Ok(output.digest()) })
        });
        let vertex = Vertex::builder(&*target.name, make).inputs(needs).build();
        self.vertices.insert(at, vertex);
    }

    /// The inputs that no target makes.
    fn sources(&mut self, target: &Target) -> Vec<Arc<Seen>> {
        let mut sources = Vec::new();
        for input in &target.inputs {
            if self.plan.maker(&input.value).is_some() {
                continue;
            }
            match self.look_at(&input.value) {
                Ok(seen) => sources.push(seen),
                Err(source) => {
                    let (target, path) = (target.name.clone(), input.value.clone());
                    self.faults
                        .push(unread(target, path, source).at(input.line));
                }
            }
        }
        sources
    }

    fn look_at(&mut self, path: &Path) -> io::Result<Arc<Seen>> {
        let id = self.workplace.memory.id(&self.plan.folder.join(path))?;
        if let Some(Some(seen)) = self.seen.get(&id) {
            return Ok(seen.clone());
        }
        let seen = self.workplace.memory.look(id, &mut self.files_read)?;
        let seen = Arc::new(seen);
        self.seen.insert(id, Some(seen.clone()));
        Ok(seen)
    }

    /// What a command has read the last time, as it is now, and the state of all.
    fn read(&mut self, recipe: Digest, sources: &[Arc<Seen>]) -> (Vec<Arc<Seen>>, Digest) {
        let memory = &self.workplace.memory;
        let read = memory.read(recipe);
        let read: Vec<_> = read
            .iter()
            .map(|id| {
                let seen = self.seen.entry(*id).or_insert_with(|| {
                    // One that is gone is a change like others: the command will say what it is.
                    memory.look(*id, &mut self.files_read).ok().map(Arc::new)
                });
                seen.clone()
            })
            .collect();
        let state = state_of(
            sources.iter().map(|seen| &**seen),
            read.iter().map(|seen| seen.as_deref()),
        );
        (read.into_iter().flatten().collect(), state)
    }
}

fn unread(target: String, input: PathBuf, source: io::Error) -> What {
    if source.kind() == io::ErrorKind::NotFound {
        return What::NoInput { target, input };
    }
    What::BadInput {
        target,
        input,
        source,
    }
}

/// All that makes a target what it is, but for what it reads.
fn recipe(plan: &Plan, target: &Target, path: &str) -> Digest {
    let mut recipe = Identity::new("recipe");
    let mut add = |words: Vec<&[u8]>| {
        recipe.add(words.len().to_le_bytes());
        for word in words {
            recipe.add(word);
        }
    };
    add(vec![
        bytes(&plan.folder),
        bytes(&target.cwd),
        path.as_bytes(),
    ]);
    add(target.command.iter().map(String::as_bytes).collect());
    let env = target.env.iter().flat_map(|(name, value)| [name, value]);
    add(env.map(String::as_bytes).collect());
    let outputs = target.outputs.iter();
    add(outputs.map(|output| bytes(&output.value)).collect());
    add(target.depfile.iter().map(|path| bytes(path)).collect());
    recipe.digest()
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The digest of files by their contents: inputs, and what else was read, some of which may be
/// gone.
pub(crate) fn state_of<'a>(
    sources: impl Iterator<Item = &'a Seen>,
    read: impl Iterator<Item = Option<&'a Seen>>,
) -> Digest {
    let mut state = Identity::new("state");
    for seen in sources.map(Some).chain([None]).chain(read) {
        match seen {
            Some(seen) => state.add(seen.part.as_bytes()),
            None => state.add("none"),
        };
    }
    state.digest()
}

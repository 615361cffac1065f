//! Who hears of what: from an execution to the vertices that share it, and from those to the jobs
//! that have them. Plain data, three layers and no cycle.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::mem;
use std::sync::Arc;

use foldhash::fast::RandomState;
use slab::Slab;

use super::event::{JobEventKind, VertexState, note_status};
use super::feed::Feed;
use crate::store::Digest;

/// How many log lines and warnings of a run are told to those who join it late.
const LINES_MAX: usize = 100;

/// The tables. What is in them has its place until it is removed.
#[derive(Default)]
pub(super) struct Journal {
    feeds: Slab<FeedEntry>,
    vertices: Slab<VertexEntry>,
    executions: Slab<ExecutionEntry>,
}

struct FeedEntry {
    feed: Arc<Feed>,
    vertices: HashSet<usize, RandomState>,
}

struct VertexEntry {
    digest: Digest,
    name: Arc<str>,
    inputs: Arc<[Digest]>,
    feeds: Vec<usize>,
    execution: Option<usize>,
    /// What was told before there was an execution: warnings, and why it has failed.
    warnings: Vec<JobEventKind>,
    failed: Option<JobEventKind>,
}

#[derive(Default)]
struct ExecutionEntry {
    vertices: Vec<usize>,
    /// The vertices of its sub-builds: who has a vertex of it has them, too.
    below: BTreeSet<usize>,
    story: Story,
}

/// What there is to tell of the present run.
#[derive(Default)]
struct Story {
    /// What a run tells before it starts its operation: of stores that fail.
    before: VecDeque<JobEventKind>,
    started: Option<JobEventKind>,
    /// The newest of each id.
    statuses: Vec<(Arc<str>, JobEventKind)>,
    lines: VecDeque<JobEventKind>,
    /// How it is, if it is not running.
    last: Option<JobEventKind>,
}

impl Journal {
    pub(super) fn add_feed(&mut self, feed: Arc<Feed>) -> usize {
        let vertices = HashSet::default();
        self.feeds.insert(FeedEntry { feed, vertices })
    }

    pub(super) fn add_vertex(
        &mut self,
        digest: Digest,
        name: Arc<str>,
        inputs: Arc<[Digest]>,
    ) -> usize {
        self.vertices.insert(VertexEntry {
            digest,
            name,
            inputs,
            feeds: Vec::new(),
            execution: None,
            warnings: Vec::new(),
            failed: None,
        })
    }

    pub(super) fn add_execution(&mut self) -> usize {
        self.executions.insert(ExecutionEntry::default())
    }

    /// A job is through: it hears no more.
    pub(super) fn remove_feed(&mut self, feed: usize) {
        for vertex in self.feeds.remove(feed).vertices {
            self.vertices[vertex].feeds.retain(|one| *one != feed);
        }
    }

    pub(super) fn remove_vertex(&mut self, vertex: usize) {
        let entry = self.vertices.remove(vertex);
        for feed in entry.feeds {
            self.feeds[feed].vertices.remove(&vertex);
        }
        if let Some(execution) = entry.execution {
            let joined = &mut self.executions[execution].vertices;
            joined.retain(|one| *one != vertex);
        }
    }

    /// Nobody has it any more: its vertices are gone, or about to go.
    pub(super) fn remove_execution(&mut self, execution: usize) {
        for vertex in self.executions.remove(execution).vertices {
            self.vertices[vertex].execution = None;
        }
    }

    /// A job has a vertex, and what the sub-builds of that have built: it hears what there is to
    /// tell, and what comes.
    pub(super) fn attach(&mut self, feed: usize, vertex: usize) {
        let mut vertices = vec![vertex];
        while let Some(vertex) = vertices.pop() {
            if !self.feeds[feed].vertices.insert(vertex) {
                continue;
            }
            self.vertices[vertex].feeds.push(feed);
            self.replay(feed, vertex);
            if let Some(execution) = self.vertices[vertex].execution {
                vertices.extend(&self.executions[execution].below);
            }
        }
    }

    /// Whether a job has a vertex.
    pub(super) fn is_attached(&self, feed: usize, vertex: usize) -> bool {
        self.feeds[feed].vertices.contains(&vertex)
    }

    /// A vertex shares an execution from now on: its jobs hear what there is to tell of that.
    pub(super) fn join(&mut self, vertex: usize, execution: usize) {
        self.vertices[vertex].execution = Some(execution);
        // That was in passing.
        self.vertices[vertex].failed = None;
        self.executions[execution].vertices.push(vertex);
        let feeds = self.vertices[vertex].feeds.clone();
        let below = self.executions[execution].below.clone();
        for feed in feeds {
            self.replay_story(feed, vertex);
            for below in &below {
                self.attach(feed, *below);
            }
        }
    }

    /// An execution has a sub-build with this vertex.
    pub(super) fn adopt(&mut self, execution: usize, vertex: usize) {
        if !self.executions[execution].below.insert(vertex) {
            return;
        }
        for feed in self.feeds_of(execution) {
            self.attach(feed, vertex);
        }
    }

    /// A run of an execution begins, and looks for a result first.
    pub(super) fn begin(&mut self, execution: usize) {
        self.executions[execution].story.begin();
    }

    /// Tells what happened to an execution.
    pub(super) fn tell(&mut self, execution: usize, kind: JobEventKind) {
        let entry = &mut self.executions[execution];
        entry.story.note(&kind);
        for vertex in &entry.vertices {
            self.vertices[*vertex].tell(&self.feeds, &kind);
        }
    }

    /// Tells that a vertex has failed before it had an execution.
    pub(super) fn tell_failed(&mut self, vertex: usize, error: Arc<str>) {
        let kind = JobEventKind::Failed { error };
        self.vertices[vertex].tell(&self.feeds, &kind);
        self.vertices[vertex].failed = Some(kind);
    }

    /// Tells a warning of a vertex, whether it has an execution or not.
    pub(super) fn warn(&mut self, vertex: usize, text: Arc<str>) {
        let kind = JobEventKind::Warning { text };
        match self.vertices[vertex].execution {
            Some(execution) => self.tell(execution, kind),
            None => {
                let entry = &mut self.vertices[vertex];
                entry.tell(&self.feeds, &kind);
                if entry.warnings.len() < LINES_MAX {
                    entry.warnings.push(kind);
                }
            }
        }
    }

    /// The jobs that have a vertex, each once.
    pub(super) fn jobs_of_vertex(&self, vertex: usize) -> Vec<Arc<Feed>> {
        let feeds = match self.vertices[vertex].execution {
            Some(execution) => self.feeds_of(execution),
            None => self.vertices[vertex].feeds.clone(),
        };
        let feeds = feeds.into_iter().map(|feed| self.feeds[feed].feed.clone());
        feeds.collect()
    }

    /// How many jobs have a vertex.
    pub(super) fn watchers(&self, vertex: usize) -> usize {
        self.vertices[vertex].feeds.len()
    }

    /// What a vertex is called, and how it is.
    pub(super) fn state(&self, vertex: usize) -> VertexState {
        let entry = &self.vertices[vertex];
        let execution = entry.execution.map(|key| &self.executions[key]);
        match (execution, &entry.failed) {
            (Some(execution), _) => execution.story.state(),
            (None, Some(_)) => VertexState::Failed,
            (None, None) => VertexState::Declared,
        }
    }

    fn feeds_of(&self, execution: usize) -> Vec<usize> {
        let vertices = self.executions[execution].vertices.iter();
        let feeds = vertices.flat_map(|vertex| &self.vertices[*vertex].feeds);
        let mut seen = HashSet::<_, RandomState>::default();
        feeds.copied().filter(|feed| seen.insert(*feed)).collect()
    }

    fn replay(&self, feed: usize, vertex: usize) {
        let entry = &self.vertices[vertex];
        let (name, inputs) = (entry.name.clone(), entry.inputs.clone());
        let declared = JobEventKind::Declared { name, inputs };
        self.feeds[feed].feed.push(entry.digest, declared);
        for kind in entry.warnings.iter().chain(&entry.failed) {
            self.feeds[feed].feed.push(entry.digest, kind.clone());
        }
        self.replay_story(feed, vertex);
    }

    fn replay_story(&self, feed: usize, vertex: usize) {
        let entry = &self.vertices[vertex];
        if let Some(execution) = entry.execution {
            for kind in self.executions[execution].story.events() {
                self.feeds[feed].feed.push(entry.digest, kind.clone());
            }
        }
    }
}

impl VertexEntry {
    fn tell(&self, feeds: &Slab<FeedEntry>, kind: &JobEventKind) {
        for feed in &self.feeds {
            feeds[*feed].feed.push(self.digest, kind.clone());
        }
    }
}

impl Story {
    /// How it was stays until something else is known.
    fn begin(&mut self) {
        self.before.clear();
        self.lines.clear();
        self.statuses.clear();
    }

    fn note(&mut self, kind: &JobEventKind) {
        match kind {
            JobEventKind::Started { .. } => {
                *self = Self {
                    before: mem::take(&mut self.lines),
                    started: Some(kind.clone()),
                    ..Self::default()
                };
            }
            JobEventKind::Status { id, .. } => {
                let status = (id.clone(), kind.clone());
                note_status(&mut self.statuses, status, |(of, _)| of == id);
            }
            JobEventKind::Log { .. } | JobEventKind::Warning { .. } => {
                if self.lines.len() == LINES_MAX {
                    self.lines.pop_front();
                }
                self.lines.push_back(kind.clone());
            }
            JobEventKind::Cached { .. } => {
                *self = Self {
                    before: mem::take(&mut self.lines),
                    last: Some(kind.clone()),
                    ..Self::default()
                };
            }
            _ => self.last = Some(kind.clone()),
        }
    }

    fn events(&self) -> impl Iterator<Item = &JobEventKind> {
        let begun = self.before.iter().chain(&self.started).chain(&self.lines);
        let statuses = self.statuses.iter().map(|(_, status)| status);
        begun.chain(statuses).chain(&self.last)
    }

    fn state(&self) -> VertexState {
        let newest = self.last.as_ref().or(self.started.as_ref());
        let state = newest.and_then(JobEventKind::leads_to);
        state.unwrap_or_default()
    }
}

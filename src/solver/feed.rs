//! The log of one job: what its watchers read.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::event::{JobEvent, JobEventKind, Status, VertexState, note_status};
use crate::store::Digest;

/// What a job has told, and the values that its operations find.
pub(super) struct Feed {
    pub(super) id: Arc<str>,
    began: Instant,
    /// How many events are kept.
    events_max: usize,
    log: Mutex<Log>,
    values: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// Told when there is something to read.
    told: Notify,
}

#[derive(Default)]
struct Log {
    next: u64,
    /// What is kept, by number.
    events: BTreeMap<u64, JobEvent>,
    /// Where the newest status of each vertex and id is.
    statuses: HashMap<(Digest, Arc<str>), u64, RandomState>,
    /// How many events were dropped.
    dropped: u64,
    readers: Slab<Reader>,
    vertices: Vec<VertexSnapshot>,
    by_digest: HashMap<Digest, usize, RandomState>,
    ended: Option<Duration>,
}

struct Reader {
    next: u64,
    missed: u64,
}

/// What a job looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobSnapshot {
    /// The job's id.
    pub id: Arc<str>,
    /// Its vertices, in the order in which they were declared.
    pub vertices: Vec<VertexSnapshot>,
    /// How long it took, if it is finished.
    pub took: Option<Duration>,
}

/// What a vertex of a job looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VertexSnapshot {
    /// Which it is.
    pub digest: Digest,
    /// Its name.
    pub name: Arc<str>,
    /// The vertices that its inputs are of.
    pub inputs: Arc<[Digest]>,
    /// How it is.
    pub state: VertexState,
    /// The number of its run, if it ran.
    pub run: Option<u64>,
    /// Why it has failed.
    pub error: Option<Arc<str>>,
    /// How far it is with what it has told of, the newest 100 things.
    pub statuses: Vec<Status>,
    /// Its warnings.
    pub warnings: u64,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watched {
    /// The next event.
    Event(JobEvent),
    /// So many events were dropped before they were read. What came of the vertices is in the
    /// [snapshot](super::JobWatch::snapshot).
    Lagged(u64),
}

impl Feed {
    pub(super) fn new(id: Arc<str>, events_max: usize) -> Self {
        Self {
            id,
            began: Instant::now(),
            events_max: events_max.max(1),
            log: Mutex::default(),
            values: Mutex::default(),
            told: Notify::new(),
        }
    }

    /// Adds an event, unless the job is finished.
    pub(super) fn push(&self, vertex: Digest, kind: JobEventKind) {
        let at = self.began.elapsed();
        let mut log = self.log.lock();
        if log.ended.is_some() {
            return;
        }
        log.note(vertex, &kind);
        log.collapse(vertex, &kind);
        let number = log.next;
        log.next += 1;
        let event = JobEvent {
            number,
            at,
            vertex,
            kind,
        };
        log.events.insert(number, event);
        if log.events.len() > self.events_max {
            log.drop_oldest();
        }
        drop(log);
        self.told.notify_waiters();
    }

    /// There will be no more, and nobody will look for values.
    pub(super) fn end(&self) {
        let took = self.began.elapsed();
        self.log.lock().ended.get_or_insert(took);
        self.told.notify_waiters();
        // Without the lock: their drop is code of the user's.
        let values = mem::take(&mut *self.values.lock());
        drop(values);
    }

    pub(super) fn snapshot(&self) -> JobSnapshot {
        self.log.lock().snapshot(&self.id)
    }

    pub(super) fn put_value(&self, value: Arc<dyn Any + Send + Sync>) {
        let before = self.values.lock().insert((*value).type_id(), value);
        drop(before);
    }

    pub(super) fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = self.values.lock().get(&TypeId::of::<T>()).cloned()?;
        value.downcast().ok()
    }

    pub(super) fn add_reader(&self) -> usize {
        let mut log = self.log.lock();
        let missed = log.dropped;
        log.readers.insert(Reader { next: 0, missed })
    }

    pub(super) fn remove_reader(&self, reader: usize) {
        self.log.lock().readers.remove(reader);
    }

    /// The snapshot, after which the reader goes on.
    pub(super) fn skip(&self, reader: usize) -> JobSnapshot {
        let mut log = self.log.lock();
        let next = log.next;
        log.readers[reader] = Reader { next, missed: 0 };
        log.snapshot(&self.id)
    }

    /// What comes next for a reader; `None` at the end.
    pub(super) async fn read(&self, reader: usize) -> Option<Watched> {
        loop {
            let told = self.told.notified();
            {
                let mut log = self.log.lock();
                if let Some(watched) = log.read(reader) {
                    return Some(watched);
                }
                if log.ended.is_some() {
                    return None;
                }
            }
            told.await;
        }
    }
}

impl Log {
    /// What the event changes of the vertex.
    fn note(&mut self, digest: Digest, kind: &JobEventKind) {
        if let JobEventKind::Declared { name, inputs } = kind {
            let declared = VertexSnapshot::new(digest, name, inputs);
            match self.by_digest.entry(digest) {
                Entry::Vacant(place) => {
                    place.insert(self.vertices.len());
                    self.vertices.push(declared);
                }
                // Another state of it: one that is made anew, or that has come back.
                Entry::Occupied(place) => self.vertices[*place.get()] = declared,
            }
            return;
        }
        let vertex = self.by_digest.get(&digest);
        if let Some(vertex) = vertex.and_then(|at| self.vertices.get_mut(*at)) {
            vertex.note(kind);
        }
    }

    /// Takes the status away that this one replaces.
    fn collapse(&mut self, vertex: Digest, kind: &JobEventKind) {
        if let JobEventKind::Status { id, .. } = kind
            && let Some(before) = self.statuses.insert((vertex, id.clone()), self.next)
        {
            self.events.remove(&before);
        }
    }

    fn drop_oldest(&mut self) {
        let Some((number, event)) = self.events.pop_first() else {
            return;
        };
        if let JobEventKind::Status { id, .. } = event.kind {
            self.statuses.remove(&(event.vertex, id));
        }
        self.dropped += 1;
        for (_, reader) in &mut self.readers {
            reader.missed += u64::from(reader.next <= number);
        }
    }

    fn read(&mut self, reader: usize) -> Option<Watched> {
        let reader = &mut self.readers[reader];
        if reader.missed > 0 {
            return Some(Watched::Lagged(mem::take(&mut reader.missed)));
        }
        let (number, event) = self.events.range(reader.next..).next()?;
        reader.next = number + 1;
        Some(Watched::Event(event.clone()))
    }

    fn snapshot(&self, id: &Arc<str>) -> JobSnapshot {
        JobSnapshot {
            id: id.clone(),
            vertices: self.vertices.clone(),
            took: self.ended,
        }
    }
}

impl VertexSnapshot {
    fn new(digest: Digest, name: &Arc<str>, inputs: &Arc<[Digest]>) -> Self {
        Self {
            digest,
            name: name.clone(),
            inputs: inputs.clone(),
            state: VertexState::Declared,
            run: None,
            error: None,
            statuses: Vec::new(),
            warnings: 0,
        }
    }

    fn note(&mut self, kind: &JobEventKind) {
        if let Some(state) = kind.leads_to() {
            self.state = state;
            self.error = None;
        }
        match kind {
            JobEventKind::Started { run } => {
                self.run = Some(*run);
                self.statuses.clear();
            }
            JobEventKind::Failed { error } => self.error = Some(error.clone()),
            JobEventKind::Warning { .. } => self.warnings += 1,
            JobEventKind::Status { id, done, total } => {
                let status = Status {
                    id: id.clone(),
                    done: *done,
                    total: *total,
                };
                note_status(&mut self.statuses, status, |of| of.id == *id);
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Feed").field(&self.id).finish()
    }
}

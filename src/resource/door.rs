//! The way from the last reference to the releaser, whether that stands or not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Pool;
use crate::resource::held::{Keeps, Ties, Whole};
use crate::resource::hooks::Hooks;
use crate::resource::live::Live;
use crate::resource::place::Place;
use crate::resource::record::{Record, Tracking};
use crate::resource::release::Release;
use crate::resource::shared::Shared;

/// Starts a release in the releaser's pool. Dropped, it releases at once.
pub(super) type Job = Box<dyn FnOnce(&Pool) + Send>;

/// What the references and the node of one releaser share.
pub(super) struct Door {
    tracking: Tracking,
    way: Mutex<Way>,
    register: Mutex<Register>,
    /// Told when nothing is registered any more.
    emptied: Notify,
}

/// Where a release goes.
struct Way {
    /// How often the node's code exists: while it does, the node may start.
    nodes: usize,
    leads: Leads,
}

enum Leads {
    /// Nobody will come: it is released at once.
    Nowhere,
    /// The node will start, or start again. One release for each resource.
    Waiting(Vec<Job>),
    /// The node runs.
    To(Pool),
}

/// The resources that are not released.
#[derive(Default)]
struct Register {
    opened: u64,
    live: BTreeMap<u64, Arc<Record>>,
}

/// That the code of a releaser's node exists.
pub(super) struct Presence(pub(super) Arc<Door>);

/// That a releaser's node runs.
pub(super) struct Serving(pub(super) Arc<Door>);

impl Door {
    pub(super) fn new(tracking: Tracking) -> Arc<Self> {
        Arc::new(Self {
            tracking,
            way: Mutex::new(Way {
                nodes: 0,
                leads: Leads::Nowhere,
            }),
            register: Mutex::default(),
            emptied: Notify::new(),
        })
    }

    /// Registers a resource, and gives the first reference to it.
    pub(super) fn admit<T: Release>(
        self: &Arc<Self>,
        name: Cow<'static, str>,
        value: T,
        keeps: Keeps,
        place: Place,
    ) -> Shared<T> {
        let within = value.release_within();
        let mut register = self.register.lock();
        register.opened += 1;
        let (record, mark) = Record::new(register.opened, name, self.tracking, place);
        let record = Arc::new(record);
        register.live.insert(record.id, record.clone());
        drop(register);
        let ties = Ties {
            record,
            door: self.clone(),
            outlet: OnceLock::new(),
            keeps,
        };
        let whole = Whole {
            value,
            within,
            hooks: Hooks::new(),
            ties,
        };
        Shared::new(Arc::new(whole), mark)
    }

    /// Strikes a resource off: it is released, or was taken out.
    pub(super) fn forget(&self, record: &Record) {
        let mut register = self.register.lock();
        let forgotten = register.live.remove(&record.id);
        let is_empty = register.live.is_empty();
        drop((register, forgotten));
        if is_empty {
            self.emptied.notify_waiters();
        }
    }

    /// Waits until nothing is registered.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.register.lock().live.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// What is not released.
    pub(super) fn live(&self) -> Vec<Live> {
        let records: Vec<_> = self.register.lock().live.values().cloned().collect();
        records.iter().map(|record| Live::of(record)).collect()
    }

    /// Has a release started, as soon as there is somebody for it.
    pub(super) fn give(&self, job: Job) {
        let mut way = self.way.lock();
        let pool = match &mut way.leads {
            Leads::Nowhere => None,
            Leads::Waiting(jobs) => {
                jobs.push(job);
                return;
            }
            Leads::To(pool) => Some(pool.clone()),
        };
        // A job runs or is dropped without the lock: it has code of the user's.
        drop(way);
        if let Some(pool) = pool {
            job(&pool);
        }
    }

    /// Lets releases into this pool, until the result is dropped; `None` if they go to another.
    pub(super) fn serve(self: &Arc<Self>, pool: &Pool) -> Option<Serving> {
        let mut way = self.way.lock();
        if matches!(way.leads, Leads::To(_)) {
            return None;
        }
        let before = mem::replace(&mut way.leads, Leads::To(pool.clone()));
        drop(way);
        let serving = Serving(self.clone());
        if let Leads::Waiting(jobs) = before {
            jobs.into_iter().for_each(|job| job(pool));
        }
        Some(serving)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut way = self.0.way.lock();
        let next = match way.nodes {
            0 => Leads::Nowhere,
            _ => Leads::Waiting(Vec::new()),
        };
        let pool = mem::replace(&mut way.leads, next);
        // Without the lock: it may be the last handle of its tree's.
        drop(way);
        drop(pool);
    }
}

impl Presence {
    pub(super) fn new(door: Arc<Door>) -> Self {
        let mut way = door.way.lock();
        way.nodes += 1;
        if matches!(way.leads, Leads::Nowhere) {
            way.leads = Leads::Waiting(Vec::new());
        }
        drop(way);
        Self(door)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut way = self.0.way.lock();
        way.nodes -= 1;
        let is_over = way.nodes == 0 && matches!(way.leads, Leads::Waiting(_));
        let waiting = is_over.then(|| mem::replace(&mut way.leads, Leads::Nowhere));
        // Without the lock.
        drop(way);
        drop(waiting);
    }
}

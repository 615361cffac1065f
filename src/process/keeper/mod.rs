//! The keeper: one thread that owns all programs from their start to their end.
//!
//! Nobody else reads their outputs, writes their inputs, or waits for them, so there is no order
//! of locks and no two views of what is alive. It is a thread and no task, because what it does
//! must be done when a runtime is dropped, too.
//!
//! Orders are unbounded in type and bounded by argument: one start and one frame at a time for each
//! program, one close for each writer's call, and as many stops as handles ask for.

mod frame;
mod kept;
mod poller;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};

pub(super) use self::frame::Frame;
pub(super) use self::kept::{Identity, Kept, Pipes};
use self::poller::{Event, Poller};
use super::table::Table;

/// How much is read from one output before another has its turn.
const CHUNK: usize = 64 * 1024;

/// What is asked of the keeper.
pub(super) enum Order {
    /// A program was started.
    Keep(Box<Kept>),
    /// Somebody wants an end, within this time if one is given.
    Stop { key: u64, within: Option<Duration> },
    /// Somebody writes.
    Write { key: u64, frame: Frame },
    /// Somebody has nothing more to write.
    CloseStdin { key: u64 },
}

/// Where orders go.
#[derive(Clone)]
pub(super) struct Keeper {
    orders: mpsc::Sender<Order>,
    bell: Arc<OwnedFd>,
}

impl Keeper {
    /// The keeper of this process, started when it is first asked for.
    pub(super) fn of_this_process() -> io::Result<Self> {
        static KEEPER: Mutex<Option<Keeper>> = Mutex::new(None);
        let mut keeper = KEEPER.lock();
        if let Some(keeper) = &*keeper {
            return Ok(keeper.clone());
        }
        Ok(keeper.insert(Self::start()?).clone())
    }

    fn start() -> io::Result<Self> {
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let poller = Poller::new(bell.clone())?;
        let (orders, received) = mpsc::channel();
        let name = "perennial-keeper".to_owned();
        thread::Builder::new().name(name).spawn(move || {
            block_signals();
            Keeping::new(poller, received).run();
        })?;
        Ok(Self { orders, bell })
    }

    pub(super) fn order(&self, order: Order) {
        // The keeper never returns.
        let _ = self.orders.send(order);
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }
}

/// Leaves all signals to the threads of our user. A broken pipe is an error then, too.
pub(super) fn block_signals() {
    let blocked = SigSet::all().thread_block();
    debug_assert!(blocked.is_ok(), "a set of all signals is valid");
}

/// The keeper's own side.
struct Keeping {
    poller: Poller,
    orders: mpsc::Receiver<Order>,
    kept: BTreeMap<u64, Kept>,
    /// When somebody has something to do without another fact.
    dues: BTreeSet<(Instant, u64)>,
    /// Whose group is to be looked at.
    looks: BTreeSet<u64>,
    buffer: Vec<u8>,
}

impl Keeping {
    fn new(poller: Poller, orders: mpsc::Receiver<Order>) -> Self {
        Self {
            poller,
            orders,
            kept: BTreeMap::new(),
            dues: BTreeSet::new(),
            looks: BTreeSet::new(),
            buffer: vec![0; CHUNK],
        }
    }

    fn run(mut self) {
        let mut events = Vec::new();
        loop {
            let first_due = self.dues.first().map(|(due, _)| *due);
            self.poller.wait(first_due, &mut events);
            for event in events.drain(..) {
                match event {
                    Event::Bell => self.obey(),
                    Event::Of(key, what) => {
                        self.with(key, |kept, poller, buffer| kept.heard(what, poller, buffer));
                    }
                }
            }
            self.do_what_is_due();
            self.look();
        }
    }

    fn obey(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Keep(kept) => {
                    let key = kept.key();
                    self.kept.insert(key, *kept);
                    self.with(key, |kept, poller, _| kept.begin(poller));
                }
                Order::Stop { key, within } => {
                    self.with(key, |kept, _, _| kept.stop(within));
                }
                Order::Write { key, frame } => {
                    // A frame for nobody is dropped, which tells its writer.
                    self.with(key, |kept, poller, _| kept.write(frame, poller));
                }
                Order::CloseStdin { key } => {
                    self.with(key, |kept, poller, _| kept.close_stdin_after_frame(poller));
                }
            }
        }
    }

    fn do_what_is_due(&mut self) {
        let now = Instant::now();
        while let Some((_, key)) = self.dues.first().filter(|(due, _)| *due <= now) {
            let key = *key;
            self.with(key, |kept, _, _| kept.due(now));
        }
    }

    /// Looks at all groups that are to be empty soon, with one look at the system's table.
    fn look(&mut self) {
        let mut table = None;
        while let Some(key) = self.looks.pop_first() {
            self.with(key, |kept, _, _| {
                kept.look(|| table.get_or_insert_with(Table::read).as_ref().ok());
            });
        }
    }

    /// Does something with a program that is still kept, and then what follows from that.
    fn with(&mut self, key: u64, act: impl FnOnce(&mut Kept, &Poller, &mut [u8])) {
        let Some(kept) = self.kept.get_mut(&key) else {
            return;
        };
        let before = kept.next_due();
        act(kept, &self.poller, &mut self.buffer);
        if kept.act(&self.poller) {
            self.looks.insert(key);
        }
        let after = kept.next_due();
        if before != after {
            before.map(|due| self.dues.remove(&(due, key)));
            after.map(|due| self.dues.insert((due, key)));
        }
        if kept.is_over() {
            let kept = self.kept.remove(&key);
            kept.expect("it was found above").end(&self.poller);
        }
    }
}

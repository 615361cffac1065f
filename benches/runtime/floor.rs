//! The floor: what an expert would write by hand.
//!
//! Bare tasks, each with a guard that sends its index over a channel when it drops, and one loop
//! that takes those in batches and spawns again: no tree, no names, no backoff. Without
//! cancellation, tasks are aborted; with it, each has a child token.

use std::sync::Arc;
use std::time::Instant;

use futures::future::{Either, select};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use crate::beside::{Counter, Figure, Job, Workload, resident, watch};
use crate::cancel::Cancel;
use crate::{IDLE, Running};

/// How many messages the loop takes at once.
const BATCH: usize = 512;

struct Guard(usize, mpsc::UnboundedSender<usize>);

impl Drop for Guard {
    fn drop(&mut self) {
        // The loop may have ended.
        let _ = self.1.send(self.0);
    }
}

pub(crate) async fn measure<C: Cancel>(job: Job) -> Figure {
    match job.workload {
        Workload::Start => start::<C>(job).await,
        Workload::Storm => storm::<C>(job).await,
        Workload::Restart => restart::<C>(job).await,
        Workload::Group => group::<C>(job).await,
        Workload::Stop => stop::<C>(job).await,
        Workload::Chain => chain::<C>(job).await,
        Workload::Idle => idle::<C>(job).await,
    }
}

/// The tasks and their loop.
struct Floor<C> {
    size: usize,
    cancel: C,
    running: Arc<Counter>,
    fail: Arc<Notify>,
    ended: mpsc::UnboundedSender<usize>,
    all: mpsc::UnboundedReceiver<usize>,
}

impl<C: Cancel> Floor<C> {
    fn new(size: usize, counted: usize) -> Self {
        let (ended, all) = mpsc::unbounded_channel();
        Self {
            size,
            cancel: C::default(),
            running: Arc::new(Counter::new(counted)),
            fail: Arc::default(),
            ended,
            all,
        }
    }

    /// Spawns a task that serves.
    fn spawn(&self, index: usize) -> AbortHandle {
        let (guard, ear) = (Guard(index, self.ended.clone()), self.cancel.ear());
        let running = self.running.clone();
        let task = tokio::spawn(async move {
            let _guard = guard;
            running.count();
            C::wait(ear).await;
        });
        task.abort_handle()
    }

    /// Spawns a task that ends when it is told to fail.
    fn spawn_failing(&self, index: usize) -> AbortHandle {
        let (guard, ear) = (Guard(index, self.ended.clone()), self.cancel.ear());
        let (running, fail) = (self.running.clone(), self.fail.clone());
        let task = tokio::spawn(async move {
            let _guard = guard;
            let mut failed = Box::pin(fail.notified());
            failed.as_mut().enable();
            running.count();
            match select(Box::pin(C::wait(ear)), failed).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        });
        task.abort_handle()
    }

    /// Spawns again what ends, for ever.
    async fn respawn(mut self) {
        let mut batch = Vec::new();
        while self.all.recv_many(&mut batch, BATCH).await > 0 {
            for index in batch.drain(..) {
                self.spawn_failing(index);
            }
        }
    }

    /// Stops all, whenever one has ended, and spawns all again when all have.
    async fn respawn_all(mut self, spawn: impl Fn(&Self)) {
        while let Some(_first) = self.all.recv().await {
            self.cancel.stop();
            self.drain(self.size - 1).await;
            spawn(&self);
        }
    }

    async fn drain(&mut self, mut left: usize) {
        let mut batch = Vec::new();
        while left > 0 {
            left -= self.all.recv_many(&mut batch, BATCH.min(left)).await;
            batch.clear();
        }
    }
}

async fn start<C: Cancel>(job: Job) -> Figure {
    let mut sum = Running::default();
    for _ in 0..job.times() {
        let mut floor = Floor::<C>::new(job.size, job.size);
        let before = resident();
        let began = Instant::now();
        let tasks: Vec<_> = (0..job.size).map(|index| floor.spawn(index)).collect();
        floor.running.full().await;
        sum.add(began.elapsed(), resident() - before);
        tasks.iter().for_each(AbortHandle::abort);
        floor.drain(job.size).await;
    }
    sum.figure(job)
}

async fn storm<C: Cancel>(job: Job) -> Figure {
    let floor = Floor::<C>::new(job.size, job.size);
    let (running, fail) = (floor.running.clone(), floor.fail.clone());
    for index in 0..job.size {
        floor.spawn_failing(index);
    }
    running.full().await;
    tokio::spawn(floor.respawn());
    let began = Instant::now();
    for _ in 0..job.times() {
        fail.notify_waiters();
        running.full().await;
    }
    Figure::shared(began.elapsed(), job.size * job.times())
}

async fn restart<C: Cancel>(job: Job) -> Figure {
    let mut floor = Floor::<C>::new(job.size, job.size);
    for index in 1..job.size {
        floor.spawn(index);
    }
    floor.spawn_failing(0);
    floor.running.full().await;
    floor.running = Arc::new(Counter::new(1));
    let (running, fail) = (floor.running.clone(), floor.fail.clone());
    tokio::spawn(floor.respawn());
    let began = Instant::now();
    for _ in 0..job.times() {
        fail.notify_waiters();
        running.full().await;
    }
    Figure::shared(began.elapsed(), job.times())
}

async fn group<C: Cancel>(job: Job) -> Figure {
    fall_and_rise(job, Floor::<C>::new(job.size, job.size), |floor| {
        floor.cancel.keep(|| floor.spawn_failing(0));
        for index in 1..floor.size {
            floor.cancel.keep(|| floor.spawn(index));
        }
    })
    .await
}

async fn chain<C: Cancel>(job: Job) -> Figure {
    let floor = Floor::<C>::new(job.size, 1);
    fall_and_rise(job, floor, |floor| {
        floor
            .cancel
            .keep(|| floor.spawn_failing_above(floor.size - 1));
    })
    .await
}

impl<C: Cancel> Floor<C> {
    /// Spawns a task that spawns one that spawns one, and so on; the first ends when it is told to.
    fn spawn_failing_above(&self, depth: usize) -> AbortHandle {
        let link = Link {
            cancel: self.cancel.clone(),
            running: self.running.clone(),
            ended: self.ended.clone(),
        };
        let (guard, ear, fail) = (
            Guard(depth, self.ended.clone()),
            self.cancel.ear(),
            self.fail.clone(),
        );
        let task = tokio::spawn(async move {
            let _guard = guard;
            let mut failed = Box::pin(fail.notified());
            failed.as_mut().enable();
            link.below(depth);
            select(Box::pin(C::wait(ear)), failed).await;
        });
        task.abort_handle()
    }
}

/// What a task of a chain hands down.
#[derive(Clone)]
struct Link<C> {
    cancel: C,
    running: Arc<Counter>,
    ended: mpsc::UnboundedSender<usize>,
}

impl<C: Cancel> Link<C> {
    fn below(self, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return self.running.count();
        };
        let (guard, ear) = (Guard(depth, self.ended.clone()), self.cancel.ear());
        let cancel = self.cancel.clone();
        cancel.keep(|| {
            let task = tokio::spawn(async move {
                let _guard = guard;
                self.below(depth);
                C::wait(ear).await;
            });
            task.abort_handle()
        });
    }
}

async fn fall_and_rise<C: Cancel>(
    job: Job,
    floor: Floor<C>,
    spawn: impl Fn(&Floor<C>) + Send + 'static,
) -> Figure {
    let (running, fail) = (floor.running.clone(), floor.fail.clone());
    spawn(&floor);
    running.full().await;
    tokio::spawn(floor.respawn_all(spawn));
    let began = Instant::now();
    for _ in 0..job.times() {
        fail.notify_waiters();
        running.full().await;
    }
    Figure::shared(began.elapsed(), job.size * job.times())
}

async fn stop<C: Cancel>(job: Job) -> Figure {
    let mut sum = Running::default();
    for _ in 0..job.times() {
        let mut floor = Floor::<C>::new(job.size, job.size);
        for index in 0..job.size {
            floor.cancel.keep(|| floor.spawn(index));
        }
        floor.running.full().await;
        let began = Instant::now();
        floor.cancel.stop();
        floor.drain(job.size).await;
        sum.add(began.elapsed(), 0.0);
    }
    sum.figure(job)
}

async fn idle<C: Cancel>(job: Job) -> Figure {
    let floor = Floor::<C>::new(job.size, job.size);
    for index in 0..job.size {
        floor.spawn(index);
    }
    floor.running.full().await;
    watch(IDLE).await
}

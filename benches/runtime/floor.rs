//! The floor: bare tasks that send their index when they drop, and one loop that spawns them again.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use crate::measure::{Counter, Figure, resident, watch};

struct Guard(usize, mpsc::UnboundedSender<usize>);

impl Drop for Guard {
    fn drop(&mut self) {
        // The loop may have ended.
        let _ = self.1.send(self.0);
    }
}

fn spawn(index: usize, ended: &mpsc::UnboundedSender<usize>, counter: &Arc<Counter>) {
    let guard = Guard(index, ended.clone());
    let counter = counter.clone();
    tokio::spawn(async move {
        let _guard = guard;
        counter.count();
        pending::<()>().await;
    });
}

pub(crate) async fn start(children: usize) -> Figure {
    let (ended, _all) = mpsc::unbounded_channel();
    let counter = Arc::new(Counter::new(children));
    let before = resident();
    let began = Instant::now();
    for index in 0..children {
        spawn(index, &ended, &counter);
    }
    counter.full().await;
    let ns = began.elapsed().as_nanos() as f64 / children as f64;
    Figure {
        ns,
        bytes: (resident() - before) / children as f64,
        ..Figure::default()
    }
}

pub(crate) async fn idle(children: usize, time: Duration) -> Figure {
    let (ended, _all) = mpsc::unbounded_channel();
    let counter = Arc::new(Counter::new(children));
    for index in 0..children {
        spawn(index, &ended, &counter);
    }
    counter.full().await;
    watch(time).await
}

/// Restarts one task, over and over, beside all the others.
pub(crate) async fn restart(children: usize) -> Figure {
    const RESTARTS: usize = 2_000;
    let (ended, mut all) = mpsc::unbounded_channel();
    let counter = Arc::new(Counter::new(children));
    for index in 1..children {
        spawn(index, &ended, &counter);
    }
    let (fail, started) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let spawn_one = {
        let (fail, started) = (fail.clone(), started.clone());
        move |ended: &mpsc::UnboundedSender<usize>| {
            let guard = Guard(0, ended.clone());
            let (fail, started) = (fail.clone(), started.clone());
            tokio::spawn(async move {
                let _guard = guard;
                started.notify_one();
                fail.notified().await;
            });
        }
    };
    spawn_one(&ended);
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while all.recv_many(&mut batch, 512).await > 0 {
            batch.drain(..).for_each(|_| spawn_one(&ended));
        }
    });
    started.notified().await;
    let began = Instant::now();
    for _ in 0..RESTARTS {
        fail.notify_one();
        started.notified().await;
    }
    Figure {
        ns: began.elapsed().as_nanos() as f64 / RESTARTS as f64,
        ..Figure::default()
    }
}

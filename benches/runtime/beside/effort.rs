//! What a process uses, and how a workload knows that all have come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::figure::Figure;

/// Resident memory of this process, in bytes.
pub(crate) fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs is there");
    let pages = statm.split_whitespace().nth(1);
    let pages = pages.and_then(|pages| pages.parse::<f64>().ok());
    pages.expect("the second number is the resident pages") * 4096.0
}

/// Watches what this process does in a while.
pub(crate) async fn watch(time: Duration) -> Figure {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (cpu, switches) = effort();
    tokio::time::sleep(time).await;
    let (cpu_after, switches_after) = effort();
    Figure {
        cpu_ms: (cpu_after - cpu).as_secs_f64() * 1e3,
        switches: switches_after - switches,
        ..Figure::default()
    }
}

/// Processor time and context switches of all threads of this process.
fn effort() -> (Duration, f64) {
    let mut time = Duration::ZERO;
    let mut switches = 0.0;
    let threads = std::fs::read_dir("/proc/self/task").expect("procfs is there");
    for thread in threads.filter_map(Result::ok) {
        let read = |file: &str| std::fs::read_to_string(thread.path().join(file));
        // A thread may have ended meanwhile.
        let schedstat = read("schedstat").unwrap_or_default();
        let ns = schedstat.split_whitespace().next();
        time += Duration::from_nanos(ns.and_then(|ns| ns.parse().ok()).unwrap_or(0));
        for line in read("status").unwrap_or_default().lines() {
            let count = line.split_once("ctxt_switches:");
            let count = count.and_then(|(_, count)| count.trim().parse::<f64>().ok());
            switches += count.unwrap_or(0.0);
        }
    }
    (time, switches)
}

/// Counts up to a number, again and again, and says when it is reached.
#[derive(Debug)]
pub(crate) struct Counter {
    all: usize,
    left: AtomicUsize,
    full: Notify,
}

impl Counter {
    pub(crate) fn new(all: usize) -> Self {
        Self {
            all,
            left: AtomicUsize::new(all),
            full: Notify::new(),
        }
    }

    pub(crate) fn count(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.left.store(self.all, Ordering::Release);
            self.full.notify_one();
        }
    }

    pub(crate) async fn full(&self) {
        self.full.notified().await;
    }
}

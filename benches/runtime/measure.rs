//! Figures of a process, and rounds that pair the tree with the floor.

use std::fmt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// On which runtime a workload runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flavour {
    CurrentThread,
    MultiThread,
}

impl Flavour {
    pub(crate) const ALL: [Self; 2] = [Self::CurrentThread, Self::MultiThread];

    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "ct" => Self::CurrentThread,
            "mt" => Self::MultiThread,
            word => panic!("there is no runtime flavour {word}"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::CurrentThread => "ct",
            Self::MultiThread => "mt",
        }
    }

    pub(crate) fn block_on<F>(self, future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut builder = match self {
            Self::CurrentThread => tokio::runtime::Builder::new_current_thread(),
            Self::MultiThread => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        // In a task, so that the workload runs where its tasks do.
        runtime.block_on(async { tokio::spawn(future).await.expect("the workload ends") })
    }
}

/// What a measurement gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure {
    /// Nanoseconds, for each child or each restart.
    pub(crate) ns: f64,
    /// Bytes of resident memory for each child.
    pub(crate) bytes: f64,
    /// Processor time in the watched period, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// Context switches in the watched period.
    pub(crate) switches: f64,
}

impl Figure {
    fn parts(self) -> [f64; 4] {
        [self.ns, self.bytes, self.cpu_ms, self.switches]
    }

    fn parse(line: &str) -> Self {
        let parts: Vec<f64> = line
            .split_whitespace()
            .filter_map(|part| part.parse().ok())
            .collect();
        let [ns, bytes, cpu_ms, switches] = parts[..] else {
            panic!("no figure: {line}")
        };
        Self {
            ns,
            bytes,
            cpu_ms,
            switches,
        }
    }

    fn median(figures: &[Self]) -> Self {
        let part = |index: usize| median(figures.iter().map(|figure| figure.parts()[index]));
        Self {
            ns: part(0),
            bytes: part(1),
            cpu_ms: part(2),
            switches: part(3),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ns, bytes, cpu_ms, switches] = self.parts();
        write!(f, "{ns:.1} {bytes:.1} {cpu_ms:.3} {switches:.0}")
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rounds of one workload, the floor and the tree in turn.
#[derive(Debug)]
pub(crate) struct Rounds {
    workload: &'static str,
    flavour: Flavour,
    children: usize,
    floor: Vec<Figure>,
    tree: Vec<Figure>,
}

impl Rounds {
    pub(crate) fn run(
        rounds: usize,
        workload: &'static str,
        flavour: Flavour,
        children: usize,
    ) -> Self {
        let (floor, tree) = (Vec::new(), Vec::new());
        let mut this = Self {
            workload,
            flavour,
            children,
            floor,
            tree,
        };
        for _ in 0..rounds {
            this.floor.push(this.measure("floor"));
            this.tree.push(this.measure("tree"));
        }
        this
    }

    fn measure(&self, side: &str) -> Figure {
        let this = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(this);
        command.args(["--measure", side, self.workload, self.flavour.word()]);
        let output = command
            .arg(self.children.to_string())
            .output()
            .expect("it runs again");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Figure::parse(&String::from_utf8_lossy(&output.stdout))
    }

    pub(crate) fn print(&self) {
        let ratio = self
            .tree
            .iter()
            .zip(&self.floor)
            .map(|(tree, floor)| tree.ns / floor.ns);
        let (floor, tree) = (Figure::median(&self.floor), Figure::median(&self.tree));
        let (flavour, children) = (self.flavour.word(), self.children);
        for (side, figure) in [("floor", floor), ("tree", tree)] {
            print!("  {flavour} {children:>7} {side:<5}");
            match self.workload {
                "start" => println!("{:>9.0} ns {:>7.0} bytes", figure.ns, figure.bytes),
                "restart" => println!("{:>9.0} ns", figure.ns),
                _ => println!(
                    "{:>9.3} ms {:>5.0} switches",
                    figure.cpu_ms, figure.switches
                ),
            }
        }
        if self.workload != "idle" {
            println!("  {flavour} {children:>7} ratio{:>9.2}", median(ratio));
        }
    }
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs is there");
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.expect("the second number is the resident pages") * 4096.0
}

/// Processor time and context switches of all threads of this process.
fn effort() -> (Duration, f64) {
    let mut time = Duration::ZERO;
    let mut switches = 0.0;
    let threads = std::fs::read_dir("/proc/self/task").expect("procfs is there");
    for thread in threads.filter_map(Result::ok) {
        let read = |file: &str| std::fs::read_to_string(thread.path().join(file));
        let schedstat = read("schedstat").unwrap_or_default();
        let ns = schedstat
            .split_whitespace()
            .next()
            .and_then(|ns| ns.parse().ok());
        time += Duration::from_nanos(ns.unwrap_or(0));
        for line in read("status").unwrap_or_default().lines() {
            if line.contains("ctxt_switches") {
                let count = line
                    .split_whitespace()
                    .nth(1)
                    .and_then(|count| count.parse().ok());
                switches += count.unwrap_or(0.0);
            }
        }
    }
    (time, switches)
}

/// Watches what this process does in a while.
pub(crate) async fn watch(time: Duration) -> Figure {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (cpu, switches) = effort();
    tokio::time::sleep(time).await;
    let (cpu_after, switches_after) = effort();
    let cpu_ms = (cpu_after - cpu).as_secs_f64() * 1e3;
    Figure {
        cpu_ms,
        switches: switches_after - switches,
        ..Figure::default()
    }
}

/// Counts up to a number, and says when it is reached.
#[derive(Debug)]
pub(crate) struct Counter {
    left: AtomicUsize,
    full: Notify,
}

impl Counter {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            left: AtomicUsize::new(count),
            full: Notify::new(),
        }
    }

    pub(crate) fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.full.notify_one();
        }
    }

    pub(crate) async fn full(&self) {
        self.full.notified().await;
    }
}

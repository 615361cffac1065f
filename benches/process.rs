//! What programs cost: `cargo bench --bench process --features process`.
//!
//! Figures are printed, not judged: they depend on the machine.

use std::env;
use std::fs;
use std::process::Command as System;
use std::time::{Duration, Instant};

use futures::future::join_all;
use perennial::process::{self, Command, Process, Signal, Stdin};
use tokio::runtime::Builder;
use tokio::time::sleep;

/// Says that this is the second run, with a guard.
const GUARDED: &str = "BENCH_GUARDED";
const GIB: usize = 1 << 30;
const HEAP: usize = 4 * GIB;
const STARTS: usize = 300;

fn main() {
    let is_guarded = env::var_os(GUARDED).is_some();
    if is_guarded {
        process::guard();
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime can be made").block_on(async {
        start("true").await.watch().gone().await;
        let level = process::containment();
        if is_guarded {
            starts(&format!("start of a program, contained by {level}")).await;
            return;
        }
        starts(&format!("start of a program, {level}")).await;
        starts_at_a_big_heap().await;
        exits().await;
        many_at_once().await;
        flood().await;
    });
    if !is_guarded {
        let again = System::new("/proc/self/exe").env(GUARDED, "1").status();
        assert!(again.expect("we can be run").success());
    }
}

async fn start(program: &str) -> Process {
    let created = Command::new(program).create();
    created.start().await.expect("it can be started")
}

async fn starts(what: &str) {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let process = start("true").await;
        times.push(begun.elapsed());
        process.watch().gone().await;
    }
    tell(what, times);
}

async fn starts_at_a_big_heap() {
    if available() < HEAP + GIB {
        println!("start of a program at a heap of 4 GiB: skipped, there is not so much memory");
        return;
    }
    let mut heap = vec![0_u8; HEAP];
    // Each page is really there.
    heap.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    starts("start of a program at a heap of 4 GiB").await;
    assert_eq!(std::hint::black_box(&heap)[4096], 1);
}

/// How many bytes the system has to give.
fn available() -> usize {
    number_in("/proc/meminfo", "MemAvailable:")
}

/// A number of kibibytes from a file of the system, in bytes.
fn number_in(file: &str, field: &str) -> usize {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0) * 1024
}

async fn exits() {
    let (mut exited, mut gone) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let process = Command::new("sleep").arg("1000").create().start().await;
        let process = process.expect("it can be started");
        let watch = process.watch();
        let begun = Instant::now();
        process.signal(Signal::KILL).expect("it runs");
        watch.exited().await;
        exited.push(begun.elapsed());
        watch.gone().await;
        gone.push(begun.elapsed());
    }
    tell("from SIGKILL to `exited`", exited);
    tell("from SIGKILL to `gone`", gone);
}

async fn many_at_once() {
    let cats = (0..200).map(|_| Command::new("cat").stdin(Stdin::Piped).create().start());
    let cats = join_all(cats).await;
    let cats: Vec<_> = cats
        .into_iter()
        .map(|cat| cat.expect("it can be started"))
        .collect();
    let begun = Instant::now();
    for cat in &cats {
        cat.stdin().expect("it is piped").close();
    }
    let watches: Vec<_> = cats.iter().map(Process::watch).collect();
    join_all(watches.iter().map(|watch| watch.gone())).await;
    println!(
        "200 programs that end at once: all gone after {:?}",
        begun.elapsed()
    );
}

async fn flood() {
    let rss = || number_in("/proc/self/status", "VmRSS:") / 1024;
    let before = rss();
    let yes = start("yes").await;
    let listener = yes.lines();
    sleep(Duration::from_secs(2)).await;
    let read = yes.stdout().dropped >> 20;
    let more = rss().saturating_sub(before);
    println!("a program that floods, and a listener that sleeps: {read} MiB read, {more} KiB more");
    drop(listener);
    yes.kill().await;
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: p50 {p50:?}, p99 {p99:?}");
}

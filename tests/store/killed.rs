//! A process is killed in the middle of its puts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::future::join_all;
use perennial::store::{Blob, Limits};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::scene::{again, count, filled, open, part, put, read, seed};

const THIS: &str = "killed::a_process_that_is_killed_at_any_moment_leaves_nothing_half";

/// How often, in one directory.
const KILLS: u64 = 20;

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_nothing_half() {
    // What it said was put is there, whole; what it had begun is gone; the count is not too small.
    if let Some((directory, part)) = part() {
        return runtime().block_on(put_for_ever(&directory, part));
    }
    let mut rng = StdRng::seed_from_u64(seed());
    let directory = TempDir::new().unwrap();
    let mut left_behind = 0;
    for round in 0..KILLS {
        let puts = rng.random_range(1..12);
        let more = Duration::from_micros(rng.random_range(0..4_000));
        let said = kill(directory.path(), round << 32, puts, more);
        left_behind += std::fs::read_dir(directory.path().join("incoming"))
            .unwrap()
            .count();
        runtime().block_on(look(directory.path(), &said));
    }
    assert!(left_behind > 0, "none was killed in the middle of a put");
}

/// Kills a process some time after it has said that it has put so many: all that it said.
fn kill(directory: &Path, first: u64, puts: usize, more: Duration) -> Vec<u64> {
    let mut child = again(THIS, directory, first)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let number = |line: String| line.strip_prefix("put ")?.strip_suffix('.')?.parse().ok();
    let heard = lines.by_ref().map(Result::unwrap).filter_map(number);
    let mut said: Vec<u64> = heard.take(puts).collect();
    let killed = Instant::now() + more;
    while Instant::now() < killed {
        std::hint::spin_loop();
    }
    child.kill().expect("it is a child");
    assert!(!child.wait().expect("it is a child").success());
    said.extend(lines.map(Result::unwrap).filter_map(number));
    said
}

async fn look(directory: &Path, said: &[u64]) {
    let store = open(directory, Limits::default()).await;
    assert_eq!(
        std::fs::read_dir(directory.join("incoming"))
            .expect("the file is there")
            .count(),
        0
    );
    for number in said {
        let bytes = body(*number);
        assert_eq!(read(&store, Blob::of(&bytes)).await, Some(bytes));
        let action = store
            .get_action(&number.to_le_bytes())
            .await
            .expect("the system works");
        assert!(action.is_some(), "{number}");
    }
    let verified = store.verify().await.expect("the system works");
    assert_eq!(
        (verified.blobs_removed, verified.actions_removed),
        (vec![], vec![])
    );
    assert!(count(directory) >= store.stat().await.expect("the system works").bytes);
}

/// Puts four at a time, and says so of each when it is done.
async fn put_for_ever(directory: &Path, first: u64) {
    let store = open(directory, Limits::default()).await;
    for next in (first..).step_by(4) {
        let puts = (next..next + 4).map(async |number| {
            let stored = put(&store, &body(number)).await;
            store
                .put_action(&number.to_le_bytes(), stored.blob, b"")
                .await
                .expect("the system works");
            println!("put {number}.");
        });
        join_all(puts).await;
    }
}

/// Some fit into one chunk, and some do not.
fn body(number: u64) -> Vec<u8> {
    filled(
        number,
        if number.is_multiple_of(4) {
            300_000
        } else {
            3_000
        },
    )
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("there is a runtime")
}

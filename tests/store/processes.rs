//! Several processes put, get and prune in one directory.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use perennial::store::{Blob, Limits, Store};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::scene::{again, count, filled, open, part, put, seed};

const THIS: &str = "processes::several_processes_share_a_store";

/// How long a path is good, which is short so that much is evicted.
const IN_USE: Duration = Duration::from_millis(10);

/// How many different blobs there are, about two thirds of which have room.
const BLOBS: u64 = 40;
const LIMIT: u64 = 40_000;

const TASKS: u64 = 3;
const STEPS: u64 = 300;

#[test]
fn several_processes_share_a_store() {
    // Each sees whole blobs, at paths that are good for as long as they are in use, and no error.
    if let Some((directory, part)) = part() {
        return play(&directory, part);
    }
    let (directory, seed) = (TempDir::new().unwrap(), seed());
    let start = |number| {
        again(THIS, directory.path(), seed.wrapping_add(number))
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = [0, TASKS].map(start).into();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(look(directory.path()));
}

async fn look(directory: &Path) {
    let incoming = std::fs::read_dir(directory.join("incoming")).expect("the file is there");
    assert_eq!(incoming.count(), 0, "nobody was killed");
    let store = open(directory, limits()).await;
    let verified = store.verify().await.expect("the system works");
    assert_eq!(
        (verified.blobs_removed, verified.actions_removed),
        (vec![], vec![])
    );
    assert!(count(directory) >= store.stat().await.expect("the system works").bytes);
}

/// Takes random steps in several tasks, each with a store that it opens anew now and then.
fn play(directory: &Path, seed: u64) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("there is a runtime");
    let tasks = (0..TASKS).map(|task| {
        let directory = directory.to_owned();
        runtime.spawn(async move { walk(&directory, seed.wrapping_add(task)).await })
    });
    let missed = runtime.block_on(join_all(tasks));
    let missed: u64 = missed
        .into_iter()
        .map(|task| task.expect("no step fails"))
        .sum();
    assert!(missed > 0, "nothing was evicted");
}

/// How many gets found nothing.
async fn walk(directory: &Path, seed: u64) -> u64 {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut store, mut missed) = (open(directory, limits()).await, 0);
    for _ in 0..STEPS {
        let number = rng.random_range(0..BLOBS);
        match rng.random_range(0..20) {
            0 => store = open(directory, limits()).await,
            1 => drop(store.prune().await.expect("the system works")),
            2 => drop(store.stat().await.expect("the system works")),
            3..8 => {
                let stored = put(&store, &body(number)).await;
                store
                    .put_action(&number.to_le_bytes(), stored.blob, b"")
                    .await
                    .expect("the system works");
            }
            8..14 => missed += u64::from(!get(&store, number).await),
            _ => missed += u64::from(!get_action(&store, number).await),
        }
    }
    missed
}

async fn get(store: &Store, number: u64) -> bool {
    let asked = Instant::now();
    let stored = store
        .get(Blob::of(&body(number)))
        .await
        .expect("the system works");
    stored
        .map(|stored| judge(&stored.path, number, asked))
        .is_some()
}

async fn get_action(store: &Store, number: u64) -> bool {
    let asked = Instant::now();
    let action = store
        .get_action(&number.to_le_bytes())
        .await
        .expect("the system works");
    action
        .map(|action| judge(&action.path, number, asked))
        .is_some()
}

/// The file is there and right, or the test was held up for so long that it may be gone.
fn judge(path: &Path, number: u64, asked: Instant) {
    match std::fs::read(path) {
        Ok(bytes) => assert_eq!(bytes, body(number)),
        Err(error) => {
            let late = asked.elapsed();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(late >= IN_USE, "blob {number} was gone after {late:?}");
        }
    }
}

fn body(number: u64) -> Vec<u8> {
    filled(number, 75 * (number as usize) + 8)
}

fn limits() -> Limits {
    Limits::default().bytes_max(LIMIT).in_use(IN_USE)
}

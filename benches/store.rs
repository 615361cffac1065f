//! What the store costs beside plain files: `cargo bench --bench store`.
//!
//! Blobs of 4 KiB and of 1 MiB are put and got, one after the other and sixteen at a time; beside
//! that, the same bytes are written to files and renamed, and the files looked for, on the same
//! threads. What the store does beyond that is the digest, the locks, the count and the mark.
//!
//! All figures are medians of the rounds; what is compared takes turns in one process.

use std::path::Path;
use std::time::Instant;

use futures::{StreamExt, stream};
use perennial::store::{Blob, Limits, Store};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;

const ROUNDS: usize = 5;

/// What is measured: how large, how many, and how many at a time.
const CASES: [(usize, u64, usize); 4] = [
    (4 << 10, 2_000, 1),
    (4 << 10, 2_000, 16),
    (1 << 20, 40, 1),
    (1 << 20, 40, 16),
];

fn main() {
    let runtime = Builder::new_multi_thread().build();
    let runtime = runtime.expect("there is a runtime");
    // Removed at the end: where files were just removed, ext4 takes long to make others.
    let mut kept = Vec::new();
    println!("a second               plain put  store put  plain get  store get");
    for (size, blobs, at_once) in CASES {
        let mut rates = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            let directory = TempDir::new().expect("there is room for a directory");
            let round = runtime.block_on(round(directory.path(), size, blobs, at_once));
            kept.push(directory);
            rates
                .iter_mut()
                .zip(round)
                .for_each(|(all, rate)| all.push(rate));
        }
        let [plain_put, put, plain_get, get] = rates.map(median);
        let what = format!("{} KiB, {at_once} at once", size >> 10);
        println!("{what:<22} {plain_put:>9.0}  {put:>9.0}  {plain_get:>9.0}  {get:>9.0}");
    }
}

async fn round(directory: &Path, size: usize, blobs: u64, at_once: usize) -> [f64; 4] {
    let plain = directory.join("plain");
    std::fs::create_dir(&plain).expect("it is new");
    let store = Store::open(directory.join("store"), Limits::default()).await;
    let store = store.expect("it is new");
    let bodies: Vec<_> = (0..blobs).map(|number| body(number, size)).collect();
    let names: Vec<_> = bodies.iter().map(|body| Blob::of(body)).collect();
    let indices = 0..bodies.len();
    [
        rate(indices.clone(), at_once, |at| {
            write(&plain, at, &bodies[at])
        })
        .await,
        rate(indices.clone(), at_once, async |at| {
            let put = store.put(size as u64, &bodies[at][..]).await;
            put.expect("there is room");
        })
        .await,
        rate(indices.clone(), at_once, |at| look(&plain, at)).await,
        rate(indices, at_once, async |at| {
            let stored = store.get(names[at]).await.expect("it is sound");
            stored.expect("it was put");
        })
        .await,
    ]
}

/// How many of these can be done in a second.
async fn rate<F: Future>(
    indices: std::ops::Range<usize>,
    at_once: usize,
    act: impl Fn(usize) -> F,
) -> f64 {
    let count = indices.len() as f64;
    let start = Instant::now();
    let done = stream::iter(indices).map(act).buffer_unordered(at_once);
    done.for_each(async |_| ()).await;
    count / start.elapsed().as_secs_f64()
}

/// A file that is written as a whole, on a thread that may block.
async fn write(directory: &Path, at: usize, bytes: &[u8]) {
    let (path, bytes) = (directory.join(at.to_string()), bytes.to_owned());
    let written = spawn_blocking(move || {
        std::fs::write(path.with_extension("new"), bytes)?;
        std::fs::rename(path.with_extension("new"), path)
    });
    let written = written.await.expect("it does not panic");
    written.expect("there is room");
}

async fn look(directory: &Path, at: usize) {
    let path = directory.join(at.to_string());
    let found = spawn_blocking(move || std::fs::metadata(path)).await;
    found.expect("it does not panic").expect("it was written");
}

fn body(number: u64, size: usize) -> Vec<u8> {
    number.to_le_bytes().repeat(size / 8)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

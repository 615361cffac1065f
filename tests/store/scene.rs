//! A store in a directory of its own, and what a test does behind its back.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use perennial::store::{Blob, Limits, Store, Stored};
use rand::{RngExt, rngs::StdRng};
use tempfile::TempDir;

/// A store, and the directory that goes with it.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) directory: TempDir,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let store = open(directory.path(), limits).await;
        Self { store, directory }
    }

    /// Everything below one of the store's folders.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path().join(folder)).expect("the file is there");
        entries
            .map(|entry| entry.expect("the file is there").path())
            .collect()
    }

    /// The only action there is.
    pub(crate) fn action(&self) -> PathBuf {
        let [path] = self.files("actions").try_into().expect("there is one");
        path
    }
}

pub(crate) async fn open(directory: &Path, limits: Limits) -> Store {
    Store::open(directory, limits).await.expect("it opens")
}

pub(crate) async fn put(store: &Store, bytes: &[u8]) -> Stored {
    let stored = store
        .put(bytes.len() as u64, bytes)
        .await
        .expect("there is room");
    assert_eq!(stored.blob, Blob::of(bytes));
    stored
}

/// What the store gives for a blob.
pub(crate) async fn read(store: &Store, blob: Blob) -> Option<Vec<u8>> {
    let stored = store.get(blob).await.expect("it is sound");
    stored.map(|stored| fs::read(stored.path).expect("it is in use"))
}

/// Makes a file look as if it had been used that long ago.
pub(crate) fn age(path: &Path, ago: Duration) {
    stamp(path, SystemTime::now() - ago);
}

pub(crate) fn stamp(path: &Path, time: SystemTime) {
    File::open(path)
        .expect("the file is there")
        .set_modified(time)
        .expect("the file is there");
}

/// Damages a file where it lies.
pub(crate) fn damage(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file is there");
    how(&mut bytes);
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("the file is there");
    let mut file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .expect("the file is there");
    std::io::Write::write_all(&mut file, &bytes).expect("the file is there");
}

/// So many bytes that are others for each number, as far as there is room for that.
pub(crate) fn filled(number: u64, size: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().repeat(size / 8 + 1);
    bytes.truncate(size);
    bytes
}

/// How many bytes the store believes that it has.
pub(crate) fn count(directory: &Path) -> u64 {
    let header = fs::read_to_string(directory.join("perennial-store")).expect("the file is there");
    let count = header.lines().nth(1).expect("the count is the second line");
    count.parse().expect("it is a number")
}

/// What a random test draws from, as its `STORE_SEED` says, or as this run prints it.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("STORE_SEED").ok();
    let drawn = || rand::make_rng::<StdRng>().random();
    let seed = given.map_or_else(drawn, |seed| seed.parse().expect("a number"));
    eprintln!("STORE_SEED={seed}");
    seed
}

/// Runs the test of this name again, in a process of its own, which finds `part` in `PART`.
pub(crate) fn again(test: &str, directory: &Path, part: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test is a file"));
    command.args(["--exact", test, "--nocapture"]);
    command
        .env("PART", part.to_string())
        .env("STORE", directory);
    command
}

/// The directory and the part of a process that [`again`] started.
pub(crate) fn part() -> Option<(PathBuf, u64)> {
    let part = std::env::var("PART").ok()?.parse().expect("a number");
    Some((std::env::var_os("STORE")?.into(), part))
}

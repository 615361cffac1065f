//! Who waits for whom, seen in the system's list of locks.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::task::yield_now;

use crate::scene::{Scene, age, damage, filled, put};

#[tokio::test]
async fn a_get_waits_for_an_eviction_and_looks_whether_it_was_evicted() {
    // Invariant 3: who evicts holds the file's lock alone, until it has no name.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"evicted").await;
    let evicting = lock(&stored.path);
    let got = waits(scene.store.get(stored.blob), &evicting, || {
        fs::remove_file(&stored.path).unwrap();
        evicting.unlock().unwrap();
    });
    assert_eq!(got.await.unwrap(), None);
}

#[tokio::test]
async fn a_get_that_waited_gives_what_has_taken_the_place() {
    // Put again in time, the blob is there, and the file of the name is the one that is marked.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"evicted").await;
    let evicting = lock(&stored.path);
    let next = scene.directory.path().join("incoming/next");
    fs::write(&next, b"evicted").unwrap();
    age(&next, Duration::from_secs(1_000_000));
    let got = waits(scene.store.get(stored.blob), &evicting, || {
        fs::rename(&next, &stored.path).unwrap();
        evicting.unlock().unwrap();
    });
    assert_eq!(got.await.unwrap(), Some(stored.clone()));
    let used = stored.path.metadata().unwrap().modified().unwrap();
    assert!(used.elapsed().unwrap().as_secs() < 500_000);
}

#[tokio::test]
async fn a_put_waits_for_another_process_that_writes() {
    // Invariant 2. Until then the blob has no name.
    let scene = Scene::new().await;
    let writing = lock(&scene.directory.path().join("perennial-store"));
    let body = filled(1, 100);
    let stored = waits(scene.store.put(100, &body[..]), &writing, || {
        assert!(scene.files("blobs").is_empty());
        writing.unlock().unwrap();
    });
    assert!(stored.await.unwrap().path.exists());
}

#[tokio::test]
async fn what_was_mended_before_it_is_removed_stays() {
    // Invariant 2: a look that counts is one under the lock of who writes.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"sound").await;
    damage(&stored.path, |bytes| bytes[0] ^= 1);
    let writing = lock(&scene.directory.path().join("perennial-store"));
    let verified = waits(scene.store.verify(), &writing, || {
        damage(&stored.path, |bytes| bytes[0] ^= 1);
        writing.unlock().unwrap();
    });
    assert_eq!(verified.await.unwrap().blobs, 1);
    assert!(stored.path.exists());
}

fn lock(path: &Path) -> File {
    let file = File::open(path).expect("the file is there");
    file.lock().expect("nobody has it");
    file
}

/// Does something as soon as `call` waits for the lock of `file`, which it has to come to.
async fn waits<T>(call: impl Future<Output = T>, file: &File, then: impl FnOnce()) -> T {
    let inode = file.metadata().expect("it is open").ino();
    let waiting = async {
        while !is_awaited(inode) {
            yield_now().await;
        }
    };
    match select(pin!(call), pin!(waiting)).await {
        Either::Left(_) => panic!("it has not waited"),
        Either::Right(((), call)) => {
            then();
            call.await
        }
    }
}

fn is_awaited(inode: u64) -> bool {
    let locks = fs::read_to_string("/proc/locks").expect("this is Linux");
    let of_it = format!(":{inode} ");
    locks
        .lines()
        .any(|line| line.contains("->") && line.contains(&of_it))
}

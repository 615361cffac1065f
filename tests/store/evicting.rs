//! What is used longest ago goes, and what is in use stays.

use std::fs::File;
use std::time::Duration;

use perennial::store::{Limits, PutError, Stat};
use tokio::io::{AsyncWriteExt, duplex};
use tokio::task::yield_now;

use crate::scene::{Scene, age, count, damage, filled, open, put, read};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How much of a body is written at a time.
const CHUNK: usize = 256 << 10;

/// Room for ten blobs of a hundred bytes.
fn narrow() -> Limits {
    Limits::default().bytes_max(1_000)
}

#[tokio::test]
async fn beyond_the_limit_goes_what_was_used_longest_ago() {
    // Down to nine tenths, so that the next put has room.
    let scene = Scene::with(narrow()).await;
    let mut blobs = Vec::new();
    for number in 0..10 {
        let stored = put(&scene.store, &filled(number, 100)).await;
        age(&stored.path, HOUR * (100 - number as u32));
        blobs.push(stored.blob);
    }
    assert_eq!(scene.store.stat().await.unwrap().bytes, 1_000);
    put(&scene.store, &filled(10, 1)).await;
    for (number, blob) in blobs.into_iter().enumerate() {
        assert_eq!(
            read(&scene.store, blob).await.is_some(),
            number >= 2,
            "{number}"
        );
    }
    assert_eq!(scene.store.stat().await.unwrap().bytes, 801);
}

#[tokio::test]
async fn to_ask_for_a_blob_is_to_use_it() {
    // The oldest is asked for, so the one after it goes.
    let scene = Scene::with(narrow()).await;
    let old = put(&scene.store, &filled(0, 500)).await;
    let new = put(&scene.store, &filled(1, 500)).await;
    age(&old.path, HOUR * 3);
    age(&new.path, HOUR * 2);
    assert!(read(&scene.store, old.blob).await.is_some());
    put(&scene.store, b"more").await;
    assert!(read(&scene.store, old.blob).await.is_some());
    assert_eq!(read(&scene.store, new.blob).await, None);
}

#[tokio::test]
async fn to_ask_for_an_action_is_to_use_it_and_its_blob() {
    // Otherwise one of the two would go first and take the worth of the other.
    let scene = Scene::with(narrow()).await;
    let stored = put(&scene.store, &filled(0, 500)).await;
    scene
        .store
        .put_action(b"key", stored.blob, b"")
        .await
        .unwrap();
    let other = put(&scene.store, &filled(1, 300)).await;
    for path in [&stored.path, &scene.action()] {
        age(path, HOUR * 3);
    }
    age(&other.path, HOUR * 2);
    assert!(scene.store.get_action(b"key").await.unwrap().is_some());
    put(&scene.store, &filled(2, 200)).await;
    assert_eq!(read(&scene.store, other.blob).await, None);
    assert!(scene.store.get_action(b"key").await.unwrap().is_some());
}

#[tokio::test]
async fn actions_are_evicted_too() {
    // They count as what they are long.
    let scene = Scene::with(narrow()).await;
    let stored = put(&scene.store, b"x").await;
    scene
        .store
        .put_action(b"key", stored.blob, &[0; 500])
        .await
        .unwrap();
    age(&scene.action(), HOUR * 2);
    put(&scene.store, &filled(1, 600)).await;
    assert!(scene.files("actions").is_empty());
    assert!(read(&scene.store, stored.blob).await.is_some());
}

#[tokio::test]
async fn what_is_in_use_stays_beyond_the_limit() {
    // A path that was given is good: the limit gives way, and is kept later.
    let scene = Scene::with(narrow()).await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(put(&scene.store, &filled(number, 900)).await);
    }
    assert!(all.iter().all(|stored| stored.path.exists()));
    let stat = scene.store.stat().await.unwrap();
    assert_eq!((stat.bytes, stat.bytes_in_use), (4_500, 4_500));
    for stored in &all {
        age(&stored.path, HOUR + Duration::from_secs(1));
    }
    put(&scene.store, &filled(5, 100)).await;
    assert_eq!(scene.store.stat().await.unwrap().bytes, 100);
}

#[tokio::test]
async fn what_somebody_reads_the_mark_of_stays() {
    // A shared lock is what a get holds while it marks.
    let scene = Scene::with(narrow()).await;
    let held = put(&scene.store, &filled(0, 600)).await;
    let file = File::open(&held.path).unwrap();
    file.lock_shared().unwrap();
    age(&held.path, HOUR * 2);
    put(&scene.store, &filled(1, 600)).await;
    assert!(held.path.exists());
    drop(file);
    let pruned = scene.store.prune().await.unwrap();
    assert_eq!(
        (pruned.removed, pruned.bytes_removed, pruned.bytes_left),
        (1, 600, 600)
    );
    assert!(!held.path.exists());
}

#[tokio::test]
async fn a_mark_of_a_time_to_come_does_not_keep_a_file_for_ever() {
    // The clock of the machine was wrong once.
    let scene = Scene::with(narrow()).await;
    let stored = put(&scene.store, &filled(0, 600)).await;
    let future = std::time::SystemTime::now() + HOUR * 2;
    crate::scene::stamp(&stored.path, future);
    put(&scene.store, &filled(1, 600)).await;
    assert!(!stored.path.exists());
}

#[tokio::test]
async fn a_blob_that_can_never_fit_is_refused_before_it_is_read() {
    // Otherwise it would first drive out everything else.
    let scene = Scene::with(narrow()).await;
    let error = scene
        .store
        .put(1_001, tokio::io::empty())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            PutError::BeyondLimit {
                size: 1_001,
                bytes_max: 1_000
            }
        ),
        "{error}"
    );
    put(&scene.store, &filled(0, 1_000)).await;
}

#[tokio::test]
async fn pruning_within_the_limit_removes_nothing() {
    // It is the limit that is kept, and not a time.
    let scene = Scene::with(narrow()).await;
    let stored = put(&scene.store, &filled(0, 1_000)).await;
    age(&stored.path, HOUR * 100);
    assert_eq!(scene.store.prune().await.unwrap().removed, 0);
}

#[tokio::test]
async fn a_store_that_is_opened_with_a_lower_limit_is_pruned_to_it() {
    // With nothing in use and no room, all goes: the way to clear a store.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"x").await;
    scene
        .store
        .put_action(b"key", stored.blob, b"")
        .await
        .unwrap();
    let none = Limits::default().bytes_max(0).in_use(Duration::ZERO);
    let other = open(scene.directory.path(), none).await;
    assert_eq!(other.prune().await.unwrap().removed, 2);
    assert_eq!(scene.store.stat().await.unwrap(), Stat::default());
}

#[tokio::test]
async fn a_count_that_is_lost_is_made_anew() {
    // Damaged, it is taken for too much, and the next put counts what is there.
    let scene = Scene::with(narrow()).await;
    let old = put(&scene.store, &filled(0, 600)).await;
    age(&old.path, HOUR * 2);
    damage(&scene.directory.path().join("perennial-store"), |bytes| {
        bytes.truncate(20)
    });
    put(&scene.store, &filled(1, 600)).await;
    assert!(!old.path.exists());
    assert_eq!(count(scene.directory.path()), 600);
}

#[tokio::test]
async fn a_body_that_took_long_is_in_use_when_it_is_put() {
    // Its last byte was written before what is in use now.
    let scene = Scene::with(Limits::default().bytes_max(1_000_000)).await;
    put(&scene.store, &filled(0, 900_000)).await;
    let (mut near, far) = duplex(CHUNK);
    let write = async {
        near.write_all(&filled(1, CHUNK)).await.unwrap();
        while scene.files("incoming").is_empty() {
            yield_now().await;
        }
        let written = || scene.files("incoming")[0].metadata().unwrap().len();
        while written() < CHUNK as u64 {
            yield_now().await;
        }
        age(&scene.files("incoming")[0], HOUR * 2);
        drop(near);
    };
    let (stored, ()) = tokio::join!(scene.store.put(CHUNK as u64, far), write);
    assert!(stored.unwrap().path.exists());
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    // What is no digest is none of ours.
    let scene = Scene::with(narrow().in_use(Duration::ZERO)).await;
    let notes = scene.directory.path().join("blobs/notes");
    std::fs::write(&notes, filled(0, 2_000)).unwrap();
    age(&notes, HOUR * 2);
    assert_eq!(scene.store.prune().await.unwrap().removed, 0);
    assert_eq!(scene.store.stat().await.unwrap(), Stat::default());
    assert!(notes.exists());
}

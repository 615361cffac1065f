//! A store is made where nothing is, and found where one is.

use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use futures::future::join_all;
use perennial::store::{FileError, Limits, OpenError, Store};
use tempfile::TempDir;

use crate::scene::{Scene, damage, open, put, read};

#[tokio::test]
async fn a_directory_that_is_missing_is_made_for_one_user() {
    // With all above it.
    let above = TempDir::new().unwrap();
    let path = above.path().join("cache/of/mine");
    open(&path, Limits::default()).await;
    for path in [path.as_path(), path.parent().unwrap()] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o7777,
            0o700
        );
    }
}

#[tokio::test]
async fn a_directory_that_holds_something_else_is_refused() {
    // And left as it is.
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("letter"), "dear").unwrap();
    let error = Store::open(directory.path(), Limits::default())
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_store_of_another_version_is_refused_by_name() {
    // One that is later may have any layout.
    let scene = Scene::new().await;
    let header = scene.directory.path().join("perennial-store");
    damage(&header, |bytes| bytes[16] = b'2');
    let error = Store::open(scene.directory.path(), Limits::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, OpenError::Version { version, .. } if version == "2"),
        "{error}"
    );
    damage(&header, |bytes| *bytes = b"something".to_vec());
    let error = Store::open(scene.directory.path(), Limits::default())
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_path_that_is_no_directory_is_an_error_that_names_it() {
    // The source is the system's.
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    File::create(&path).unwrap();
    let error = Store::open(&path, Limits::default()).await.unwrap_err();
    let OpenError::File(error) = error else {
        panic!("{error}");
    };
    assert_eq!(FileError::path(&error), path);
    assert!(error.source().is_some());
}

#[tokio::test]
async fn a_store_whose_maker_was_killed_is_made_to_the_end() {
    // The header is empty until all else is there.
    let directory = TempDir::new().unwrap();
    File::create(directory.path().join("perennial-store")).unwrap();
    fs::create_dir(directory.path().join("blobs")).unwrap();
    let store = open(directory.path(), Limits::default()).await;
    let stored = put(&store, b"x").await;
    assert!(read(&store, stored.blob).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_may_be_made_by_many_at_once() {
    // One makes it, and the others find it made.
    for _ in 0..50 {
        let directory = TempDir::new().unwrap();
        join_all((0..4).map(|_| open(directory.path(), Limits::default()))).await;
    }
}

#[tokio::test]
async fn opening_removes_what_is_left_and_not_what_is_being_written() {
    // A writer that lives holds a lock.
    let scene = Scene::new().await;
    let incoming = scene.directory.path().join("incoming");
    fs::write(incoming.join("left"), "half").unwrap();
    let alive = File::create(incoming.join("alive")).unwrap();
    alive.lock().unwrap();
    open(scene.directory.path(), Limits::default()).await;
    assert_eq!(scene.files("incoming"), [incoming.join("alive")]);
}

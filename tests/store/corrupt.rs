//! What is damaged is told once, removed, and never served.

use std::error::Error;

use perennial::store::{Blob, Digest, GetActionError, GetError};

use crate::scene::{Scene, damage, put, read};

#[tokio::test]
async fn a_blob_of_another_size_is_told_once_and_removed() {
    // Cut short, as by a loss of power, or with something behind.
    let longer = |bytes: &mut Vec<u8>| bytes.push(0);
    for how in [Vec::clear, |bytes: &mut Vec<u8>| bytes.truncate(3), longer] {
        let scene = Scene::new().await;
        let stored = put(&scene.store, b"content").await;
        damage(&stored.path, how);
        let error = scene.store.get(stored.blob).await.unwrap_err();
        assert!(
            matches!(error, GetError::Corrupt { blob } if blob == stored.blob),
            "{error}"
        );
        assert_eq!(read(&scene.store, stored.blob).await, None);
        put(&scene.store, b"content").await;
        assert!(read(&scene.store, stored.blob).await.is_some());
    }
}

#[tokio::test]
async fn a_sound_blob_that_is_asked_for_with_a_wrong_size_stays() {
    // The caller is wrong, and not the file.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"content").await;
    let wrong = Blob::new(stored.blob.digest, 8);
    let error = scene.store.get(wrong).await.unwrap_err();
    assert!(matches!(error, GetError::Size { actual: 7, .. }), "{error}");
    assert!(read(&scene.store, stored.blob).await.is_some());
}

#[tokio::test]
async fn a_blob_with_other_bytes_is_found_by_verifying() {
    // Its size does not show it, so it takes a look at all of it. The others stay.
    let scene = Scene::new().await;
    let good = put(&scene.store, b"good").await;
    let bad = put(&scene.store, b"bad!").await;
    damage(&bad.path, |bytes| bytes[2] ^= 1);
    let verified = scene.store.verify().await.unwrap();
    assert_eq!(
        (verified.blobs, verified.blobs_removed),
        (1, vec![bad.blob.digest])
    );
    assert_eq!(read(&scene.store, bad.blob).await, None);
    assert!(read(&scene.store, good.blob).await.is_some());
}

#[tokio::test]
async fn a_verifying_tells_how_far_it_is() {
    // Before the first file, and after each; at the end it is at the end.
    let scene = Scene::new().await;
    put(&scene.store, b"good").await;
    let bad = put(&scene.store, b"bad!").await;
    damage(&bad.path, |bytes| bytes[2] ^= 1);
    let mut told = Vec::new();
    let verified = scene.store.verify_with(|progress| {
        told.push((progress.bytes, progress.bytes_in_all));
    });
    verified.await.unwrap();
    assert_eq!(told, [(0, 8), (4, 8), (8, 8)]);
}

#[tokio::test]
async fn putting_a_blob_again_mends_it() {
    // What is there is replaced by its like, which is whole.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"content").await;
    damage(&stored.path, |bytes| bytes[2] ^= 1);
    put(&scene.store, b"content").await;
    assert_eq!(read(&scene.store, stored.blob).await.unwrap(), b"content");
}

#[tokio::test]
async fn an_action_with_any_bit_turned_is_told_once_and_removed() {
    // Bit for bit, and cut off at each byte.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"object").await;
    let put_action = || scene.store.put_action(b"key", stored.blob, b"meta");
    put_action().await.unwrap();
    let size = std::fs::metadata(scene.action()).unwrap().len() as usize;
    for at in 0..size {
        for cuts in [false, true] {
            let path = scene.action();
            match cuts {
                true => damage(&path, |bytes| bytes.truncate(at)),
                false => damage(&path, |bytes| bytes[at] ^= 1 << (at % 8)),
            }
            let error = scene.store.get_action(b"key").await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "action 6b6579 was corrupt, and is removed"
            );
            assert_eq!(scene.store.get_action(b"key").await.unwrap(), None);
            put_action().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_action_whose_blob_is_corrupt_says_so() {
    // The source names the blob, and the next answer is that there is none.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"object").await;
    scene
        .store
        .put_action(b"key", stored.blob, b"")
        .await
        .unwrap();
    damage(&stored.path, Vec::clear);
    let error = scene.store.get_action(b"key").await.unwrap_err();
    assert!(matches!(error, GetActionError::Blob { .. }), "{error}");
    let source = error.source().unwrap().to_string();
    assert_eq!(
        source,
        format!("blob {} was corrupt, and is removed", stored.blob.digest)
    );
    assert_eq!(scene.store.get_action(b"key").await.unwrap(), None);
}

#[tokio::test]
async fn a_corrupt_action_is_found_by_verifying() {
    // It is named by the digest of its key, which is the name of its file.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"object").await;
    scene
        .store
        .put_action(b"key", stored.blob, b"")
        .await
        .unwrap();
    damage(&scene.action(), |bytes| bytes[40] ^= 1);
    let verified = scene.store.verify().await.unwrap();
    assert_eq!(
        (verified.actions, verified.actions_removed),
        (0, vec![Digest::of(b"key")])
    );
    assert!(scene.files("actions").is_empty());
}

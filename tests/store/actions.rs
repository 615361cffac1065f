//! What came of a piece of work, by a key.

use std::time::SystemTime;

use perennial::store::{Blob, METADATA_SIZE_MAX, PutActionError};

use crate::scene::{Scene, put};

#[tokio::test]
async fn an_action_says_blob_path_time_and_metadata() {
    // All that a build cache answers with, in one call.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"object").await;
    let before = SystemTime::now();
    scene
        .store
        .put_action(b"key", stored.blob, b"took 3 s")
        .await
        .unwrap();
    let action = scene.store.get_action(b"key").await.unwrap().unwrap();
    assert_eq!((action.blob, action.path), (stored.blob, stored.path));
    assert!(before <= action.time && action.time <= SystemTime::now());
    assert_eq!(action.metadata, b"took 3 s");
}

#[tokio::test]
async fn a_key_is_any_bytes() {
    // Also none, also what no file could be called, also very many.
    let scene = Scene::new().await;
    let keys: [&[u8]; 5] = [b"", b"/", b"..", &[0, 255], &[7; 100_000]];
    for (number, key) in keys.iter().enumerate() {
        let stored = put(&scene.store, &[number as u8]).await;
        scene.store.put_action(key, stored.blob, b"").await.unwrap();
    }
    for (number, key) in keys.iter().enumerate() {
        let action = scene.store.get_action(key).await.unwrap().unwrap();
        assert_eq!(action.blob, Blob::of(&[number as u8]));
    }
}

#[tokio::test]
async fn the_last_action_of_a_key_stands() {
    // Work that is done again may come to something else.
    let scene = Scene::new().await;
    for bytes in [b"one", b"two"] {
        let stored = put(&scene.store, bytes).await;
        scene
            .store
            .put_action(b"key", stored.blob, bytes)
            .await
            .unwrap();
    }
    let action = scene.store.get_action(b"key").await.unwrap().unwrap();
    assert_eq!(
        (action.blob, &action.metadata[..]),
        (Blob::of(b"two"), &b"two"[..])
    );
    assert_eq!(scene.store.stat().await.unwrap().actions, 1);
}

#[tokio::test]
async fn an_action_without_its_blob_is_not_there() {
    // A path that leads nowhere is worse than work that is done again.
    let scene = Scene::new().await;
    scene
        .store
        .put_action(b"key", Blob::of(b"never put"), b"")
        .await
        .unwrap();
    assert_eq!(scene.store.get_action(b"key").await.unwrap(), None);
    put(&scene.store, b"never put").await;
    assert!(scene.store.get_action(b"key").await.unwrap().is_some());
}

#[tokio::test]
async fn metadata_has_a_limit() {
    // An action is small. The key is named as it begins.
    let scene = Scene::new().await;
    let long = vec![0; METADATA_SIZE_MAX + 1];
    let error = scene
        .store
        .put_action(b"\x01\xab", Blob::of(b""), &long)
        .await
        .unwrap_err();
    assert!(matches!(error, PutActionError::MetadataTooLong { .. }));
    assert!(
        error
            .to_string()
            .starts_with("the metadata of action 01ab has 65537 bytes")
    );
    let fits = &long[1..];
    let put = scene
        .store
        .put_action(b"\x01\xab", Blob::of(b""), fits)
        .await;
    put.unwrap();
}

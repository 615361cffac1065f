//! What is put is got, and what is not as declared is not put.

use std::error::Error;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures::future::join_all;
use perennial::store::{Blob, Digest, DigestError, Limits, PutError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, duplex};
use tokio::runtime::Builder;

use crate::scene::{Scene, count, filled, put, read};

#[tokio::test]
async fn what_is_put_is_got_whatever_its_size() {
    // 256 KiB are read at a time, so these are the edges.
    let scene = Scene::new().await;
    let chunk = 256 << 10;
    for size in [
        0,
        1,
        4095,
        chunk - 1,
        chunk,
        chunk + 1,
        2 * chunk,
        3_000_000,
    ] {
        let bytes = filled(size as u64, size);
        let stored = put(&scene.store, &bytes).await;
        assert_eq!(read(&scene.store, stored.blob).await, Some(bytes));
    }
}

#[tokio::test]
async fn what_was_never_put_is_not_there() {
    // Not to be there is an answer and no error.
    let scene = Scene::new().await;
    assert_eq!(read(&scene.store, Blob::of(b"never")).await, None);
}

#[tokio::test]
async fn a_blob_is_there_for_all_who_open_the_directory() {
    // Nothing that counts is kept in memory.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"shared").await;
    let other = crate::scene::open(scene.directory.path(), Limits::default()).await;
    assert_eq!(other.get(stored.blob).await.unwrap(), Some(stored));
}

#[tokio::test]
async fn equal_blobs_are_one() {
    // The name is the content.
    let scene = Scene::new().await;
    let first = put(&scene.store, b"twice").await;
    assert_eq!(put(&scene.store, b"twice").await, first);
    assert_eq!(scene.store.stat().await.unwrap().blobs, 1);
}

#[tokio::test]
async fn a_blob_that_is_put_by_many_at_once_is_put() {
    // Each writes a file of its own, and the last name given stands.
    let scene = Scene::new().await;
    let bytes = filled(1, 600_000);
    let puts = join_all((0..8).map(|_| put(&scene.store, &bytes))).await;
    assert!(puts.iter().all(|stored| *stored == puts[0]));
    assert_eq!(read(&scene.store, puts[0].blob).await, Some(bytes));
    assert!(scene.files("incoming").is_empty());
}

#[tokio::test]
async fn a_body_comes_in_pieces_of_any_size() {
    // As it does from a pipe.
    let scene = Scene::new().await;
    let bytes = filled(2, 300_000);
    let (mut near, far) = duplex(7);
    let blob = Blob::of(&bytes);
    let sent = bytes.clone();
    let write = async move {
        near.write_all(&sent).await.unwrap();
    };
    let (stored, ()) = tokio::join!(scene.store.put_as(blob, far), write);
    assert_eq!(stored.unwrap().blob, blob);
    assert_eq!(read(&scene.store, blob).await, Some(bytes));
}

#[tokio::test]
async fn a_short_body_is_not_put() {
    // At both sides of a chunk.
    for size in [3, 400_000] {
        let error = refused(Scene::new().await, size + 1, filled(3, size as usize)).await;
        assert!(
            matches!(error, PutError::Short { size: declared, received }
                if declared == size + 1 && received == size),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_long_body_is_not_put_and_not_read_to_its_end() {
    // One byte more is enough to know.
    let error = refused(Scene::new().await, 3, b"four".to_vec()).await;
    assert_eq!(
        error.to_string(),
        "the body has more than the 3 bytes that were declared"
    );
    let scene = Scene::new().await;
    let error = scene
        .store
        .put(300_000, tokio::io::repeat(1))
        .await
        .unwrap_err();
    assert!(matches!(error, PutError::Long { size: 300_000 }), "{error}");
}

#[tokio::test]
async fn a_body_that_fails_is_not_put() {
    // The error of the body is the source.
    let scene = Scene::new().await;
    let body = (&b"begin"[..]).chain(Broken);
    let error = scene.store.put(10, body).await.unwrap_err();
    assert_eq!(error.to_string(), "the body failed after 5 of 10 bytes");
    assert_eq!(error.source().unwrap().to_string(), "broken");
    assert_eq!(scene.store.stat().await.unwrap().blobs, 0);
    assert!(scene.files("incoming").is_empty());
}

#[tokio::test]
async fn a_body_with_another_digest_is_not_put() {
    // Both digests are named.
    let scene = Scene::new().await;
    let declared = Blob::new(Digest::of(b"good"), 4);
    let error = scene
        .store
        .put_as(declared, &b"evil"[..])
        .await
        .unwrap_err();
    let text = error.to_string();
    let (good, evil) = (Digest::of(b"good"), Digest::of(b"evil"));
    assert_eq!(
        text,
        format!("the body has the digest {evil}: {good} was declared")
    );
    assert_eq!(read(&scene.store, declared).await, None);
    assert!(scene.files("incoming").is_empty());
}

#[tokio::test]
async fn a_put_that_is_dropped_leaves_nothing() {
    // Half of the body is on disk then.
    let scene = Scene::new().await;
    let (mut near, far) = duplex(1 << 20);
    near.write_all(&[1; 600_000]).await.unwrap();
    let mut putting = Box::pin(scene.store.put(1_000_000, far));
    while scene.files("incoming").is_empty() {
        let turn = tokio::task::yield_now();
        futures::future::select(&mut putting, std::pin::pin!(turn)).await;
    }
    drop(putting);
    // What was under way on a blocking thread ends by itself.
    while !scene.files("incoming").is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.store.stat().await.unwrap().blobs, 0);
}

#[tokio::test]
async fn what_is_stored_is_for_one_user_and_not_to_be_changed() {
    // A consumer that opens the path to write is refused by the system.
    let scene = Scene::new().await;
    let stored = put(&scene.store, b"private").await;
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(stored.path.as_path()), 0o400);
    assert_eq!(mode(stored.path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_name_that_cannot_be_given_is_an_error_that_names_it() {
    // Invariant 4: what could not be put may be counted, and what is put always is.
    let scene = Scene::new().await;
    let path = scene
        .directory
        .path()
        .join("blobs")
        .join(Digest::of(b"x").to_string());
    std::fs::create_dir(&path).unwrap();
    let error = scene.store.put(1, &b"x"[..]).await.unwrap_err();
    assert!(
        matches!(&error, PutError::File(file) if file.path() == path),
        "{error}"
    );
    assert!(scene.files("incoming").is_empty());
    assert_eq!(count(scene.directory.path()), 1);
}

#[test]
fn a_runtime_that_has_stopped_is_an_error() {
    // Nothing is done, and nobody waits for ever.
    let runtime = Builder::new_current_thread().build().unwrap();
    let scene = runtime.block_on(Scene::new());
    let handle = runtime.handle().clone();
    drop(runtime);
    let _inside = handle.enter();
    let stat = pin!(scene.store.stat());
    let Poll::Ready(stat) = stat.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for what has stopped");
    };
    assert_eq!(stat.unwrap_err().path(), scene.directory.path());
}

#[test]
fn a_digest_is_read_as_it_is_shown() {
    // Known answers of SHA-256, and texts that are none.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(Digest::of(b"abc").to_string(), abc);
    assert_eq!(abc.parse(), Ok(Digest::of(b"abc")));
    for wrong in [
        "",
        &abc[1..],
        &abc.to_uppercase(),
        &abc.replace('b', "/"),
        "é",
    ] {
        assert!(
            matches!(wrong.parse::<Digest>(), Err(DigestError { .. })),
            "{wrong}"
        );
    }
}

async fn refused(scene: Scene, size: u64, body: Vec<u8>) -> PutError {
    let put = scene.store.put(size, &body[..]).await;
    let error = put.expect_err("it is not as declared");
    assert_eq!(scene.store.stat().await.expect("the system works").blobs, 0);
    assert!(scene.files("incoming").is_empty());
    error
}

/// A body that fails.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("broken")))
    }
}

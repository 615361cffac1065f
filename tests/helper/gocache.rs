//! Both sides of Go's build cache, with the cache of `examples/gocache` as the program.

use std::fs;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{self, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::join_all;
use perennial::helper::gocache::{
    Asking, CacheError, Content, GoCache, Listening, Request, SpoolError,
};
use perennial::helper::{CallError, Listener, Protocol};
use perennial::process::Command;
use perennial::store::Digest;
use perennial::{Backoff, Context, RunError, Supervisor, Tree};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::common::alone;
use crate::program;

/// A cache in this folder, and the tree that runs it.
fn cache(folder: &Path) -> (GoCache, Tree) {
    let command = Command::new(program::path("gocache", "helper,store"));
    let cache = GoCache::new(command.args(["serve", "--dir"]).arg(folder));
    let declared = cache.helper().clone();
    let root = move |ctx: Context| {
        let node = declared.clone().runnable().backoff(Backoff::none());
        async move {
            ctx.run("cache", node)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    (cache, Supervisor::new(root).start())
}

fn digest(body: &[u8]) -> Vec<u8> {
    Digest::of(body).as_bytes().to_vec()
}

#[test]
fn helper_24_what_was_put_is_got_whatever_its_size() {
    // Bodies of all sizes around those of the coding and of a pipe; none is sent for an empty one.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let (cache, tree) = cache(folder.path());
        for size in [0, 1, 2, 3, 4, 4095, 4096, 65_537, 20_000_000] {
            let body: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
            let (action, output) = (size.to_le_bytes(), digest(&body));
            assert_eq!(cache.get(&action).await.unwrap(), None);
            let content = match size % 2 {
                0 => Content::from(body.clone()),
                _ => Content::spool(size.into(), &body[..]).await.unwrap(),
            };
            let put = cache.put(&action, &output, content);
            let path = put.await.unwrap().unwrap();
            let entry = cache.get(&action).await.unwrap().unwrap();
            assert_eq!((&entry.output, entry.size), (&output, u64::from(size)));
            assert_eq!(entry.path, path);
            assert!(fs::read(path).unwrap() == body, "{size} bytes");
        }
        let report = cache.close().await.unwrap();
        assert!(report.is_clean(), "{report}");
        drop(tree.stop().await);
    });
}

#[test]
fn what_was_put_is_there_for_the_next_program() {
    // A warm build. The first program is killed, not closed.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let body = Bytes::from_static(b"an object file");
        let output = digest(&body);
        let (first, tree) = cache(folder.path());
        first.put(b"action", &output, body.clone()).await.unwrap();
        let (second, other) = cache(folder.path());
        let entry = second.get(b"action").await.unwrap().unwrap();
        assert_eq!(fs::read(entry.path).unwrap(), body);
        drop((tree.stop().await, other.stop().await));
    });
}

#[test]
fn an_error_of_the_cache_is_no_silent_miss() {
    // Errors are typed and visible: a body that is not what it is called is refused.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let (cache, tree) = cache(folder.path());
        let wrong = digest(b"another body");
        let error = cache.put(b"action", &wrong, Bytes::from_static(b"a body"));
        let error = error.await.unwrap_err();
        let CacheError::Call(CallError::Remote { error: text, .. }) = error else {
            panic!("{error}");
        };
        assert!(text.starts_with("nothing can be put"), "{text}");
        assert_eq!(cache.get(b"action").await.unwrap(), None);
        drop(tree.stop().await);
    });
}

#[test]
fn a_file_that_is_gone_is_an_error() {
    // What a hit names is looked at, so that nobody builds on it.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let (cache, tree) = cache(folder.path());
        let body = Bytes::from_static(b"a body");
        let output = digest(&body);
        let put = cache.put(b"action", &output, body.clone());
        let path = put.await.unwrap().unwrap();
        fs::remove_file(path).unwrap();
        match cache.get(b"action").await {
            // The store looks, too.
            Ok(None) | Err(CacheError::NoFile { .. }) => {}
            other => panic!("{other:?}"),
        }
        drop(tree.stop().await);
    });
}

#[test]
fn a_cache_that_is_killed_is_asked_again() {
    // Helper_33: all calls are idempotent. A real program, killed while it works.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let (cache, tree) = cache(folder.path());
        let body = Bytes::from(vec![7; 3_000_000]);
        let output = digest(&body);
        for round in 0..10_u8 {
            let action = [round];
            let put = cache.put(&action, &output, body.clone());
            let kill = async {
                cache.helper().capabilities().await.unwrap();
                for pid in crate::common::children() {
                    let pid = rustix::process::Pid::from_raw(pid).unwrap();
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            };
            let (put, ()) = tokio::join!(put, kill);
            put.unwrap().unwrap();
            let entry = cache.get(&action).await.unwrap().unwrap();
            assert_eq!(entry.size, 3_000_000);
        }
        drop(tree.stop().await);
    });
}

/// A source that fails.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

#[test]
fn helper_25_a_source_that_is_short_fails_before_anything_is_said() {
    // Helper_26 and 27 as well. Nobody has a part of it, so that nothing can be torn.
    alone(async || {
        let short = Content::spool(6, &b"word"[..]).await.unwrap_err();
        assert_eq!(short.to_string(), "a body of 6 bytes ended after 4");
        let long = Content::spool(3, &b"word"[..]).await.unwrap_err();
        assert_eq!(long.to_string(), "a body is longer than its 3 bytes");
        let failed = Content::spool(6, b"word".chain(Broken)).await.unwrap_err();
        let SpoolError::Source {
            found: 4, source, ..
        } = failed
        else {
            panic!("{failed}");
        };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_body_is_written_in_pieces() {
    // Bounded memory: no piece is larger than a pipe, whatever the size; and together they are what
    // the other side reads.
    alone(async || {
        let body: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        for content in [
            Content::from(body.clone()),
            Content::spool(300_000, &body[..]).await.unwrap(),
        ] {
            let asked = Request::Put {
                action: vec![1],
                output: vec![2],
                body: content,
            };
            let written = Asking::default().body(&asked).unwrap();
            let pieces: Vec<Bytes> = written.try_collect().await.unwrap();
            assert!(pieces.iter().all(|piece| piece.len() <= 64 * 1024));
            assert_eq!(
                pieces.concat(),
                format!("\"{}\"", STANDARD.encode(&body)).as_bytes()
            );
        }
    });
}

#[test]
fn helper_28_small_calls_wait_for_the_body_before_them_and_no_longer() {
    // One message is written at a time, in the order of the calls.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let (cache, tree) = cache(folder.path());
        let body = Bytes::from(vec![7; 5_000_000]);
        let output = digest(&body);
        let small = join_all((0..50_u8).map(|_| cache.get(b"unknown")));
        tokio::select! {
            biased;
            _ = async {
                cache.put(b"first", &output, body.clone()).await.unwrap();
                std::future::pending::<()>().await;
            } => unreachable!("it never ends"),
            small = small => assert!(small.into_iter().all(|miss| miss.unwrap().is_none())),
            _ = cache.put(b"second", &output, body.clone()) => panic!("it was behind them"),
        }
        drop(tree.stop().await);
    });
}

#[test]
fn the_file_of_an_output_is_the_one_that_was_named_last() {
    // As cmd/go has it, but that nothing unknown and nothing that is gone is given out.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let (cache, tree) = cache(folder.path());
        let body = Bytes::from_static(b"an object file");
        let output = digest(&body);
        let unknown = cache.output_file(&output).await.unwrap_err();
        assert!(matches!(unknown, CacheError::Unknown { .. }), "{unknown}");
        let put = cache.put(b"action", &output, body.clone());
        let path = put.await.unwrap().unwrap();
        assert_eq!(cache.output_file(&output).await.unwrap(), path);

        // Another one learns it by a get, and so do its clones.
        let (other, others) = self::cache(folder.path());
        let clone = other.clone();
        other.get(b"action").await.unwrap().unwrap();
        assert_eq!(clone.output_file(&output).await.unwrap(), path);

        fs::remove_file(&path).unwrap();
        let gone = cache.output_file(&output).await.unwrap_err();
        assert!(matches!(gone, CacheError::NoFile { .. }), "{gone}");
        fs::write(&path, b"cut").unwrap();
        let cut = cache.output_file(&output).await.unwrap_err();
        assert!(matches!(cut, CacheError::Size { found: 3, .. }), "{cut}");
        drop((tree.stop().await, others.stop().await));
    });
}

#[test]
fn what_is_malformed_is_an_error_on_both_sides() {
    // D1: no panic, no stack without end, and the side of the cache takes none for a request.
    let deep = "[".repeat(1_000_000);
    for line in [
        "{",
        "{\"ID\":1",
        "\u{feff}{\"ID\":1}",
        "{\"ID\":1,}",
        "{\"ID\":NaN}",
        "{\"ID\":1,\"ID\":2}",
        "{\"ID\":-1}",
        "{\"ID\":1}{\"ID\":2}",
        "null",
        &deep,
    ] {
        let begins = &line[..line.len().min(20)];
        let asking = Asking::default();
        asking.read_hello(line.as_bytes()).expect_err(begins);
        asking.read(line.as_bytes()).expect_err(begins);
        let asked = Listening::default().read(line.as_bytes().to_vec().into());
        asked.expect_err(begins);
    }
}

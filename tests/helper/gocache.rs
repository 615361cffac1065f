//! Both sides of Go's build cache, with the cache of `examples/gocache` as the program.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use perennial::helper::CallError;
use perennial::helper::gocache::{CacheError, GoCache};
use perennial::process::Command;
use perennial::store::Digest;
use perennial::{Backoff, Context, RunError, Supervisor, Tree};
use tempfile::TempDir;

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
            let put = cache.put(&action, &output, Bytes::from(body.clone()));
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
        let CacheError::Call(CallError::Remote(text)) = error else {
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

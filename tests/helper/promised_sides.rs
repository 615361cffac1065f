//! What the documentation of both sides of a cache promises, and of `serve`.

use std::error::Error;
use std::fs;
use std::time::Duration;

use bytes::Bytes;
use perennial::helper::gocache::{CacheError, Content, GoCache, SpoolError};
use perennial::helper::{
    Asked, CallError, CloseAnswer, FrameError, Framing, Listener, ProtocolError, ServeError,
    ServeLimits, serve,
};
use tempfile::TempDir;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::common::{alone, sh};
use crate::guest;

/// A cache that knows these words, and gives these answers in turn.
fn told(known: &str, answers: &[String]) -> GoCache {
    let script = r#"echo "{\"ID\":0,\"KnownCommands\":[$known]}"
        answers() {
            while read -r line; do
                case $line in {*)
                    id=${line#*:}; id=${id%%[,\}]*}
                    read -r answer <&3; echo "{\"ID\":$id${answer:+,$answer}}"
                esac
            done
        }
        answers 3<<END
$answers
END"#;
    let command = sh(script).env("known", known);
    GoCache::new(command.env("answers", answers.join("\n")))
}

#[test]
fn a_cache_that_can_neither_get_nor_put_has_and_takes_nothing() {
    alone(async || {
        let cache = told(r#""close""#, &[]);
        let tree = guest::run(cache.helper());
        assert_eq!(cache.get(b"action").await.unwrap(), None);
        let put = cache.put(b"action", b"output", Bytes::from("body")).await;
        assert_eq!(put.unwrap(), None);
        let report = cache.close().await.unwrap();
        assert_eq!(report.answer, CloseAnswer::Closed);
        let error = cache.get(b"action").await.unwrap_err();
        assert_eq!(error.to_string(), "sh is closed");
        assert!(matches!(error, CacheError::Call(CallError::Closed { .. })));
        tree.stop().await.unwrap();
    });
}

#[test]
fn each_error_of_a_cache_says_what_and_nothing_is_learnt_from_it() {
    alone(async || {
        let folder = TempDir::new().unwrap();
        let (file, none) = (folder.path().join("file"), folder.path().join("none"));
        fs::write(&file, "body").unwrap();
        let hit = |size: u64, path: &std::path::Path| {
            let path = path.display();
            format!(r#""OutputID":"Ag==","Size":{size},"DiskPath":"{path}""#)
        };
        let put = format!(r#""DiskPath":"{}""#, file.display());
        let error = r#""Err":"disk full""#.to_owned();
        let miss = r#""Miss":true"#.to_owned();
        let answers = [hit(5, &file), hit(4, &none), put.clone(), error, miss, put];
        let cache = told(r#""get","put""#, &answers);
        let tree = guest::run(cache.helper());

        let error = cache.get(b"action").await.unwrap_err();
        let named = format!(
            "the file {} of the cache has 4 bytes, not 5",
            file.display()
        );
        assert_eq!(error.to_string(), named);
        let CacheError::Size { path, size, found } = error else {
            panic!("{error}");
        };
        assert_eq!((path, size, found), (file.clone(), 5, 4));

        let error = cache.get(b"action").await.unwrap_err();
        let named = format!("the file {} of the cache is not there", none.display());
        assert_eq!(error.to_string(), named);
        assert!(error.source().is_some());
        assert!(matches!(error, CacheError::NoFile { path, .. } if path == none));

        let error = cache.get(b"action").await.unwrap_err();
        assert_eq!(error.to_string(), "sh answers a get with something else");
        assert!(matches!(error, CacheError::Unfitting { asked: "get", .. }));

        let error = cache.get(b"action").await.unwrap_err();
        assert_eq!(error.to_string(), "sh says: disk full");
        assert!(matches!(error, CacheError::Call(CallError::Remote { .. })));

        let error = cache.put(b"action", &[2], Bytes::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "sh answers a put with something else");
        assert!(matches!(error, CacheError::Unfitting { asked: "put", .. }));

        let error = cache.put(b"action", &[2], Bytes::from("other")).await;
        assert!(
            matches!(
                error,
                Err(CacheError::Size {
                    size: 5,
                    found: 4,
                    ..
                })
            ),
            "{error:?}"
        );

        let error = cache.output_file(&[2]).await.unwrap_err();
        let named = "no get or put has named a file of the output Ag==";
        assert_eq!(error.to_string(), named);
        assert!(matches!(error, CacheError::Unknown { output } if output == "Ag=="));
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_file_that_was_named_is_looked_at_when_the_cache_is_closed() {
    alone(async || {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "body").unwrap();
        let cache = told(r#""put""#, &[format!(r#""DiskPath":"{}""#, file.display())]);
        let tree = guest::run(cache.helper());
        let put = cache.put(b"action", &[2], Bytes::from("body")).await;
        assert_eq!(put.unwrap().as_ref(), Some(&file));
        cache.close().await.unwrap();
        assert_eq!(cache.output_file(&[2]).await.unwrap(), file);
        fs::remove_file(&file).unwrap();
        let error = cache.output_file(&[2]).await;
        assert!(matches!(error, Err(CacheError::NoFile { .. })), "{error:?}");
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_source_is_copied_if_it_is_as_long_as_it_is_said_to_be() {
    alone(async || {
        let empty = Content::spool(0, &b""[..]).await.unwrap();
        assert_eq!(empty.size(), 0);
        let whole = Content::spool(4, &b"word"[..]).await.unwrap();
        assert_eq!(whole.size(), 4);
        let error = Content::spool(0, &b"w"[..]).await.unwrap_err();
        assert_eq!(error.to_string(), "a body is longer than its 0 bytes");
        assert!(matches!(error, SpoolError::Long { size: 0 }));
        let error = Content::spool(3, &b"word"[..]).await.unwrap_err();
        assert!(matches!(error, SpoolError::Long { size: 3 }), "{error}");
        let error = Content::spool(u64::MAX, &b"word"[..]).await.unwrap_err();
        let named = format!("a body of {} bytes ended after 4", u64::MAX);
        assert_eq!(error.to_string(), named);
        assert!(matches!(error, SpoolError::Short { found: 4, .. }));
    });
}

/// Hears lines.
struct Lines;

impl Listener for Lines {
    type Request = Bytes;

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn read(&mut self, message: Bytes) -> Result<Asked<Bytes>, ProtocolError> {
        Ok(Asked::Request(message))
    }
}

/// What is said to two words, if there may be so much.
async fn said(message_max: usize, running_max: usize) -> (Result<(), ServeError>, String) {
    let mut limits = ServeLimits::default();
    assert_eq!((limits.message_max, limits.running_max), (16 << 20, 64));
    (limits.message_max, limits.running_max) = (message_max, running_max);
    let mut said = Vec::new();
    let again = async |word: Bytes| {
        yield_now().await;
        Some(word.to_vec())
    };
    let served = serve(&b"word\n\nwo\n"[..], &mut said, limits, Lines, again);
    let served = timeout(Duration::from_secs(5), served).await;
    let served = served.expect("it comes to an end");
    (served, String::from_utf8(said).expect("text"))
}

#[test]
fn a_request_may_be_as_long_as_the_limit_and_no_longer() {
    alone(async || {
        let (served, _) = said(4, 64).await;
        served.unwrap();
        let (served, told) = said(3, 64).await;
        let error = served.unwrap_err();
        assert_eq!(error.to_string(), "the other side broke the protocol");
        let is_told = matches!(
            error,
            ServeError::Protocol(ProtocolError::Frame(FrameError::TooLong { max: 3 }))
        );
        assert!(is_told, "{error:?}");
        assert_eq!(told, "");
    });
}

#[test]
fn at_least_one_request_is_worked_on() {
    alone(async || {
        for running_max in [0, 1] {
            let (served, told) = said(4, running_max).await;
            served.unwrap();
            assert_eq!(told, "word\nwo\n");
        }
    });
}

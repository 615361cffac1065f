//! The side of the helper: programs that are asked.

use std::cell::Cell;
use std::path::PathBuf;

use perennial::helper::gocache::{Listening, Request, Response};
use perennial::helper::{CallId, Listener, ServeError, ServeLimits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, sink};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::common::alone;

/// What a cache says that answers everything with a miss, and puts nowhere.
async fn said(asked: &str) -> (Result<(), ServeError>, String) {
    said_by(asked, async |asked| answer(&asked)).await
}

fn answer((id, request): &(CallId, Request)) -> Option<Vec<u8>> {
    let answer = match request {
        Request::Get { .. } => Response::Miss,
        Request::Put { body, .. } => Response::Stored {
            path: PathBuf::from(format!("/{}", String::from_utf8_lossy(body))),
        },
        _ => Response::Done,
    };
    Some(answer.to(*id))
}

async fn said_by(
    asked: &str,
    work: impl AsyncFn((CallId, Request)) -> Option<Vec<u8>>,
) -> (Result<(), ServeError>, String) {
    let (mut output, ours) = duplex(1 << 20);
    let mut limits = ServeLimits::default();
    limits.message_max = 1000;
    let input = asked.as_bytes();
    let served = serve(input, ours, limits, Listening::default(), |request| {
        work(request)
    })
    .await;
    let mut said = String::new();
    let read = output.read_to_string(&mut said).await;
    read.expect("it is text");
    (served, said)
}

const HELLO: &str = "{\"ID\":0,\"KnownCommands\":[\"get\",\"put\",\"close\"]}\n";

#[test]
fn each_request_of_a_build_has_its_answer() {
    // The frames of GOCACHEPROG: a body is the next message, and none is sent for an empty one.
    alone(async || {
        let asked = "\
{\"ID\":1,\"Command\":\"get\",\"ActionID\":\"AQ==\"}

{\"ID\":2,\"Command\":\"put\",\"ActionID\":\"AQ==\",\"OutputID\":\"Ag==\",\"BodySize\":4}

\"d29yZA==\"
{\"ID\":3,\"Command\":\"put\",\"ActionID\":\"AQ==\",\"OutputID\":\"Ag==\"}

{\"ID\":4,\"Command\":\"close\"}
";
        let (served, said) = said(asked).await;
        served.unwrap();
        let answers = "\
{\"ID\":1,\"Miss\":true}
{\"ID\":2,\"DiskPath\":\"/word\"}
{\"ID\":3,\"DiskPath\":\"/\"}
{\"ID\":4}
";
        assert_eq!(said, format!("{HELLO}{answers}"));
    });
}

#[test]
fn what_go_writes_is_read_whichever_way_it_is_written() {
    // The shapes of a real exchange. Go and its kin write one value after the other, and leave out
    // what is empty; a later one may put fields in another order, or add some.
    alone(async || {
        let (id, body) = (
            "Gn1GNDHWfynrHP5pfz/A38IhQqPZ+6OIzcEC7O+0EoE=",
            "Z28gaW5kZXggdjIK",
        );
        let asked = format!(
            "\
{{\"ID\":1,\"Command\":\"get\",\"ActionID\":\"{id}\"}}

{{\"ID\":2,\"Command\":\"put\",\"ActionID\":\"{id}\",\"OutputID\":\"{id}\",\"BodySize\":12}}

\"{body}\"
{{\"BodySize\":12,\"OutputID\":\"{id}\",\"ActionID\":\"{id}\",\"Command\":\"put\",\"ID\":3}}
\"{body}\"


{{\"ID\":4,\"Command\":\"put\",\"ActionID\":\"{id}\",\"OutputID\":\"{id}\"}}

{{\"ID\":5,\"Command\":\"put\",\"ActionID\":\"{id}\",\"OutputID\":\"{id}\",\"BodySize\":0}}
{{ \"ID\": 6, \"Later\": {{\"a\": [1]}}, \"Command\": \"get\", \"ActionID\": \"{id}\" }}\r
{{\"ID\":7,\"Command\":\"close\"}}

"
        );
        let (served, said) = said(&asked).await;
        served.unwrap();
        let answers = "\
{\"ID\":1,\"Miss\":true}
{\"ID\":2,\"DiskPath\":\"/go index v2\\n\"}
{\"ID\":3,\"DiskPath\":\"/go index v2\\n\"}
{\"ID\":4,\"DiskPath\":\"/\"}
{\"ID\":5,\"DiskPath\":\"/\"}
{\"ID\":6,\"Miss\":true}
{\"ID\":7}
";
        assert_eq!(said, format!("{HELLO}{answers}"));
    });
}

#[test]
fn answers_are_written_as_go_reads_them() {
    // The frames of GOCACHEPROG, of a hit and of an error.
    let hit = Response::Hit {
        output: vec![1, 2, 3],
        size: 5,
        path: PathBuf::from("/a/b"),
    };
    let hit = String::from_utf8(hit.to(7)).unwrap();
    assert_eq!(
        hit,
        r#"{"ID":7,"OutputID":"AQID","Size":5,"DiskPath":"/a/b"}"#
    );
    let error = "disk full".to_owned();
    let failed = String::from_utf8(Response::Failed { error }.to(8)).unwrap();
    assert_eq!(failed, r#"{"ID":8,"Err":"disk full"}"#);
}

#[test]
fn the_last_request_waits_for_all_that_is_being_done() {
    // A close waits for what is running.
    alone(async || {
        let asked = "{\"ID\":1,\"Command\":\"get\",\"ActionID\":\"AQ==\"}\n\
                 {\"ID\":2,\"Command\":\"get\",\"ActionID\":\"Ag==\"}\n\
                 {\"ID\":3,\"Command\":\"close\"}\n";
        let gate = &Semaphore::new(0);
        let work = async |asked: (CallId, Request)| {
            match asked.0 {
                // The first one waits for the second one, and close for both: it was read long
                // before the first one is done.
                1 => {
                    drop(gate.acquire().await.unwrap());
                    for _ in 0..20 {
                        yield_now().await;
                    }
                }
                2 => gate.add_permits(1),
                _ => {}
            }
            answer(&asked)
        };
        let (served, said) = said_by(asked, work).await;
        served.unwrap();
        let ids: Vec<_> = said.lines().skip(1).map(|line| &line[..7]).collect();
        assert_eq!(ids, ["{\"ID\":2", "{\"ID\":1", "{\"ID\":3"]);
    });
}

#[test]
fn no_more_is_worked_on_at_a_time_than_may_be() {
    // Bounded memory: what is not read waits in the pipe.
    alone(async || {
        let get = |id| format!("{{\"ID\":{id},\"Command\":\"get\",\"ActionID\":\"AQ==\"}}\n");
        let asked: String = (1..=9).map(get).collect();
        let (running, most) = (&Cell::new(0), &Cell::new(0));
        let work = async |asked: (CallId, Request)| {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            for _ in 0..20 {
                yield_now().await;
            }
            running.set(running.get() - 1);
            answer(&asked)
        };
        let mut limits = ServeLimits::default();
        limits.running_max = 3;
        let (input, listener) = (asked.as_bytes(), Listening::default());
        let served = serve(input, sink(), limits, listener, work);
        served.await.unwrap();
        assert_eq!(most.get(), 3);
    });
}

#[test]
fn what_was_asked_before_the_input_ended_is_answered() {
    // `go list` closes with the end of the input alone.
    alone(async || {
        let (served, said) = said("{\"ID\":1,\"Command\":\"get\",\"ActionID\":\"AQ==\"}\n").await;
        served.unwrap();
        assert_eq!(said, format!("{HELLO}{{\"ID\":1,\"Miss\":true}}\n"));
    });
}

#[test]
fn what_is_no_request_ends_it_with_an_error() {
    // D1, D2. Whoever says such things cannot be trusted with the rest.
    alone(async || {
        for (asked, why) in [
            ("no JSON\n", "no message: no JSON"),
            (
                "{\"ID\":1,\"Command\":\"steal\"}\n",
                "unknown variant `steal`",
            ),
            (
                "{\"ID\":1,\"Command\":\"get\",\"ActionID\":\"?\"}\n",
                "Invalid symbol",
            ),
            (
                "{\"ID\":1,\"Command\":\"put\",\"OutputID\":\"\",\"BodySize\":9}\n\"d29yZA==\"\n",
                "4 bytes, and 9 were announced",
            ),
            (
                "{\"ID\":1,\"Command\":\"get\"",
                "the stream ended within a message",
            ),
        ] {
            let (served, said) = said(asked).await;
            let Err(ServeError::Protocol(error)) = served else {
                panic!("{asked}: {served:?}");
            };
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(said, HELLO);
        }
        let long = format!("{}\n", "x".repeat(2000));
        let (served, _) = said(&long).await;
        let error = served.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "a message is longer than 1000 bytes");
    });
}

#[test]
fn a_helper_that_nobody_hears_any_more_ends() {
    // Nothing is worked on for nobody.
    alone(async || {
        let (input, mut asks) = duplex(1 << 10);
        let (output, ours) = duplex(64);
        drop(output);
        let limits = ServeLimits::default();
        let serving = serve(input, ours, limits, Listening::default(), async |asked| {
            answer(&asked)
        });
        let asking = async {
            let line = b"{\"ID\":1,\"Command\":\"get\",\"ActionID\":\"AQ==\"}\n";
            // The input stays open.
            let _ = asks.write_all(line).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = serving => assert!(matches!(served, Err(ServeError::Stream(_))), "{served:?}"),
            () = asking => unreachable!("it never ends"),
        }
    });
}

#[test]
fn a_listener_can_do_what_it_says() {
    // The hello is the only version that the protocol has.
    let hello = Listening::default().hello().unwrap();
    assert_eq!(String::from_utf8(hello).unwrap() + "\n", HELLO);
}

//! Bodies behind requests: those that come as they were announced, and those that do not.

use std::io;

use bytes::Bytes;
use futures::stream;
use perennial::helper::{
    Body, BodyError, CallError, CallId, Framing, Helper, Message, Protocol, ProtocolError,
};
use perennial::process::Command;
use perennial::{Backoff, Context, RunError, Supervisor, Tree};

use crate::common::alone;

/// A request is how long its body is said to be, and the pieces that come.
#[derive(Clone, Copy, Debug)]
struct Parcel(u64, &'static [Result<&'static str, io::ErrorKind>]);

/// An answer is how long the body was. A request may be made twice.
struct Parcels;

impl Protocol for Parcels {
    type Request = Parcel;
    type Response = usize;
    type Capabilities = ();

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn read_hello(&self, _: &[u8]) -> Result<Option<()>, ProtocolError> {
        Ok(Some(()))
    }

    fn is_idempotent(&self, _: &Parcel) -> bool {
        true
    }

    fn write(&self, id: CallId, _: &Parcel, message: &mut Vec<u8>) {
        message.extend(id.to_string().bytes());
    }

    fn body(&self, Parcel(length, pieces): &Parcel) -> Option<Body> {
        let pieces = pieces.iter().map(|piece| match piece {
            Ok(text) => Ok(Bytes::from_static(text.as_bytes())),
            Err(kind) => Err(io::Error::from(*kind)),
        });
        Some(Body::new(*length, stream::iter(pieces)))
    }

    fn read(&self, message: &[u8]) -> Result<Message<usize>, ProtocolError> {
        let text = String::from_utf8_lossy(message);
        let malformed = || ProtocolError::malformed(message, "two numbers");
        let (id, length) = text.split_once(' ').ok_or_else(malformed)?;
        let length = length.parse().map_err(|_| malformed())?;
        Ok(Message::Answer {
            id: id.parse().map_err(|_| malformed())?,
            result: Ok(length),
        })
    }
}

fn run<P: Protocol>(helper: &Helper<P>) -> Tree {
    let declared = helper.clone();
    let root = move |ctx: Context| {
        let node = declared.clone().runnable().backoff(Backoff::none());
        async move {
            ctx.run("helper", node)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    Supervisor::new(root).start()
}

#[test]
fn a_body_that_does_not_come_as_announced_ends_its_call_alone() {
    // Helper_25, 26, 27. The program is stopped, for it would take the next request for the rest of
    // the body; the call is not made again, though it might be; and the next one is answered.
    alone(async || {
        let script = "echo ready; while read id && read -r body; do echo $id ${#body}; done";
        let helper = Helper::new(Command::new("sh").args(["-c", script]), Parcels);
        let tree = run(&helper);
        let mut restarts = 0;
        for (parcel, why) in [
            (Parcel(6, &[Ok("word")]), "a body of 6 bytes ended after 4"),
            (
                Parcel(6, &[Ok("word"), Err(io::ErrorKind::BrokenPipe)]),
                "a body of 6 bytes cannot be read after 4",
            ),
            (
                Parcel(6, &[Ok("word"), Ok("word")]),
                "a body is longer than its 6 bytes",
            ),
        ] {
            let error = helper.call(parcel).await.unwrap_err();
            assert_eq!(error.to_string(), "a request to sh was written in part");
            let CallError::Body { source, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!(source.to_string(), why);
            let is_read = matches!(source, BodyError::Read { .. });
            assert_eq!(std::error::Error::source(source).is_some(), is_read);
            let whole = Parcel(8, &[Ok("word"), Ok("word")]);
            assert_eq!(helper.call(whole).await.unwrap(), 8);
            restarts += 1;
            let snapshot = tree.snapshot().await;
            assert_eq!(snapshot.find("root.helper").unwrap().restarts, restarts);
        }
        tree.stop().await.unwrap();
    });
}

/// Messages with a length before them: the second one that comes back is the answer.
struct Measured;

impl Protocol for Measured {
    type Request = &'static str;
    type Response = String;
    type Capabilities = ();

    fn framing(&self) -> Framing {
        Framing::ContentLength
    }

    fn read_hello(&self, _: &[u8]) -> Result<Option<()>, ProtocolError> {
        Ok(Some(()))
    }

    fn write(&self, id: CallId, _: &&'static str, message: &mut Vec<u8>) {
        assert_eq!(id, 1, "there is one call");
        message.extend(b"head");
    }

    fn body(&self, text: &&'static str) -> Option<Body> {
        let pieces = text.as_bytes().chunks(3).map(|piece| Ok(piece.into()));
        Some(Body::new(text.len() as u64, stream::iter(pieces)))
    }

    fn read(&self, message: &[u8]) -> Result<Message<String>, ProtocolError> {
        let text = String::from_utf8_lossy(message).into_owned();
        Ok(match &*text {
            "head" => Message::Notice { text },
            _ => Message::Answer {
                id: 1,
                result: Ok(text),
            },
        })
    }
}

#[test]
fn a_body_has_a_frame_of_its_own() {
    // What comes back is what was written, so that the frames are those that we read.
    alone(async || {
        let script = "printf 'Content-Length: 2\\r\\n\\r\\nhi'; exec cat";
        let helper = Helper::new(Command::new("sh").args(["-c", script]), Measured);
        let tree = run(&helper);
        assert_eq!(
            helper.call("in four pieces").await.unwrap(),
            "in four pieces"
        );
        tree.stop().await.unwrap();
    });
}

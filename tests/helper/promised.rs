//! What the documentation of helpers promises, read by somebody who has not seen the code.

use std::error::Error;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use perennial::helper::{
    Body, BodyError, CallError, CallId, CrashCause, Delivered, Framing, Helper, Message, Protocol,
    ProtocolError,
};
use perennial::process::{Ladder, Signal};
use perennial::{Backoff, Context, GoneError, RunError, Runnable, State, Supervisor, Tree};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::common::{alone, runtime, sh, until};
use crate::guest;
use crate::script::{Ask, python, stage};

/// An error and its sources, as a log would have it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

/// Words that go by number: all that a protocol may leave out is there.
pub(crate) struct Words;

impl Protocol for Words {
    type Request = Word;
    type Response = String;
    type Capabilities = String;

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn greeting(&self) -> Option<Vec<u8>> {
        Some(b"greeting".to_vec())
    }

    fn read_hello(&self, message: &[u8]) -> Result<Option<String>, ProtocolError> {
        let text = String::from_utf8_lossy(message);
        Ok(text.strip_prefix("hello ").map(str::to_owned))
    }

    fn confirmation(&self) -> Option<Vec<u8>> {
        Some(b"confirmation".to_vec())
    }

    fn write(&self, id: CallId, word: &Word, message: &mut Vec<u8>) {
        message.extend_from_slice(format!("{id} {}", word.0).as_bytes());
    }

    fn body(&self, word: &Word) -> Option<Body> {
        word.1.map(|body| body())
    }

    fn read(&self, message: &[u8]) -> Result<Message<String>, ProtocolError> {
        let text = String::from_utf8_lossy(message);
        let (id, text) = text.split_once(' ').unwrap_or((&text, ""));
        if id == "?" {
            let answer = format!("answer {text}").into_bytes();
            return Ok(Message::Question { answer });
        }
        let id = id.parse();
        let id = id.map_err(|why| ProtocolError::malformed(message, why))?;
        let result = Ok(text.to_owned());
        Ok(Message::Answer { id, result })
    }
}

/// What is asked, and its body.
#[derive(Clone)]
pub(crate) struct Word(pub(crate) String, pub(crate) Option<fn() -> Body>);

pub(crate) fn word(text: &str) -> Word {
    Word(text.to_owned(), None)
}

/// Says each request again, and nothing to what is none.
pub(crate) const ECHO: &str = "echo hello there; exec sed -u -n '/^[0-9]/p'";

/// Ends a program without asking.
pub(crate) fn killed() -> Ladder {
    Ladder::new().signal(Signal::KILL, Duration::from_secs(10))
}

/// A tree that runs such a node.
pub(crate) fn under<N: Runnable>(node: impl Fn() -> N + Send + Sync + 'static) -> Tree {
    let root = move |ctx: Context| {
        let node = node();
        async move {
            ctx.run("guest", node)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    Supervisor::new(root).start()
}

/// What became of the node, once nothing moves.
pub(crate) async fn state(tree: &Tree) -> State {
    tree.settled().await;
    let snapshot = tree.snapshot().await;
    snapshot.find("root.guest").expect("it stands").state
}

/// How the last incarnation ended, with all causes, if one has.
pub(crate) async fn last_exit(tree: &Tree) -> Option<String> {
    let snapshot = tree.snapshot().await;
    let exit = snapshot.find("root.guest")?.last_exit.as_ref()?;
    Some(exit.chain())
}

/// Waits until an incarnation has ended.
pub(crate) async fn first_exit(tree: &Tree) -> String {
    loop {
        if let Some(exit) = last_exit(tree).await {
            return exit;
        }
    }
}

#[test]
fn each_error_of_a_call_says_who_and_what() {
    // The fields are those of the documentation, and so are the words of the sources.
    alone(async || {
        let stage = stage(&["no-close"]);
        let who = python();

        let error = stage.ask("fail", "").await.unwrap_err();
        assert_eq!(error.to_string(), format!("{who} does not support this"));
        assert!(matches!(&error, CallError::Unsupported { helper } if &**helper == who));

        let brief = Duration::from_millis(10);
        let error = stage.helper.call_within(Ask("hold", ""), brief).await;
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no answer from {who} within 10ms")
        );
        assert!(matches!(error, CallError::Timeout { within, .. } if within == brief));

        let error = stage.ask("exit", "boredom").await.unwrap_err();
        let expected = "has crashed: exited with code 5: dying of boredom";
        assert_eq!(chain(&error), format!("{who} {expected}"));
        let CallError::Crashed {
            crash,
            delivered,
            tries,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(&*crash.program, who);
        assert!(matches!(crash.cause, CrashCause::Ended));
        assert_eq!(crash.exit.code(), Some(5));
        assert_eq!(crash.last_words.trim_end(), "dying of boredom");
        assert_eq!((delivered, tries), (Delivered::Whole, 1));

        stage.tree.stop().await.unwrap();
        let error = stage.ask("echo", "").await.unwrap_err();
        let expected = "is down: root.helper publishes nothing any more";
        assert_eq!(chain(&error), format!("{who} {expected}"));
        let gone = stage.helper.capabilities().await;
        assert!(matches!(gone, Err(GoneError::Gone { .. })), "{gone:?}");
        let gone = stage.helper.close().await;
        assert!(matches!(gone, Err(GoneError::Gone { .. })), "{gone:?}");
    });
}

#[test]
fn a_handle_is_there_before_its_node() {
    alone(async || {
        let helper = Helper::new(sh(ECHO), Words);
        let mut call = pin!(helper.call(word("early")));
        let mut can = pin!(helper.capabilities());
        assert!(call.as_mut().now_or_never().is_none());
        assert!(can.as_mut().now_or_never().is_none());
        let tree = guest::run(&helper);
        assert_eq!(can.await.unwrap(), "there");
        assert_eq!(call.await.unwrap(), "early");
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_helper_whose_node_was_refused_is_down() {
    alone(async || {
        let helper = Helper::new(sh(ECHO), Words);
        let declared = helper.clone();
        let root = move |ctx: Context| {
            let node = declared.clone();
            async move {
                ctx.run("No Name", node).unwrap_err();
                ctx.done();
                Ok::<(), RunError>(())
            }
        };
        let tree = Supervisor::new(root).start();
        let error = helper.call(word("")).await.unwrap_err();
        let told = "sh is down: the publisher of this value was never declared";
        assert_eq!(chain(&error), told);
        let gone = helper.close().await;
        assert!(matches!(gone, Err(GoneError::Refused)), "{gone:?}");
        drop(tree.stop().await);
    });
}

#[test]
fn another_runtime_may_call() {
    alone(async || {
        let helper = Helper::new(sh(ECHO), Words);
        let tree = guest::run(&helper);
        let theirs = helper.clone();
        let other = spawn_blocking(move || {
            thread::spawn(move || {
                runtime().block_on(async {
                    let answer = theirs.call(word("far")).await.unwrap();
                    let report = theirs.close().await.unwrap();
                    (answer, report)
                })
            })
            .join()
        });
        let (answer, report) = other.await.unwrap().unwrap();
        assert_eq!(answer, "far");
        assert!(report.is_clean(), "{report}");
        tree.stop().await.unwrap();
    });
}

#[test]
fn of_two_nodes_of_one_helper_one_fails() {
    // Calls go to the other one.
    alone(async || {
        let helper = Helper::new(sh(ECHO), Words);
        let declared = helper.clone();
        let root = move |ctx: Context| {
            let nodes = [declared.clone(), declared.clone()];
            let hour = Backoff::constant(Duration::from_secs(3600));
            async move {
                for (name, node) in ["one", "other"].into_iter().zip(nodes) {
                    ctx.run(name, node.runnable().backoff(hour))?;
                }
                ctx.done();
                Ok::<(), RunError>(())
            }
        };
        let tree = Supervisor::new(root).start();
        let mut failed = Vec::new();
        while failed.is_empty() {
            assert_eq!(helper.call(word("one")).await.unwrap(), "one");
            let snapshot = tree.snapshot().await;
            let exits = ["root.one", "root.other"].map(|path| {
                let node = snapshot.find(path).expect("it stands");
                node.last_exit.as_ref().map(|exit| exit.chain())
            });
            failed.extend(exits.into_iter().flatten());
        }
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].contains("it is not ours to run"), "{failed:?}");
        assert_eq!(helper.call(word("two")).await.unwrap(), "two");
        tree.stop().await.unwrap();
    });
}

#[test]
fn capabilities_are_those_of_the_program_that_runs() {
    alone(async || {
        let stage = stage(&["changing"]);
        assert_eq!(stage.helper.capabilities().await.unwrap().len(), 4);
        stage.ask("exit", "").await.unwrap_err();
        assert_eq!(stage.helper.capabilities().await.unwrap(), ["hold"]);
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn all_words_of_a_protocol_are_said_in_their_order() {
    alone(async || {
        // It tells what it has heard.
        let script = "read -r a; echo welcome; echo hello there; read -r b; read -r id _
            echo '? it'; read -r c; echo $id $a, $b, $c; cat >/dev/null";
        let helper = Helper::new(sh(script), Words);
        let tree = guest::run(&helper);
        let heard = helper.call(word("")).await.unwrap();
        assert_eq!(heard, "greeting, confirmation, answer it");
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_call_that_timed_out_is_given_up_to_the_program() {
    alone(async || {
        let stage = stage(&[]);
        stage.helper.capabilities().await.unwrap();
        let brief = Duration::from_millis(10);
        let error = stage.helper.call_within(Ask("hold", ""), brief).await;
        assert!(matches!(error, Err(CallError::Timeout { .. })), "{error:?}");
        let file = stage.folder.path().join("cancelled");
        until("it is told", || file.exists()).await;
        assert_eq!(stage.ask("count", "").await.unwrap(), "1");
        stage.tree.stop().await.unwrap();
    });
}

#[test]
fn a_body_may_be_empty_have_empty_pieces_and_come_slowly() {
    // The time limit is for each piece, not for the body.
    alone(async || {
        let script = "echo hello there; read -r _; read -r _
            while read -r id text && read -r body; do echo $id $text ${#body}; done";
        let helper = Helper::builder(sh(script), Words).write_timeout(Duration::from_millis(300));
        let helper = helper.build();
        let tree = guest::run(&helper);
        let send = async |text: &str, body| helper.call(Word(text.to_owned(), Some(body))).await;
        let empty = || Body::new(0, stream::empty());
        assert_eq!(send("empty", empty).await.unwrap(), "empty 0");
        let holes = || Body::new(4, stream::iter(["", "wo", "", "rd", ""].map(piece)));
        assert_eq!(send("holes", holes).await.unwrap(), "holes 4");
        let slow = || {
            let pieces = stream::iter(["wo", "rd"]).then(async |text| {
                let silence = timeout(Duration::from_millis(200), pending::<()>());
                silence.await.unwrap_err();
                piece(text)
            });
            Body::new(4, pieces)
        };
        assert_eq!(send("slow", slow).await.unwrap(), "slow 4");
        let long = || Body::new(0, stream::iter([piece("x")]));
        let error = send("long", long).await.unwrap_err();
        let CallError::Body { source, .. } = error else {
            panic!("{error}");
        };
        assert!(matches!(source, BodyError::Long { length: 0 }), "{source}");
        tree.stop().await.unwrap();
    });
}

fn piece(text: &str) -> io::Result<Bytes> {
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}

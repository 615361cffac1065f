//! Helpers, and users of helpers, that do their worst.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::stream;
use perennial::helper::gocache::{Asking, Response};
use perennial::helper::{
    Body, Builder, CallError, CallId, CloseAnswer, Framing, Helper, Message, Protocol,
    ProtocolError,
};
use perennial::process::{Command, Ladder, Signal};
use perennial::{Backoff, Context, RunError, Supervisor, Tree};

use crate::common::alone;
#[cfg(feature = "store")]
use crate::program;
use crate::script::{Ask, stage, stage_with};

/// A request is a word, and what is kept as long as it is; an answer is the number of a request.
struct Words;

#[derive(Clone, Debug)]
struct Word(&'static str, Arc<()>);

impl Word {
    fn new(text: &'static str) -> Self {
        Self(text, Arc::default())
    }

    /// What is there as long as somebody has the request.
    fn watched(text: &'static str) -> (Self, Weak<()>) {
        let word = Self::new(text);
        let watch = Arc::downgrade(&word.1);
        (word, watch)
    }
}

impl Protocol for Words {
    type Request = Word;
    type Response = ();
    /// Whether it can be asked to close.
    type Capabilities = bool;

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn read_hello(&self, message: &[u8]) -> Result<Option<bool>, ProtocolError> {
        Ok(Some(message == b"closes"))
    }

    fn is_idempotent(&self, Word(text, _): &Word) -> bool {
        *text == "again" || *text == "poison"
    }

    fn write(&self, id: CallId, Word(text, _): &Word, message: &mut Vec<u8>) {
        assert_ne!(*text, "unspeakable", "as it was told");
        message.extend(format!("{id} {text}").bytes());
        if *text == "close" {
            // More than a pipe holds.
            message.resize(200_000, b'!');
        }
    }

    fn body(&self, Word(text, _): &Word) -> Option<Body> {
        (*text == "endless").then(|| Body::new(6, stream::pending()))
    }

    fn read(&self, message: &[u8]) -> Result<Message<()>, ProtocolError> {
        let text = String::from_utf8_lossy(message).into_owned();
        match &*text {
            "note" => Ok(Message::Notice { text }),
            "question" => Ok(Message::Question {
                answer: b"answer".to_vec(),
            }),
            number => {
                let id = number.parse();
                let id = id.map_err(|why| ProtocolError::malformed(message, why))?;
                Ok(Message::Answer { id, result: Ok(()) })
            }
        }
    }

    fn close_request(&self, closes: &bool) -> Option<Word> {
        closes.then(|| Word::new("close"))
    }
}

/// A shell that speaks in words, and a tree that runs it.
fn shell(script: &str, choose: impl FnOnce(Builder<Words>) -> Builder<Words>) -> Shell {
    let soon = Duration::from_millis(50);
    let ladder = Ladder::new().close_stdin(soon).signal(Signal::TERM, soon);
    let command = Command::new("sh").args(["-c", script]).ladder(ladder);
    let helper = choose(Helper::builder(command, Words)).build();
    let declared = helper.clone();
    let tree = Supervisor::new(move |ctx: Context| {
        let node = declared.clone().runnable().backoff(Backoff::none());
        async move {
            ctx.run("shell", node)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    })
    .start();
    Shell { helper, tree }
}

struct Shell {
    helper: Helper<Words>,
    tree: Tree,
}

#[test]
fn a_crash_while_a_close_waits_is_told_as_one() {
    // L3. Not as a close, and nothing is made again that nobody would do.
    alone(async || {
        let stage = stage(&[]);
        let dies = stage.ask("exit later", "");
        let held = stage.ask("hold", "");
        let close = async {
            // It was sent after the other ones.
            stage.ask("echo", "").await.unwrap();
            stage.helper.close().await.unwrap()
        };
        let (dies, held, report) = tokio::join!(dies, held, close);
        for end in [dies, held] {
            let Err(CallError::Crashed { crash, .. }) = end else {
                panic!("{end:?}");
            };
            assert_eq!(crash.exit.code(), Some(5), "{crash}");
        }
        assert_eq!(report.unanswered, 2, "{report}");
        drop(stage.tree.stop().await);
    });
}

#[test]
fn a_close_in_a_start_that_fails_is_told_to_those_who_wait() {
    // They were not sent. The helper is not down: it is closed.
    alone(async || {
        let script = "exec sleep 100";
        let shell = shell(script, |builder| {
            builder.handshake_timeout(Duration::from_millis(50))
        });
        let waits = shell.helper.call(Word::new("early"));
        let (waits, report) = tokio::join!(waits, shell.helper.close());
        assert!(matches!(waits, Err(CallError::Closed { .. })), "{waits:?}");
        assert!(!report.unwrap().is_clean());
        drop(shell.tree.stop().await);
    });
}

#[test]
fn a_program_that_reads_nothing_is_not_asked_to_close() {
    // It could not be: the close waits for what is being written, and no longer.
    alone(async || {
        let stage = stage_with(&[], |builder| {
            let drain = builder.drain_timeout(Duration::from_millis(20));
            drain.close_timeout(Duration::from_secs(20))
        });
        assert_eq!(stage.ask("deaf", "").await.unwrap(), "deaf");
        static LONG: [u8; 200_000] = [b'x'; 200_000];
        let long = Ask("echo", std::str::from_utf8(&LONG).unwrap());
        let within = Duration::from_millis(10);
        stage.helper.call_within(long, within).await.unwrap_err();
        let begun = Instant::now();
        let report = stage.helper.close().await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "{report}");
        assert_eq!(report.answer, CloseAnswer::Silent, "{report}");
        drop(stage.tree.stop().await);
    });
}

#[test]
fn an_answer_that_is_guessed_closes_nothing() {
    // The program has not read what it answers; the number is the next one.
    alone(async || {
        let script =
            "echo closes; read id word; echo $id; head -c 10; echo; echo 2; exec sleep 100";
        let script = script.replace("head -c 10", "head -c 10 > /dev/null");
        let shell = shell(&script, |builder| {
            builder.close_timeout(Duration::from_millis(200))
        });
        shell.helper.call(Word::new("first")).await.unwrap();
        let report = shell.helper.close().await.unwrap();
        assert_eq!(report.answer, CloseAnswer::Silent, "{report}");
        drop(shell.tree.stop().await);
    });
}

#[test]
fn a_body_whose_source_hangs_does_not_hold_up_the_others() {
    // L9. Its caller is told what hangs, and the program is stopped: it has read a part.
    alone(async || {
        let script = "echo hello; while read id word; do [ $word = endless ] || echo $id; done";
        let shell = shell(script, |builder| {
            builder.write_timeout(Duration::from_millis(100))
        });
        let endless = shell.helper.call(Word::new("endless"));
        let (endless, fine) = tokio::join!(endless, shell.helper.call(Word::new("fine")));
        let Err(CallError::Body { source, .. }) = endless else {
            panic!("{endless:?}");
        };
        let why = "a body of 6 bytes did not go on for 100ms, after 0";
        assert_eq!(source.to_string(), why);
        fine.unwrap();
        drop(shell.tree.stop().await);
    });
}

#[test]
fn a_request_that_nobody_waits_for_is_not_kept() {
    // Bounded memory: neither one that was sent, nor one that waits for a program.
    alone(async || {
        let script = "echo hello; read first; while read id word; do echo $id; done";
        let shell = shell(script, |builder| builder);
        let (word, watch) = Word::watched("first");
        let soon = Duration::from_millis(20);
        shell.helper.capabilities().await.unwrap();
        let error = shell.helper.call_within(word, soon).await.unwrap_err();
        assert!(matches!(error, CallError::Timeout { .. }), "{error}");
        shell.helper.call(Word::new("second")).await.unwrap();
        assert_eq!(watch.strong_count(), 0);
        drop(shell.tree.stop().await);

        let shell = self::shell("exec sleep 100", |builder| builder);
        let (word, watch) = Word::watched("early");
        let error = shell.helper.call_within(word, soon).await.unwrap_err();
        assert!(matches!(error, CallError::Timeout { .. }), "{error}");
        assert_eq!(watch.strong_count(), 0);
        drop(shell.tree.stop().await);
    });
}

#[test]
fn a_program_that_has_ended_does_not_live_on_in_what_its_children_say() {
    // F2: neither the end of the output nor a pause in it can be waited for.
    alone(async || {
        let script =
            "echo hello; setsid sh -c 'while :; do echo note; sleep 0.02; done' & read id; exit 3";
        let shell = shell(script, |builder| builder);
        let patience = Duration::from_secs(5);
        let ended = shell.helper.call_within(Word::new("a"), patience).await;
        let Err(CallError::Crashed { crash, .. }) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(crash.exit.code(), Some(3), "{crash}");
        drop(shell.tree.stop().await);
    });
}

#[test]
fn a_request_that_cannot_be_written_down_is_no_close() {
    // R5. The panic of a protocol fails the node; its helper is up again, and not closed.
    alone(async || {
        let script = "echo hello; while read id word; do echo $id; done";
        let shell = shell(script, |builder| builder);
        let error = shell.helper.call(Word::new("unspeakable")).await;
        let error = error.unwrap_err();
        assert!(matches!(error, CallError::Aborted { .. }), "{error}");
        shell.helper.call(Word::new("fine")).await.unwrap();
        drop(shell.tree.stop().await);
    });
}

#[test]
fn a_program_may_ask_more_at_once_than_it_is_asked() {
    // How many calls it takes says nothing of how many questions it has; and none is one.
    alone(async || {
        for in_flight_max in [0, 1] {
            let script = "echo hello; read id word; for n in 1 2 3 4 5 6 7 8; do q=\"$q
question\"; done; echo \"$q\"; echo $id; cat > /dev/null";
            let shell = shell(script, |builder| builder.in_flight_max(in_flight_max));
            shell.helper.call(Word::new("a")).await.unwrap();
            drop(shell.tree.stop().await);
        }
    });
}

#[test]
fn what_is_empty_in_an_answer_of_a_cache_is_not_there() {
    // As cmd/go reads it: its names are absent, and its error is none.
    let read = |answer: &str| match Asking::default().read(answer.as_bytes()) {
        Ok(Message::Answer { id: 1, result }) => result,
        other => panic!("{answer}: {other:?}"),
    };
    let miss = read(r#"{"ID":1,"Err":"","Miss":true,"OutputID":"","DiskPath":"","Size":0}"#);
    assert_eq!(miss, Ok(Response::Miss));
    let done = read(r#"{"ID":1,"Err":"","OutputID":"","DiskPath":""}"#);
    assert_eq!(done, Ok(Response::Done));
    let nulls = read(r#"{"ID":1,"Err":null,"Miss":null,"OutputID":null,"Size":null}"#);
    assert_eq!(nulls, Ok(Response::Done));
    assert_eq!(read(r#"{"ID":1,"Err":"full"}"#), Err("full".to_owned()));
}

#[test]
fn what_is_in_flight_with_a_poisonous_request_is_answered() {
    // R8: a budget for each call. The last try is made alone, and shows which it is.
    alone(async || {
        let script = "echo hello; while read id word; do
            [ $word = poison ] && kill -9 $$; (sleep 0.05; echo $id) & done";
        let shell = shell(script, |builder| builder);
        let again = shell.helper.call(Word::new("again"));
        let poison = shell.helper.call(Word::new("poison"));
        let (again, poison) = tokio::join!(again, poison);
        again.unwrap();
        let Err(CallError::Crashed { tries, .. }) = poison else {
            panic!("{poison:?}");
        };
        assert_eq!(tries, 3);
        drop(shell.tree.stop().await);
    });
}

#[test]
#[cfg(feature = "store")]
fn a_cache_goes_on_when_nobody_hears_its_complaints() {
    // `go build 2>&1 | head -1`: who asks is answered all the same.
    use std::io::{Write, pipe};
    use std::process::Stdio;
    alone(async || {
        let folder = tempfile::TempDir::new().unwrap();
        let (nobody, complaints) = pipe().unwrap();
        drop(nobody);
        let program = program::path("gocache", "helper,store");
        let mut cache = std::process::Command::new(program);
        let cache = cache.args(["serve", "--dir"]).arg(folder.path());
        let cache = cache.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut cache = cache.stderr(complaints).spawn().unwrap();
        let asked = b"{\"ID\":1,\"Command\":\"put\",\"ActionID\":\"AQ==\",\"OutputID\":\"Ag==\"}\n\
            {\"ID\":2,\"Command\":\"close\"}\n";
        let input = cache.stdin.as_mut().unwrap();
        input.write_all(asked).unwrap();
        let output = cache.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        let said = String::from_utf8(output.stdout).unwrap();
        let error = "{\"ID\":1,\"Err\":\"an output is called by its SHA-256";
        assert!(said.contains(error), "{said}");
        assert!(said.ends_with("{\"ID\":2}\n"), "{said}");
    });
}

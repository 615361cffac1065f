//! The protocol of the script, and a tree that runs it.

use std::sync::OnceLock;
use std::time::Duration;

use perennial::helper::{
    Builder, CallError, CallId, Framing, Helper, Message, Protocol, ProtocolError,
};
use perennial::process::{Command, Ladder, Signal};
use perennial::{Backoff, Context, RunError, Supervisor, Tree};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Requests are what to do and a text; answers are texts.
pub(crate) struct Script;

/// What the script is asked to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask(pub(crate) &'static str, pub(crate) &'static str);

impl Protocol for Script {
    type Request = Ask;
    type Response = String;
    type Capabilities = Vec<String>;

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn read_hello(&self, message: &[u8]) -> Result<Option<Vec<String>>, ProtocolError> {
        let value = parse(message)?;
        let can = value["can"].as_array();
        let can = can.ok_or_else(|| ProtocolError::malformed(message, "it is no hello"))?;
        let can: Vec<_> = can
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        match can[..] {
            [] => Err(ProtocolError::NoCapabilities),
            _ if !can.iter().any(|can| can == "hold") => {
                Err(ProtocolError::Missing("hold".to_owned()))
            }
            _ => Ok(Some(can)),
        }
    }

    fn supports(&self, can: &Vec<String>, Ask(what, _): &Ask) -> bool {
        // All that is not told beforehand is tried.
        !["echo", "fail", "close"].contains(what) || can.iter().any(|can| can == what)
    }

    fn is_idempotent(&self, Ask(what, text): &Ask) -> bool {
        *what == "hold" || *text == "again"
    }

    fn write(&self, id: CallId, Ask(what, text): &Ask, message: &mut Vec<u8>) {
        let request = json!({ "id": id, "do": what, "text": text });
        message.extend(request.to_string().bytes());
    }

    fn read(&self, message: &[u8]) -> Result<Message<String>, ProtocolError> {
        let value = parse(message)?;
        if let Some(note) = value["note"].as_str() {
            let text = note.to_owned();
            return Ok(Message::Notice { text });
        }
        if value.get("can").is_some() {
            return Err(ProtocolError::OutOfTurn("a second hello".to_owned()));
        }
        let id = value["id"].as_u64();
        let id = id.ok_or_else(|| ProtocolError::malformed(message, "it has no id"))?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let result = text("error").map_or_else(|| Ok(text("text").unwrap_or_default()), Err);
        Ok(Message::Answer { id, result })
    }

    fn close_request(&self, can: &Vec<String>) -> Option<Ask> {
        can.iter()
            .any(|can| can == "close")
            .then_some(Ask("close", ""))
    }

    fn cancellation(&self, id: CallId) -> Option<Vec<u8>> {
        Some(json!({ "cancel": id }).to_string().into_bytes())
    }
}

fn parse(message: &[u8]) -> Result<Value, ProtocolError> {
    serde_json::from_slice(message).map_err(|why| ProtocolError::malformed(message, why))
}

/// The script in a folder of its own, run by a tree.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    pub(crate) helper: Helper<Script>,
    pub(crate) tree: Tree,
}

/// How long the script has to end, once its input is closed and once it is asked.
const QUICK: Duration = Duration::from_millis(300);
const SLOW: Duration = Duration::from_secs(10);

/// Starts the script as it is.
pub(crate) fn stage(args: &[&str]) -> Stage {
    stage_with(args, |builder| builder)
}

/// Starts the script with other limits.
pub(crate) fn stage_with(
    args: &[&str],
    choose: impl FnOnce(Builder<Script>) -> Builder<Script>,
) -> Stage {
    let folder = TempDir::new().expect("there is room");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/helper/script.py");
    let command = Command::new(python())
        .args(["-S", script])
        .args(args.iter().copied());
    let ladder = Ladder::new().close_stdin(QUICK).signal(Signal::TERM, SLOW);
    let command = command.current_dir(folder.path()).ladder(ladder);
    let helper = choose(Helper::builder(command, Script)).build();
    let declared = helper.clone();
    let root = move |ctx: Context| {
        let helper = declared.clone();
        async move {
            let node = helper.runnable();
            ctx.run(
                "helper",
                node.backoff(Backoff::constant(Duration::from_millis(5))),
            )?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    Stage {
        folder,
        helper,
        tree: Supervisor::new(root).start(),
    }
}

/// The interpreter itself: what `PATH` leads to may be a script that looks for it each time.
pub(crate) fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let mut command = std::process::Command::new("python3");
        let output = command
            .args(["-c", "import sys; print(sys.executable, end='')"])
            .output();
        let output = output.expect("python3 is installed");
        String::from_utf8(output.stdout).expect("it is a path")
    })
}

impl Stage {
    pub(crate) async fn ask(
        &self,
        what: &'static str,
        text: &'static str,
    ) -> Result<String, CallError> {
        self.helper.call(Ask(what, text)).await
    }

    /// How the last incarnation ended, with all causes.
    pub(crate) async fn last_exit(&self) -> String {
        let snapshot = self.tree.snapshot().await;
        let node = snapshot.find("root.helper");
        let exit = node.and_then(|node| node.last_exit.as_ref());
        exit.map_or_else(String::new, |exit| exit.chain())
    }

    pub(crate) async fn restarts(&self) -> u64 {
        let snapshot = self.tree.snapshot().await;
        snapshot.find("root.helper").expect("it stands").restarts
    }
}

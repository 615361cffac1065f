//! Two protocols of the world, and programs that others wrote for them: the Model Context Protocol,
//! in lines, and the Language Server Protocol, with `Content-Length`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use perennial::Tree;
use perennial::helper::{CallError, CloseAnswer, Framing, Helper};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::alone;
use crate::guest;
use crate::jsonrpc::{Ask, Dialect, JsonRpc};

/// The Model Context Protocol, of a client that can be asked to write something.
struct Mcp;

impl Dialect for Mcp {
    const FRAMING: Framing = Framing::Lines;
    const INITIALIZED: &str = "notifications/initialized";
    const CANCELLED: (&str, &str) = ("notifications/cancelled", "requestId");
    /// The end of its input is enough.
    const SHUTDOWN: Option<&'static str> = None;
    const ACT: &str = "tools/call";

    fn initialize(&self) -> Value {
        json!({
            "protocolVersion": "2025-06-18",
            "capabilities": { "sampling": {} },
            "clientInfo": { "name": "perennial", "version": "0" },
        })
    }

    fn capability(method: &str) -> Option<String> {
        method.split_once('/').map(|(what, _)| what.to_owned())
    }

    fn answer(&self, method: &str) -> Option<Value> {
        let text = json!({ "type": "text", "text": "written by hand" });
        let message = json!({ "role": "assistant", "model": "none", "content": text });
        (method == "sampling/createMessage").then_some(message)
    }
}

/// The Language Server Protocol, of an editor that shows this folder.
struct Lsp {
    folder: PathBuf,
}

impl Dialect for Lsp {
    const FRAMING: Framing = Framing::ContentLength;
    const INITIALIZED: &str = "initialized";
    const CANCELLED: (&str, &str) = ("$/cancelRequest", "id");
    const SHUTDOWN: Option<&'static str> = Some("shutdown");
    const ACT: &str = "workspace/executeCommand";

    fn initialize(&self) -> Value {
        json!({ "processId": null, "rootUri": uri(&self.folder), "capabilities": {} })
    }

    fn capability(method: &str) -> Option<String> {
        let feature = method.strip_prefix("textDocument/");
        feature.map(|feature| format!("{feature}Provider"))
    }

    fn answer(&self, _: &str) -> Option<Value> {
        None
    }
}

fn uri(path: &std::path::Path) -> String {
    format!("file://{}", path.display())
}

/// A server that others wrote, in a folder of its own, run by a tree.
struct Server<D: Dialect> {
    folder: TempDir,
    helper: Helper<JsonRpc<D>>,
    tree: Tree,
}

fn start<D: Dialect>(folder: TempDir, program: &[&str], dialect: D) -> Server<D> {
    let command = guest::command(program[0], folder.path()).args(program[1..].iter().copied());
    let helper = Helper::new(command, JsonRpc(dialect));
    let tree = guest::run(&helper);
    Server {
        folder,
        helper,
        tree,
    }
}

fn everything() -> Server<Mcp> {
    let folder = TempDir::new().expect("there is room");
    start(folder, &["mcp-server-everything", "stdio"], Mcp)
}

impl<D: Dialect> Server<D> {
    async fn ask(&self, method: &'static str, params: Value) -> Result<Value, CallError> {
        self.helper.call(Ask(method, params)).await
    }

    /// The same while the program is killed, so that the next one answers.
    async fn ask_a_dying_one(&self, method: &'static str, params: Value) -> Value {
        let before = guest::restarts(&self.tree).await;
        let ask = self.helper.call(Ask(method, params));
        let (answer, ()) = tokio::join!(ask, guest::kill(&self.helper));
        assert_eq!(guest::restarts(&self.tree).await, before + 1);
        answer.expect("it changes nothing, and is asked again")
    }
}

impl Server<Mcp> {
    /// What a tool says.
    async fn call(&self, tool: &str, arguments: Value) -> String {
        let call = json!({ "name": tool, "arguments": arguments });
        let said = self.ask("tools/call", call).await;
        let said = said.expect("the tool answers");
        let text = said["content"][0]["text"].as_str();
        text.expect("it answers in words").to_owned()
    }
}

#[test]
fn a_server_of_tools_is_initialized_and_asked_and_killed_and_asked_again() {
    // One codec, lines. What it cannot do is not sent, what goes wrong is its answer.
    alone(async || {
        let server = everything();
        let answer = server.ask_a_dying_one("tools/list", json!({})).await;
        let tools = answer["tools"].as_array().unwrap();
        assert!(tools.iter().any(|tool| tool["name"] == "echo"), "{answer}");
        let said = server.call("echo", json!({ "message": "a word" })).await;
        assert_eq!(said, "Echo: a word");

        let error = server.ask("spells/list", json!({})).await.unwrap_err();
        assert!(matches!(error, CallError::Unsupported { .. }), "{error}");
        let error = server.ask("tools/forget", json!({})).await.unwrap_err();
        let error = error.to_string();
        assert!(
            error.ends_with("mcp-server-everything says: Method not found"),
            "{error}"
        );

        let report = server.helper.close().await.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.answer, CloseAnswer::NotAsked);
        assert_eq!(report.gone.exit.code(), Some(0));
        drop(server.tree.stop().await);
    });
}

#[test]
fn a_server_that_asks_us_is_answered() {
    // It waits for our answer before it gives its own. One that is given up is told of, and
    // leaves the server well.
    alone(async || {
        let server = everything();
        let prompt = json!({ "prompt": "a poem", "maxTokens": 10 });
        let said = server.call("trigger-sampling-request", prompt).await;
        assert!(said.contains("written by hand"), "{said}");

        let call = json!({
            "name": "trigger-long-running-operation",
            "arguments": { "duration": 1, "steps": 2 },
        });
        let soon = Duration::from_millis(20);
        let long = server.helper.call_within(Ask("tools/call", call), soon);
        let given_up = long.await.unwrap_err();
        assert!(matches!(given_up, CallError::Timeout { .. }), "{given_up}");
        let said = server.call("echo", json!({ "message": "fine" })).await;
        assert_eq!(said, "Echo: fine");
        assert_eq!(guest::restarts(&server.tree).await, 0);
        drop(server.tree.stop().await);
    });
}

#[test]
fn a_language_server_is_initialized_and_asked_and_killed_and_asked_again() {
    // The same codec, with `Content-Length`; its answers have another header besides.
    alone(async || {
        let folder = TempDir::new().unwrap();
        let text = "def twice(number):\n    return 2 * number\n\n\nprint(twice(21))\n";
        let file = folder.path().join("text.py");
        fs::write(&file, text).unwrap();
        let editor = Lsp {
            folder: folder.path().to_owned(),
        };
        let server = start(folder, &["pylsp"], editor);
        let call = json!({
            "textDocument": { "uri": uri(&file) },
            "position": { "line": 4, "character": 8 },
        });
        let method = "textDocument/definition";
        let found = server.ask(method, call.clone()).await.unwrap();
        let place = json!({ "line": 0, "character": 4 });
        assert_eq!(found[0]["range"]["start"], place, "{found}");
        assert_eq!(server.ask_a_dying_one(method, call.clone()).await, found);

        let error = server.ask("textDocument/moniker", call).await.unwrap_err();
        assert!(matches!(error, CallError::Unsupported { .. }), "{error}");
        let report = server.helper.close().await.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.answer, CloseAnswer::Closed);
        drop(server.tree.stop().await);
        drop(server.folder);
    });
}

//! The side of the daemon: a node that accepts, and one for each client.

use std::fs;
use std::io;
use std::sync::{Arc, Weak};

use perennial::process::Process;
use perennial::{Context, Name, NodeSnapshot, Pool, State, Tree};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{SetOnce, mpsc, oneshot};
use tracing::{info, warn};

use super::place::Place;
use super::{Answer, REQUEST_MAX, Request};
use crate::logs::Logs;
use crate::paint::PROGRAMS;
use crate::programs::{Programs, What, Wish};

/// What the clients are told from, and what outlives the incarnations of the node.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) place: Place,
    pub(crate) tell: Arc<Tell>,
}

/// What a client can learn and wish.
#[derive(Debug)]
pub(crate) struct Tell {
    pub(crate) programs: Arc<Programs>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) wishes: mpsc::Sender<Wish>,
    /// Weak, since nodes that held their own tree would keep it up.
    pub(crate) tree: SetOnce<Weak<Tree>>,
}

/// Why a request is not done.
struct Refusal {
    why: String,
    is_input: bool,
}

impl Control {
    /// Accepts until it is told to stop.
    pub(crate) async fn run(&self, ctx: Context) -> io::Result<()> {
        let path = self.place.socket();
        // What a daemon left that was killed; nobody else has the place.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        let clients = ctx.pool("clients").map_err(io::Error::other)?;
        ctx.healthy();
        while let Some(accepted) = ctx.until_cancelled(listener.accept()).await {
            let (stream, _) = accepted?;
            self.serve(stream, &clients)?;
        }
        Ok(())
    }

    fn serve(&self, stream: UnixStream, clients: &Pool) -> io::Result<()> {
        let uid = stream.peer_cred()?.uid();
        // The folder keeps others out; this does should it be opened to them.
        if uid != self.place.owner() {
            warn!("refused a client of user {uid}");
            return Ok(());
        }
        let tell = self.tell.clone();
        let started = clients.start(move |ctx: Context| async move {
            ctx.until_cancelled(tell.answer(stream))
                .await
                .unwrap_or(Ok(()))
        });
        started.map(drop).map_err(io::Error::other)
    }
}

impl Tell {
    /// Answers the one request of a client. That it hung up is no failure of ours.
    async fn answer(&self, stream: UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        let mut lines = BufReader::new(read.take(REQUEST_MAX));
        lines.read_line(&mut line).await?;
        let done = match serde_json::from_str(&line) {
            Ok(request) => {
                info!("asked for: {}", line.trim_end());
                self.grant(request, &mut write).await?
            }
            Err(error) => Err(Refusal::input(format!("no such request: {error}"))),
        };
        let last = match done {
            Ok(()) => Answer::Done,
            Err(Refusal { why, is_input }) => Answer::Refused { why, is_input },
        };
        say(&mut write, &last).await
    }

    async fn grant(
        &self,
        request: Request,
        write: &mut OwnedWriteHalf,
    ) -> io::Result<Result<(), Refusal>> {
        match request {
            Request::Status => self.status(write).await.map(Ok),
            Request::Restart { name } => Ok(self.wish(&name, What::Restart).await),
            Request::Stop { name } => Ok(self.wish(&name, What::Stop).await),
            Request::Logs { name, follow } => match self.known(&name) {
                Ok(name) => self.show_logs(&name, follow, write).await.map(Ok),
                Err(refusal) => Ok(Err(refusal)),
            },
            Request::Down => {
                if let Some(tree) = self.tree.wait().await.upgrade() {
                    // It is waited for by its lock.
                    drop(tree.stop());
                }
                Ok(Ok(()))
            }
        }
    }

    fn known(&self, name: &str) -> Result<Name, Refusal> {
        let names = self.programs.names();
        let found = names.iter().find(|known| known.as_str() == name).cloned();
        found.ok_or_else(|| {
            let known: Vec<_> = names.iter().map(Name::as_str).collect();
            Refusal::input(format!(
                "there is no program {name}, only {}",
                known.join(", ")
            ))
        })
    }

    async fn wish(&self, name: &str, what: What) -> Result<(), Refusal> {
        let name = self.known(name)?;
        let (reply, granted) = oneshot::channel();
        let stops = Refusal::other("the daemon stops");
        let wish = Wish {
            name: name.clone(),
            what,
            reply,
        };
        self.wishes.send(wish).await.map_err(|_| stops)?;
        match granted.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Refusal::other(error.to_string())),
            Err(_) => Err(Refusal::other(format!(
                "{name} was not started yet: it waits for others"
            ))),
        }
    }

    async fn status(&self, write: &mut OwnedWriteHalf) -> io::Result<()> {
        let Some(tree) = self.tree.wait().await.upgrade() else {
            return Ok(());
        };
        let snapshot = tree.snapshot().await;
        let head = ["NAME", "STATE", "PID", "CONTAINED", "RESTARTS", "FOR"].map(str::to_owned);
        let rows = self.programs.names().into_iter().map(|name| {
            let path = format!("{PROGRAMS}{name}");
            let mut nodes = snapshot.nodes.iter();
            let node = nodes.find(|node| node.path.to_string() == path);
            row(&name, node, self.programs.process(&name).as_ref())
        });
        let rows: Vec<[String; 6]> = [head].into_iter().chain(rows).collect();
        for row in &rows {
            let cells = row.iter().enumerate().map(|(at, cell)| {
                let width = rows.iter().map(|row| row[at].chars().count()).max();
                format!("{cell:0$}", width.unwrap_or(0))
            });
            let cells: Vec<_> = cells.collect();
            let text = cells.join("  ").trim_end().to_owned();
            say(write, &Answer::Text(text)).await?;
        }
        Ok(())
    }

    async fn show_logs(
        &self,
        name: &Name,
        follow: bool,
        write: &mut OwnedWriteHalf,
    ) -> io::Result<()> {
        let (kept, mut next) = self.logs.read(name.as_str());
        for line in kept {
            say(write, &Answer::Text(line.to_string())).await?;
        }
        while follow {
            let text = match next.recv().await {
                Ok(line) => line.to_string(),
                Err(RecvError::Lagged(lines)) => format!("({lines} lines were lost)"),
                Err(RecvError::Closed) => break,
            };
            say(write, &Answer::Text(text)).await?;
        }
        Ok(())
    }
}

fn row(name: &Name, node: Option<&NodeSnapshot>, process: Option<&Process>) -> [String; 6] {
    let none = || "-".to_owned();
    let name = name.to_string();
    let Some(node) = node else {
        return [
            name,
            "not started".to_owned(),
            none(),
            none(),
            none(),
            none(),
        ];
    };
    let process = process.filter(|_| node.state == State::Healthy);
    let state = match (node.state, node.due) {
        (State::Waiting, Some(due)) => format!("starts in {:.1} s", due.as_secs_f64()),
        (State::Down, _) => node.down.map_or_else(none, |down| format!("down ({down})")),
        (state, _) => state.to_string(),
    };
    [
        name,
        state,
        process.map_or_else(none, |process| process.id().pid().to_string()),
        process.map_or_else(none, |process| process.containment().to_string()),
        node.restarts.to_string(),
        format!("{} s", node.since.as_secs()),
    ]
}

async fn say(write: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}

impl Refusal {
    const fn input(why: String) -> Self {
        Self {
            why,
            is_input: true,
        }
    }

    fn other(why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            why,
            is_input: false,
        }
    }
}

//! The side of the daemon: a node that accepts, and one for each client.

use std::io::{self, Write};
use std::sync::{Arc, Weak};

use perennial::{Context, Name, Pool, Tree};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{SetOnce, mpsc, oneshot};
use tokio::time::timeout;
use tracing::{info, warn};

use super::place::Place;
use super::{Answer, CLIENTS_MAX, REQUEST_MAX, REQUEST_TIMEOUT, Request, status};
use crate::logs::{Fresh, Logs, Reader};
use crate::programs::{Programs, What, Wish, WishError};

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

/// What a client sends.
type Requests = BufReader<Take<OwnedReadHalf>>;

/// Why a request is not done.
struct Refusal {
    why: String,
    is_input: bool,
}

impl Control {
    /// Accepts until it is told to stop.
    pub(crate) async fn run(&self, ctx: Context) -> anyhow::Result<()> {
        let clients = Pool::builder().max_children(CLIENTS_MAX).build();
        ctx.run("clients", clients.clone())?;
        let listener = self.place.listen()?;
        ctx.healthy();
        while let Some(accepted) = ctx.until_cancelled(listener.accept()).await {
            let (stream, _) = accepted?;
            self.serve(stream, &clients)?;
        }
        Ok(())
    }

    fn serve(&self, stream: UnixStream, clients: &Pool) -> anyhow::Result<()> {
        let peer = stream.peer_cred();
        // The folder keeps others out; this does should it be opened to them.
        if !peer.is_ok_and(|peer| peer.uid() == self.place.owner()) {
            warn!("refused a client of another user");
            return Ok(());
        }
        if clients.children() == CLIENTS_MAX {
            let refused = Answer::from(Refusal::other("too many ask at once")).to_line()?;
            // There is room for it, as nothing was written before; the client may have gone.
            let _ = stream.into_std()?.write_all(&refused);
            return Ok(());
        }
        let tell = self.tell.clone();
        clients.start(move |ctx: Context| async move {
            tokio::select! {
                // First, so that whoever follows gets the last words of a program that stops.
                biased;
                // Whoever hung up has had enough, which is no failure of ours.
                _ = tell.answer(stream) => {}
                () = ctx.cancelled() => {}
            }
        })?;
        Ok(())
    }
}

impl Tell {
    /// Answers the one request of a client.
    async fn answer(&self, stream: UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read.take(REQUEST_MAX));
        let mut line = Vec::new();
        timeout(REQUEST_TIMEOUT, read.read_until(b'\n', &mut line)).await??;
        let done = match serde_json::from_slice(&line) {
            Ok(request) => self.grant(request, &mut read, &mut write).await?,
            Err(error) => Err(Refusal::input(format!("no such request: {error}"))),
        };
        let last = done.map_or_else(Answer::from, |()| Answer::Done);
        say(&mut write, &last).await
    }

    async fn grant(
        &self,
        request: Request,
        read: &mut Requests,
        write: &mut OwnedWriteHalf,
    ) -> io::Result<Result<(), Refusal>> {
        match request {
            Request::Status => self.status(write).await.map(Ok),
            Request::Restart { name } => Ok(self.wish(&name, What::Restart).await),
            Request::Stop { name } => Ok(self.wish(&name, What::Stop).await),
            Request::Logs { name, follow } => match self.known(&name) {
                Ok(name) => {
                    let follower = follow.then_some(read);
                    self.show_logs(&name, follower, write).await.map(Ok)
                }
                Err(refusal) => Ok(Err(refusal)),
            },
            Request::Down => {
                info!("asked to stop all");
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
        info!("asked to {what} {name}");
        let (reply, granted) = oneshot::channel();
        let wish = Wish { name, what, reply };
        // If it is dropped unheard, its reply is, too.
        let _ = self.wishes.send(wish).await;
        let granted = granted.await.unwrap_or(Err(WishError::Stops));
        granted.map_err(Refusal::other)
    }

    async fn status(&self, write: &mut OwnedWriteHalf) -> io::Result<()> {
        let Some(tree) = self.tree.wait().await.upgrade() else {
            return Ok(());
        };
        for line in status::lines(&self.programs, &tree.snapshot().await) {
            say(write, &Answer::Text(line)).await?;
        }
        Ok(())
    }

    /// Shows what is kept of a program, and if the client goes on listening what comes after that,
    /// until it hangs up.
    async fn show_logs(
        &self,
        name: &Name,
        follower: Option<&mut Requests>,
        write: &mut OwnedWriteHalf,
    ) -> io::Result<()> {
        let mut log = self.logs.reader(name.as_str());
        show_fresh(&mut log, write).await?;
        let Some(follower) = follower else {
            return Ok(());
        };
        let follow = async {
            loop {
                log.more().await;
                show_fresh(&mut log, write).await?;
            }
        };
        tokio::select! {
            followed = follow => followed,
            // What is written tells nothing as long as nothing is written.
            _ = follower.read_u8() => Ok(()),
        }
    }
}

async fn show_fresh(log: &mut Reader<'_>, write: &mut OwnedWriteHalf) -> io::Result<()> {
    let Fresh { lost, lines } = log.read();
    if lost > 0 {
        say(write, &Answer::Text(format!("({lost} lines were lost)"))).await?;
    }
    for line in lines {
        say(write, &Answer::Text(line.to_string())).await?;
    }
    Ok(())
}

async fn say(write: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    write.write_all(&answer.to_line()?).await
}

impl Answer {
    fn to_line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal { why, is_input }: Refusal) -> Self {
        Self::Refused { why, is_input }
    }
}

impl Refusal {
    const fn input(why: String) -> Self {
        let is_input = true;
        Self { why, is_input }
    }

    fn other(why: impl ToString) -> Self {
        let (why, is_input) = (why.to_string(), false);
        Self { why, is_input }
    }
}

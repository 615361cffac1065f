//! What the daemon does for its clients.

use std::io;
use std::sync::{Arc, Weak};

use perennial::{Name, Tree};
use tokio::sync::{SetOnce, mpsc, oneshot};
use tracing::info;

use super::{Request, status};
use crate::logs::{Fresh, Logs, Reader};
use crate::programs::{Programs, What, Wish, WishError};
use crate::socket::{Answers, Client, Refusal, Tells};

/// What a client can learn and wish, and what outlives the incarnations of the node that listens.
#[derive(Debug)]
pub(crate) struct Tell {
    pub(crate) programs: Arc<Programs>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) wishes: mpsc::Sender<Wish>,
    /// Weak, since nodes that held their own tree would keep it up.
    pub(crate) tree: SetOnce<Weak<Tree>>,
}

impl Answers for Tell {
    type Request = Request;
    type Said = String;

    async fn grant(
        &self,
        request: Request,
        client: &mut Client<String>,
    ) -> io::Result<Result<(), Refusal>> {
        match request {
            Request::Status => self.status(&mut client.tells).await.map(Ok),
            Request::Restart { name } => Ok(self.wish(&name, What::Restart).await),
            Request::Stop { name } => Ok(self.wish(&name, What::Stop).await),
            Request::Logs { name, follow } => match self.known(&name) {
                Ok(name) if follow => self.follow_logs(&name, client).await.map(Ok),
                Ok(name) => {
                    let mut log = self.logs.reader(name.as_str());
                    show_fresh(&mut log, &mut client.tells).await.map(Ok)
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
}

impl Tell {
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

    async fn status(&self, tells: &mut Tells<String>) -> io::Result<()> {
        let Some(tree) = self.tree.wait().await.upgrade() else {
            return Ok(());
        };
        for line in status::lines(&self.programs, &tree.snapshot().await) {
            tells.say(line).await?;
        }
        Ok(())
    }

    /// Shows what is kept of a program, and what comes after that, until the client hangs up.
    async fn follow_logs(&self, name: &Name, client: &mut Client<String>) -> io::Result<()> {
        let mut log = self.logs.reader(name.as_str());
        let follow = async {
            loop {
                show_fresh(&mut log, &mut client.tells).await?;
                log.more().await;
            }
        };
        tokio::select! {
            followed = follow => followed,
            () = client.hears.hung_up() => Ok(()),
        }
    }
}

async fn show_fresh(log: &mut Reader<'_>, tells: &mut Tells<String>) -> io::Result<()> {
    let Fresh { lost, lines } = log.read();
    if lost > 0 {
        tells.say(format!("({lost} lines were lost)")).await?;
    }
    for line in lines {
        tells.say(line.to_string()).await?;
    }
    Ok(())
}

//! One client: bytes in, batches to the store, replies out.

use std::{io, sync::Arc, time::Duration};

use perennial::Context;
use tokio::net::TcpStream;
use tracing::debug;

use crate::{
    command::Command,
    keyspace::Answer,
    resp::{Limits, Reply, RequestReader},
    socket::Socket,
    store_node::StoreNode,
};

/// A connection of one client.
///
/// Its memory is bounded: one unfinished request ([`Limits`]), one batch of requests, and replies
/// of about 1 MiB. One that waits for its client keeps the unfinished request alone, or nothing.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    store: Arc<StoreNode>,
    reader: RequestReader,
}

/// What to do once a batch is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// Decode what is left of the input.
    Decode,
    /// Receive more.
    Receive,
    /// Close, with a last word if there is one.
    Close(Option<Reply>),
}

impl Connection {
    /// Serves a client, which may be silent for so long, until it leaves or until this is told to
    /// stop: then what the store has taken is answered, and what comes after it is not read.
    ///
    /// A client that vanishes is no failure of the connection.
    pub(crate) async fn serve(
        ctx: Context,
        stream: TcpStream,
        idle_timeout: Option<Duration>,
        store: Arc<StoreNode>,
    ) -> io::Result<()> {
        let mut connection = Self {
            socket: Socket::new(stream, idle_timeout)?,
            store,
            reader: RequestReader::new(Limits::default()),
        };
        ctx.healthy();
        if let Err(error) = connection.converse(&ctx).await {
            debug!(path = %ctx.path(), %error, "the connection broke");
        }
        Ok(())
    }

    async fn converse(&mut self, ctx: &Context) -> io::Result<()> {
        while !ctx.is_cancelled() {
            let (commands, mut next) = self.decode();
            if let Some(refusal) = self.answer(commands).await? {
                next = Next::Close(Some(refusal));
            }
            match next {
                Next::Decode => {}
                Next::Receive => match ctx.until_cancelled(self.socket.receive()).await {
                    None | Some(Ok(0)) => break,
                    Some(received) => drop(received?),
                },
                Next::Close(last_word) => {
                    let closed = ctx.until_cancelled(self.close(last_word)).await;
                    return closed.unwrap_or(Ok(()));
                }
            }
        }
        Ok(())
    }

    /// Takes a batch of requests out of the input.
    fn decode(&mut self) -> (Vec<Command>, Next) {
        let mut commands = Vec::new();
        while commands.len() < BATCH_COMMANDS_MAX {
            match self.reader.next(&mut self.socket.input) {
                Ok(Some(request)) => commands.push(Command::parse(request)),
                Ok(None) => return (commands, Next::Receive),
                Err(error) => return (commands, Next::Close(Some(error.into()))),
            }
            if matches!(commands.last(), Some(Command::Quit)) {
                return (commands, Next::Close(None));
            }
        }
        (commands, Next::Decode)
    }

    /// Has commands carried out and sends the replies. Returns what to say if the store broke.
    async fn answer(&mut self, commands: Vec<Command>) -> io::Result<Option<Reply>> {
        let (mut left, mut refusal) = (commands.into_iter(), None);
        while left.len() > 0 && refusal.is_none() {
            let answer = self.store.ask(left).await;
            let answer = answer.unwrap_or_else(|error| {
                refusal = Some(Reply::Error(error.to_string()));
                Answer::default()
            });
            for reply in answer.replies {
                self.socket.reply(&reply).await?;
            }
            left = answer.left;
        }
        self.socket.flush().await?;
        Ok(refusal)
    }

    async fn close(&mut self, last_word: Option<Reply>) -> io::Result<()> {
        if let Some(reply) = last_word {
            self.socket.reply(&reply).await?;
        }
        self.socket.close().await
    }
}

/// The most commands of a batch, so that others get their turn.
const BATCH_COMMANDS_MAX: usize = 512;

//! The side of the daemon: a node that accepts, and one for each client.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use perennial::{Context, Pool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tracing::warn;

use super::place::Place;
use super::{Answer, CLIENTS_MAX, REQUEST_MAX, REQUEST_TIMEOUT};

/// What a daemon does for its clients.
pub(crate) trait Answers: Send + Sync + 'static {
    /// All that can be asked for.
    type Request: DeserializeOwned + Send;
    /// What is told, any number of times, before the end.
    type Said: Serialize + Send;

    /// Does what one client asks for. An error is that the client has gone.
    fn grant(
        &self,
        request: Self::Request,
        client: &mut Client<Self::Said>,
    ) -> impl Future<Output = io::Result<Result<(), Refusal>>> + Send;
}

/// Why a request is not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    why: String,
    is_input: bool,
}

/// A client whose request was heard.
pub(crate) struct Client<T> {
    pub(crate) hears: HangUp,
    pub(crate) tells: Tells<T>,
}

/// Whether a client is there still.
pub(crate) struct HangUp(BufReader<Take<OwnedReadHalf>>);

/// What a client is told through.
pub(crate) struct Tells<T> {
    write: OwnedWriteHalf,
    says: PhantomData<fn(T)>,
}

/// The node that accepts; its own clients are below it.
#[derive(Debug)]
pub(crate) struct Listener<A> {
    pub(crate) place: Place,
    pub(crate) clients: Clients<A>,
}

/// Answers clients, each in a node of its own.
#[derive(Debug)]
pub(crate) struct Clients<A>(pub(crate) Arc<A>);

impl<A: Answers> Listener<A> {
    /// Accepts until it is told to stop.
    pub(crate) async fn run(&self, ctx: Context) -> anyhow::Result<()> {
        let pool = Pool::builder().max_children(CLIENTS_MAX).build();
        ctx.run("clients", pool.clone())?;
        let listener = self.place.listen()?;
        ctx.healthy();
        while let Some(accepted) = ctx.until_cancelled(listener.accept()).await {
            let (stream, _) = accepted?;
            self.serve(stream, &pool)?;
        }
        Ok(())
    }

    fn serve(&self, stream: UnixStream, pool: &Pool) -> anyhow::Result<()> {
        let peer = stream.peer_cred();
        // The folder keeps others out; this does should it be opened to them.
        if !peer.is_ok_and(|peer| peer.uid() == self.place.owner()) {
            warn!("refused a client of another user");
            return Ok(());
        }
        if pool.children() == CLIENTS_MAX {
            let refused = Refusal::other("too many ask at once").into_answer::<A::Said>();
            // There is room for it, as nothing was written before; the client may have gone.
            let _ = stream.into_std()?.write_all(&to_line(&refused)?);
            return Ok(());
        }
        self.clients.serve(stream, pool)
    }
}

impl<A: Answers> Clients<A> {
    /// Answers one client in a node of this pool.
    pub(crate) fn serve(&self, stream: UnixStream, pool: &Pool) -> anyhow::Result<()> {
        let answers = self.0.clone();
        pool.start(move |ctx: Context| async move {
            tokio::select! {
                // First, so that whoever listens gets the last words of what stops.
                biased;
                // Whoever hung up has had enough, which is no failure of ours.
                _ = answer(&*answers, stream) => {}
                () = ctx.cancelled() => {}
            }
        })?;
        Ok(())
    }
}

/// Answers the one request of a client.
async fn answer<A: Answers>(answers: &A, stream: UnixStream) -> io::Result<()> {
    let (read, write) = stream.into_split();
    let mut read = BufReader::new(read.take(REQUEST_MAX));
    let mut line = Vec::new();
    timeout(REQUEST_TIMEOUT, read.read_until(b'\n', &mut line)).await??;
    let says = PhantomData;
    let mut client = Client {
        hears: HangUp(read),
        tells: Tells { write, says },
    };
    let done = match serde_json::from_slice(&line) {
        Ok(request) => answers.grant(request, &mut client).await?,
        Err(error) => Err(Refusal::input(format!("no such request: {error}"))),
    };
    let line = to_line(&done.map_or_else(Refusal::into_answer::<A::Said>, |()| Answer::Done))?;
    client.tells.write.write_all(&line).await
}

impl HangUp {
    /// Waits until the client is there no more. What it writes tells nothing as long as nothing is
    /// written.
    pub(crate) async fn hung_up(&mut self) {
        // Either way there is no more of it.
        let _ = self.0.read_u8().await;
    }
}

impl<T: Serialize> Tells<T> {
    pub(crate) async fn say(&mut self, said: T) -> io::Result<()> {
        let line = to_line(&Answer::Said(said))?;
        self.write.write_all(&line).await
    }
}

fn to_line<T: Serialize>(answer: &Answer<T>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(line)
}

impl Refusal {
    /// What was asked for is wrong.
    pub(crate) const fn input(why: String) -> Self {
        let is_input = true;
        Self { why, is_input }
    }

    /// It could not be done.
    pub(crate) fn other(why: impl ToString) -> Self {
        let (why, is_input) = (why.to_string(), false);
        Self { why, is_input }
    }

    fn into_answer<T>(self) -> Answer<T> {
        let Self { why, is_input } = self;
        Answer::Refused { why, is_input }
    }
}

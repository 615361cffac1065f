//! TCP listeners with one pooled child for each connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::{Configured, Context, Exit, IntoExit, RunError, Template, runnable};

/// How long the listener rests when the system cannot give it a connection.
const REST: Duration = Duration::from_millis(100);

/// Makes a runnable that accepts connections and serves each in a child of a pool of its own.
///
/// The pool is called `connections`. A connection that fails or panics ends alone: pooled children
/// are not started again. When the listener falls or stops, its connections are asked to stop too.
///
/// The socket is bound by whoever calls this, so that a port in use is its error, and is shared by
/// all incarnations: while the listener starts again, clients wait in the backlog (128 for a socket
/// of [`TcpListener::bind`]; [`TcpSocket`](tokio::net::TcpSocket) sets another) and are not
/// refused. When the system has no connection to give, as with too many open files, the listener
/// says so to `tracing`, rests for 100 ms and goes on. A connection beyond the most children of a
/// node is closed.
///
/// # Examples
///
/// ```
/// use perennial::{Context, serve_tcp};
/// use tokio::net::{TcpListener, TcpStream};
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     ctx.run("listener", serve_tcp(listener, echo))?;
///     ctx.done();
///     Ok(())
/// }
///
/// async fn echo(ctx: Context, mut stream: TcpStream) -> std::io::Result<()> {
///     let (mut reader, mut writer) = stream.split();
///     let copied = ctx.until_cancelled(tokio::io::copy(&mut reader, &mut writer)).await;
///     copied.map_or(Ok(()), |bytes| bytes.map(drop))
/// }
/// ```
pub fn serve_tcp<F, Fut>(
    listener: TcpListener,
    serve: F,
) -> Configured<impl Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync + 'static>
where
    F: Fn(Context, TcpStream) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    let listener = Arc::new(listener);
    runnable(move |context| {
        let (listener, serve) = (listener.clone(), serve.clone());
        let future = async move {
            let connections = context.pool("connections")?.template(move |stream| {
                let serve = serve.clone();
                move |context: Context| serve(context, stream)
            });
            accept(&context, &listener, &connections).await;
            Ok::<(), RunError>(())
        };
        Box::pin(async { future.await.into_exit() }) as BoxFuture<'static, Exit>
    })
}

/// Makes a runnable that accepts connections and starts a child for each with a template.
///
/// The pool stands elsewhere: declared before the listener, with the options that it needs. It
/// keeps its connections when the listener falls, and if it
/// [provides](crate::PoolBuilder::provides) it is asked to stop when the listener has returned. A
/// connection that the pool refuses, because it is full, drains or has stopped, is closed.
///
/// Otherwise as [`serve_tcp`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::{Context, Pool, accept_tcp, once};
/// use tokio::net::{TcpListener, TcpStream};
///
/// # async fn serve(ctx: Context, stream: TcpStream) {}
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let connections = Pool::builder().max_children(1_000).provides().build();
///     ctx.run("connections", connections.clone())?;
///     let connections = connections.template(|stream| {
///         once(|ctx| serve(ctx, stream)).grace(Duration::from_secs(30))
///     });
///     ctx.run("listener", accept_tcp(listener, connections))?;
///     ctx.done();
///     Ok(())
/// }
/// ```
pub fn accept_tcp(
    listener: TcpListener,
    connections: Template<TcpStream>,
) -> Configured<impl Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync + 'static> {
    let listener = Arc::new(listener);
    runnable(move |context| {
        let (listener, connections) = (listener.clone(), connections.clone());
        let future = async move {
            accept(&context, &listener, &connections).await;
            Exit::Returned
        };
        Box::pin(future) as BoxFuture<'static, Exit>
    })
}

/// Accepts connections until the listener is asked to stop.
async fn accept(context: &Context, listener: &TcpListener, connections: &Template<TcpStream>) {
    context.healthy();
    while let Some(accepted) = context.until_cancelled(listener.accept()).await {
        match accepted {
            // Refused is closed: a stop has overtaken it, or there are too many.
            Ok((stream, _)) => drop(connections.start(stream)),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                let path = context.path();
                tracing::warn!(target: "perennial", %path, %error, "cannot accept");
                context.until_cancelled(sleep(REST)).await;
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};

    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

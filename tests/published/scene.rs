//! A root, and a server below it that publishes what a test tells it.

use std::sync::Arc;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::{Child, Context, Exit, Published, RunError, Runnable, runnable};

use crate::puppet::Puppet;
pub(crate) use crate::serve::serve;

pub(crate) const SERVER: &str = "root.server";

/// A root that declares this, and serves.
pub(crate) fn root(
    declare: impl Fn(&Context) -> Result<(), RunError> + Send + Sync + 'static,
) -> impl Runnable {
    move |ctx: Context| {
        let declared = declare(&ctx);
        async move {
            declared?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    }
}

/// A root above `root.server`, which publishes this.
pub(crate) fn server<F>(obey: &F, value: &Published<u32>) -> impl Runnable + use<F>
where
    F: Fn(Context) -> BoxFuture<'static, Exit> + Clone + Send + Sync + 'static,
{
    let server = runnable(obey.clone()).publishes(value);
    root(move |ctx| ctx.run("server", server.clone()).map(drop))
}

/// The same with any code, and the handle of that child.
pub(crate) fn kept(server: impl Runnable + Clone) -> (impl Runnable, Arc<Mutex<Option<Child>>>) {
    let child = Arc::new(Mutex::new(None));
    let keep = child.clone();
    let root = root(move |ctx| {
        *keep.lock() = Some(ctx.run("server", server.clone())?);
        Ok(())
    });
    (root, child)
}

/// Lets a publisher publish.
pub(crate) async fn publish(puppet: &Puppet, value: &Published<u32>, next: u32) {
    let value = value.clone();
    let published = puppet.tell(move |ctx| {
        value.publish(ctx, next).expect("it is the publisher");
        None
    });
    published.await;
}

/// Lets it say that it is done, and return. Returns its context.
pub(crate) async fn finish(puppet: &Puppet) -> Context {
    let context = context(puppet).await;
    let finished = puppet.tell(|ctx| {
        ctx.done();
        Some(Exit::Returned)
    });
    finished.await;
    context
}

/// The context of the present incarnation.
pub(crate) async fn context(puppet: &Puppet) -> Context {
    let (give, given) = tokio::sync::oneshot::channel();
    let told = puppet.tell(move |ctx| {
        // The test waits for it.
        let _ = give.send(ctx.clone());
        None
    });
    told.await;
    given.await.expect("it is given")
}

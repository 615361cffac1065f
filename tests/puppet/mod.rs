//! A runnable that does what a test tells it, through all of its incarnations.

use std::sync::Arc;

use futures::future::BoxFuture;
use perennial::{Context, Exit, IntoExit};
use tokio::sync::{Mutex, mpsc, oneshot};

/// Tells a runnable what to do next. What is said while it is down waits for its next incarnation.
pub(crate) struct Puppet(mpsc::UnboundedSender<Task>);

type Act = Box<dyn FnOnce(&Context) -> Option<Exit> + Send>;
type Task = (Act, oneshot::Sender<()>);

impl Puppet {
    /// A puppet, and the runnable that obeys it. When it is asked to stop, it returns.
    pub(crate) fn new() -> (
        Self,
        impl Fn(Context) -> BoxFuture<'static, Exit> + Clone + Send + Sync + 'static,
    ) {
        let (sender, tasks) = mpsc::unbounded_channel::<Task>();
        let tasks = Arc::new(Mutex::new(tasks));
        let obey = move |ctx: Context| {
            let tasks = tasks.clone();
            Box::pin(async move {
                let mut tasks = tasks.lock().await;
                while let Some(Some((act, done))) = ctx.until_cancelled(tasks.recv()).await {
                    let exit = act(&ctx);
                    drop(done);
                    if let Some(exit) = exit {
                        return exit;
                    }
                }
                Exit::Returned
            }) as BoxFuture<'static, Exit>
        };
        (Self(sender), obey)
    }

    /// Waits until an incarnation has done this; it returns if there is an exit to return.
    pub(crate) async fn tell(&self, act: impl FnOnce(&Context) -> Option<Exit> + Send + 'static) {
        let (done, told) = oneshot::channel();
        assert!(
            self.0.send((Box::new(act), done)).is_ok(),
            "the puppet is gone"
        );
        let _ = told.await;
    }

    /// Waits until an incarnation has signalled healthy.
    pub(crate) async fn healthy(&self) {
        self.tell(|ctx| {
            ctx.healthy();
            None
        })
        .await;
    }

    /// Waits until an incarnation returns an error.
    pub(crate) async fn die(&self) {
        self.tell(|_| Some(Err::<(), _>("died on request").into_exit()))
            .await;
    }
}

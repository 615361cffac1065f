//! Work that is done again and again.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Configured, Context, Exit, IntoExit, runnable};

/// Makes a runnable that does `work` at once and then every `period`.
///
/// It is healthy as soon as it starts. Work that takes longer than the period delays what follows:
/// nothing is done twice at a time. An error or a panic of the work is the runnable's. When the
/// node is asked to stop, work in progress is dropped where it stands; work that must not be cut
/// off belongs into [`Context::spawn`].
///
/// # Panics
///
/// If the period is zero.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::{Context, periodic};
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     ctx.run("reporter", periodic(Duration::from_secs(60), |_ctx| async { println!("alive") }))?;
///     ctx.done();
///     Ok(())
/// }
/// ```
pub fn periodic<F, Fut>(
    period: Duration,
    work: F,
) -> Configured<impl Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync + 'static>
where
    F: Fn(Context) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    assert!(!period.is_zero(), "the period of periodic work is zero");
    runnable(move |context| {
        let work = work.clone();
        Box::pin(repeat(context, period, work)) as BoxFuture<'static, Exit>
    })
}

async fn repeat<F, Fut>(context: Context, period: Duration, work: F) -> Exit
where
    F: Fn(Context) -> Fut,
    Fut: Future<Output: IntoExit>,
{
    context.healthy();
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = async {
            ticks.tick().await;
            work(context.clone()).await.into_exit()
        };
        match context.until_cancelled(next).await {
            Some(Exit::Returned) => {}
            Some(exit) => return exit,
            None => return Exit::Returned,
        }
    }
}

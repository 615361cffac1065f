//! Pools on stage: a root above some, and what is in them.

use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::testing::Harness;
use perennial::{Context, Pool, RunError};

use crate::sup::counts_below;

type Root = BoxFuture<'static, Result<(), RunError>>;

/// A node that declares a pool, `pool`, and serves.
pub(crate) fn above(pool: &Pool) -> impl Fn(Context) -> Root + Send + Sync + use<> {
    above_all([("pool", pool)])
}

/// A node that declares pools, and serves.
pub(crate) fn above_all<const N: usize>(
    pools: [(&'static str, &Pool); N],
) -> impl Fn(Context) -> Root + Send + Sync + use<N> {
    let pools = pools.map(|(name, pool)| (name, pool.clone()));
    move |ctx: Context| {
        let pools = pools.clone();
        async move {
            for (name, pool) in pools {
                ctx.run(name, pool)?;
            }
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        }
        .boxed()
    }
}

/// How many children a pool has, and how many of them run. It and the snapshot have to agree.
pub(crate) async fn counts(h: &Harness, pool: &Pool) -> (usize, usize) {
    h.idle().await;
    let path = pool.path().expect("it is declared");
    let (present, active) = counts_below(h, &path.to_string()).await;
    assert_eq!(pool.children(), present, "{pool:?}");
    (present, active)
}

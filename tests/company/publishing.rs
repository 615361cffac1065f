//! Publishers, and declarations of others that are refused.

use perennial::testing::Harness;
use perennial::{Context, Pool, Published, RunError, Runnable, Strategy, runnable};

use crate::serve::serve;

/// Publishes 1, and serves.
fn publisher(value: &Published<u32>) -> impl Runnable + use<> {
    let own = value.clone();
    let run = move |ctx: Context| {
        let published = own.publish(&ctx, 1);
        async move {
            published.expect("it is the publisher");
            serve(ctx).await;
        }
    };
    runnable(run).publishes(value)
}

#[test]
fn a_group_that_is_refused_for_its_pool_takes_no_value_from_its_publisher() {
    // R3. Nothing of it was declared.
    let (value, taken) = (Published::new(), Pool::new());
    let root = {
        let value = value.clone();
        move |ctx: Context| {
            let declares = || {
                ctx.run("taken", taken.clone())?;
                ctx.run("publisher", publisher(&value))?;
                let pair = ctx.group("pair", Strategy::OneForAll);
                let pair = pair.run("other", runnable(serve).publishes(&value));
                let refused = pair.run("pool", taken.clone()).start();
                assert!(matches!(refused, Err(RunError::PoolTaken { .. })));
                ctx.done();
                Ok::<_, RunError>(())
            };
            std::future::ready(declares())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_eq!(value.peek(), Some(1));
    });
}

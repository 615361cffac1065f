//! A node that gives orders from inside.

use std::sync::Arc;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::{Context, Effect, Order, OrderError, Runnable, Startable};

use crate::cast::a_second;
use crate::serve::serve;

/// What the orders of a node came to, in order.
pub(crate) type Results = Arc<Mutex<Vec<Result<Effect, OrderError>>>>;

/// Gives orders in its first incarnation, one after the other, and awaits each; then it serves.
pub(crate) fn orderer<F>(results: &Results, order: F) -> impl Runnable + Startable + Clone + use<F>
where
    F: Fn(&Context) -> Vec<Order> + Send + Sync + 'static,
{
    let (results, order) = (results.clone(), Arc::new(order));
    let is_first = Arc::new(Mutex::new(true));
    move |ctx: Context| {
        let (results, order) = (results.clone(), order.clone());
        let is_first = std::mem::take(&mut *is_first.lock());
        async move {
            ctx.healthy();
            // All of the tree stands by then.
            a_second().await;
            for order in if is_first { order(&ctx) } else { vec![] } {
                let result = order.await;
                results.lock().push(result);
            }
            ctx.cancelled().await;
        }
    }
}

pub(crate) fn effects(results: &Results) -> Vec<Effect> {
    let results = results.lock();
    let effects = results.iter().map(|result| result.as_ref().copied());
    effects.map(|effect| effect.expect("it is taken")).collect()
}

/// A node above one child.
pub(crate) fn above(
    child: impl Runnable + Clone,
) -> impl Fn(Context) -> BoxFuture<'static, ()> + Clone {
    move |ctx| {
        let run = ctx.run("below", child.clone());
        Box::pin(async move {
            run.expect("the name is free");
            serve(ctx).await;
        })
    }
}

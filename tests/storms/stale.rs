//! Many requests through handles and contexts of what is gone.

use std::future::{Ready, ready};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Backoff, Child, Context, FirstStartError, HealthyError, OrderError, OwnError, Pool, RunError,
    StartError, State, Strategy, Tree, runnable,
};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::pool::up_here;
use crate::serve::serve;

/// What is left of children of a pool that have ended and are forgotten, and of a tree that has
/// ended.
struct Left {
    tree: Tree,
    children: Vec<(Child, Context)>,
    stopped: Pool,
}

impl Left {
    async fn new(children: usize) -> Self {
        let (pool, stopped) = (Pool::new(), Pool::new());
        let ended = up_here(&stopped).await;
        ended.stop().await.expect("a stop is no failure");
        let tree = up_here(&pool).await;
        let mut left = Vec::new();
        for _ in 0..children {
            let (give, given) = oneshot::channel();
            let child = pool.start(async move |ctx: Context| drop(give.send(ctx)));
            let context = given.await.expect("it gives its context");
            left.push((child.expect("there is room"), context));
        }
        tree.settled().await;
        Self {
            tree,
            children: left,
            stopped,
        }
    }

    /// Makes requests of each kind, and sees that they are refused as they are to be.
    async fn ask(&self, number: usize, alive: &Arc<()>) {
        let (child, context) = &self.children[number];
        self.order(child, context, alive).await;
        let healthy = child.healthy().await;
        assert!(matches!(healthy, Err(HealthyError::Gone { .. })));
        let first = child.first_start().await;
        assert!(matches!(first, Err(FirstStartError::Exited { .. })));
        assert_eq!(child.ended().await.state, State::Down);
        let run = context.run("late", keeps(alive));
        assert!(matches!(run, Err(RunError::Ended { .. })));
        let group = context.group("group", Strategy::OneForAll);
        let group = group.run("late", keeps(alive)).start();
        assert!(matches!(group, Err(RunError::Ended { .. })));
        let kept = alive.clone();
        let spawned = context.spawn(async move { drop(kept) });
        assert!(matches!(spawned, Err(OwnError::Ended { .. })));
        assert!(matches!(context.hold("late"), Err(OwnError::Ended { .. })));
        let started = self.stopped.start(keeps(alive));
        assert!(matches!(started, Err(StartError::Stopped { .. })));
        context.cancelled().await;
    }

    async fn order(&self, child: &Child, context: &Context, alive: &Arc<()>) {
        for order in [
            child.start(),
            child.restart(),
            child.terminate(),
            child.remove(),
        ] {
            assert!(matches!(order.await, Err(OrderError::Gone { .. })));
        }
        let replaced = child.replace(keeps(alive)).await;
        assert!(matches!(replaced, Err(OrderError::Gone { .. })));
        let node = self.tree.node(child.path().to_string());
        assert!(matches!(
            node.restart().await,
            Err(OrderError::NotFound { .. })
        ));
        let parent = context.parent().expect("it is not the root");
        for order in [parent.restart(), context.sibling("other").terminate()] {
            assert!(matches!(order.await, Err(OrderError::Stale { .. })));
        }
    }
}

/// Code that keeps something alive.
fn keeps(alive: &Arc<()>) -> impl Fn(Context) -> Ready<()> + Clone + use<> {
    let alive = alive.clone();
    move |_| {
        let _kept = &alive;
        ready(())
    }
}

#[test]
fn requests_through_what_is_gone_are_refused_and_leave_nothing() {
    // L10, R3, R16. As many bytes are allocated after those through half of the handles as after
    // those through the others.
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let (left, alive) = (runtime.block_on(Left::new(400)), Arc::new(()));
    let ask = async |through: Range<usize>| {
        for number in through {
            left.ask(number, &alive).await;
        }
    };
    runtime.block_on(ask(0..200));
    let counted = allocation_counter::measure(|| runtime.block_on(ask(200..400)));
    assert_eq!(counted.bytes_current, 0);
    assert_eq!(Arc::strong_count(&alive), 1, "what was refused is dropped");
    let nodes = runtime.block_on(left.tree.snapshot()).nodes;
    let states: Vec<_> = nodes
        .iter()
        .map(|node| (node.state, node.restarts))
        .collect();
    assert_eq!(states, [(State::Healthy, 0); 2], "nothing was touched");
}

#[test]
fn no_signal_of_those_before_reaches_the_present_incarnation() {
    // L10, R4. Each of a hundred that have failed says all there is to say.
    let contexts = Arc::new(Mutex::new(Vec::<Context>::new()));
    let kept = contexts.clone();
    let child = runnable(move |ctx: Context| {
        kept.lock().push(ctx.clone());
        async move {
            anyhow::ensure!(ctx.attempt() > 100, "again");
            ctx.cancelled().await;
            Ok(())
        }
    });
    let child = child.backoff(Backoff::none());
    Harness::run(None, |h| async move {
        h.start(move |ctx: Context| {
            let run = ctx.run("child", child.clone());
            async move {
                run?;
                serve(ctx).await;
                Ok::<_, RunError>(())
            }
        });
        h.idle().await;
        let stale = contexts.lock()[..100].to_vec();
        for ctx in stale {
            ctx.healthy();
            ctx.done();
            ctx.restart();
            ctx.give_up();
        }
        h.idle().await;
        let snapshot = h.snapshot().await;
        let node = snapshot.find("root.child").expect("it runs");
        assert_eq!((node.state, node.restarts), (State::Starting, 100));
        assert_eq!(contexts.lock().len(), 101);
        h.stop().await.expect("a stop is no failure");
    });
}

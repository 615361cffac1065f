//! A storm of requests through handles and contexts of what is gone: each is refused, and leaves
//! nothing.

use futures::future::join_all;
use perennial::{
    Child, Context, FirstStartError, HealthyError, Node, OrderError, OwnError, Pool, RunError,
    StartError, Tree,
};
use tokio::sync::{mpsc, oneshot};

use crate::Plan;
use crate::bounds::{Bound, Bounds};
use crate::requests::{Requests, head};
use crate::tree::{pooled, stop};

const WRONG: Bound = Bound {
    what: "requests that were not refused as they are to be",
    most: 0.0,
    why: "what is gone is never taken for what stands there now",
};

const LEFT: Bound = Bound {
    what: "bytes that all these requests have left",
    most: 0.0,
    why: "a request that is refused is dropped with its answer",
};

const PEAK: Bound = Bound {
    what: "bytes of a request until it is answered, at most",
    most: 1_000.0,
    why: "what is asked stands in the queue, and whoever asks waits beside it",
};

/// What is left of a child of a pool that has ended and is forgotten.
struct Stale {
    tree: Tree,
    child: Child,
    context: Context,
    /// The pool, by way of the context.
    parent: Node,
    /// The child, by its path.
    node: Node,
}

/// What is left of a tree that has ended.
struct Gone {
    pool: Pool,
    child: Child,
}

pub(crate) fn storm(plan: Plan, bounds: &mut Bounds) {
    let mut requests = Requests::new(plan);
    let (stale, _) = requests.meter.measure(Stale::new());
    let (gone, _) = requests.meter.measure(Gone::new());
    let title = format!("{} stale requests, one after the other", plan.size);
    head(&title, &["time", "allocations"]);
    ask_bare(&mut requests);
    stale.ask(&mut requests);
    stale.ask_as_incarnation(&mut requests);
    gone.ask(&mut requests);
    let title = format!("{} stale requests, all at once", plan.size);
    head(&title, &["time", "allocations", "at the peak"]);
    stale.ask_at_once(&mut requests);
    bounds.check(&WRONG, requests.wrong as f64);
    bounds.check(&LEFT, requests.left);
    bounds.check(&PEAK, requests.peak);
}

/// What a hand-written actor does: a question over a channel, and a task that answers it.
fn ask_bare(requests: &mut Requests) {
    let (questions, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<bool>>();
    let answering = async move {
        while let Some(reply) = asked.recv().await {
            // Whoever asks may have gone.
            let _ = reply.send(false);
        }
    };
    requests
        .meter
        .measure(async { drop(tokio::spawn(answering)) });
    requests.each("bare: a question to another task", async || {
        let (reply, answer) = oneshot::channel();
        questions.send(reply).is_ok() && answer.await == Ok(false)
    });
}

impl Stale {
    async fn new() -> Self {
        let (tree, pool) = pooled().await;
        let (give, given) = oneshot::channel();
        let child = pool.start(async move |ctx: Context| drop(give.send(ctx)));
        let child = child.expect("there is room");
        let context = given.await.expect("it gives its context");
        tree.settled().await;
        Self {
            parent: context.parent().expect("it is not the root"),
            node: tree.node(child.path().to_string()),
            tree,
            child,
            context,
        }
    }

    /// Requests about a place that is gone.
    fn ask(&self, requests: &mut Requests) {
        let Self { child, node, .. } = self;
        requests.each("Child::restart", async || is_gone(child.restart().await));
        requests.each("Child::replace", async || {
            is_gone(child.replace(async |_: Context| {}).await)
        });
        requests.each("Child::healthy", async || {
            matches!(child.healthy().await, Err(HealthyError::Gone { .. }))
        });
        requests.each("Child::first_start", async || {
            let started = child.first_start().await;
            matches!(started, Err(FirstStartError::Exited { .. }))
        });
        requests.each("Child::ended", async || {
            child.ended().await.evidence.is_some()
        });
        requests.each("Node::restart", async || {
            matches!(node.restart().await, Err(OrderError::NotFound { .. }))
        });
    }

    /// Requests of an incarnation that has ended.
    fn ask_as_incarnation(&self, requests: &mut Requests) {
        let Self {
            context, parent, ..
        } = self;
        requests.each("Context::parent, to restart it", async || {
            matches!(parent.restart().await, Err(OrderError::Stale { .. }))
        });
        requests.each("Context::run", async || {
            let run = context.run("late", async |_: Context| {});
            matches!(run, Err(RunError::Ended { .. }))
        });
        requests.each("Context::spawn", async || {
            matches!(context.spawn(async {}), Err(OwnError::Ended { .. }))
        });
        requests.each("Context::hold", async || {
            matches!(context.hold("late"), Err(OwnError::Ended { .. }))
        });
        requests.each("Context::healthy", async || {
            context.healthy();
            context.is_cancelled()
        });
    }

    /// As many requests as there are to be, before the first one is answered.
    fn ask_at_once(&self, requests: &mut Requests) {
        let Self { tree, child, .. } = self;
        requests.all("Child::restart, and all are awaited", async |size| {
            let orders: Vec<_> = (0..size).map(|_| child.restart()).collect();
            let answers = join_all(orders).await;
            answers
                .into_iter()
                .filter(|answer| !is_gone(answer.clone()))
                .count()
        });
        requests.all("Child::restart, and none is awaited", async |size| {
            (0..size).for_each(|_| drop(child.restart()));
            tree.settled().await;
            0
        });
        requests.all("Child::healthy, and all are awaited", async |size| {
            let waits = (0..size).map(|_| child.healthy());
            let answers = join_all(waits).await;
            answers.iter().filter(|answer| answer.is_ok()).count()
        });
    }
}

fn is_gone<T>(answer: Result<T, OrderError>) -> bool {
    matches!(answer, Err(OrderError::Gone { .. }))
}

impl Gone {
    async fn new() -> Self {
        let (tree, pool) = pooled().await;
        let child = pool.start(async |ctx: Context| {
            ctx.healthy();
            ctx.cancelled().await;
        });
        let child = child.expect("there is room");
        tree.settled().await;
        stop(tree).await;
        Self { pool, child }
    }

    /// Requests of a tree that has ended.
    fn ask(&self, requests: &mut Requests) {
        let Self { pool, child } = self;
        requests.each("Child::restart, in an ended tree", async || {
            matches!(child.restart().await, Err(OrderError::Ended { .. }))
        });
        requests.each("Child::healthy, in an ended tree", async || {
            matches!(child.healthy().await, Err(HealthyError::Gone { .. }))
        });
        requests.each("Pool::start, in an ended tree", async || {
            let started = pool.start(async |_: Context| {});
            matches!(started, Err(StartError::Stopped { .. }))
        });
    }
}

//! How many children a pool may have at a time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use perennial::testing::{Fault, Harness};
use perennial::{Backoff, Child, Context, Pool, Restart, StartError, State, Supervisor, runnable};
use tokio::time::sleep;

use crate::captured::captured;
use crate::pool::{root_above, up};
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

fn of_at_most(most: usize) -> Pool {
    Pool::builder().max_children(most).build()
}

/// Starts so many children that serve.
#[track_caller]
fn fill(pool: &Pool, children: usize) -> Vec<Child> {
    let start = |_| pool.start(serve).expect("there is room");
    (0..children).map(start).collect()
}

#[track_caller]
fn assert_full(pool: &Pool, most: usize) {
    let alive = Arc::new(());
    let task = |_: Context| async { Ok::<_, Infallible>(()) };
    let refused = [
        pool.start(captured(&alive)).map(drop),
        pool.start_named("name", captured(&alive)).map(drop),
        pool.template(captured_by_template)
            .start(alive.clone())
            .map(drop),
        pool.task(task).map(drop),
    ];
    for refused in refused {
        let refused = refused.expect_err("it is full");
        assert!(
            matches!(refused, StartError::TooMany { limit, .. } if limit == most),
            "{refused:?}"
        );
        let text =
            format!("root.pool cannot start a child: it has {most}, the most that are allowed");
        assert_eq!(refused.to_string(), text);
    }
    assert_eq!(Arc::strong_count(&alive), 1, "what was refused is dropped");
    assert_eq!(pool.children(), most);
}

fn captured_by_template(alive: Arc<()>) -> impl FnOnce(Context) -> futures::future::Ready<()> {
    captured(&alive)
}

#[test]
fn a_full_pool_refuses_children_until_one_is_forgotten() {
    // R13. The limit counts children that serve, end or have only been asked for.
    let pool = of_at_most(3);
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let children = fill(&pool, 3);
        assert_full(&pool, 3);
        h.settled().await;
        assert_full(&pool, 3);
        h.inject(Fault::slow_stop("root.pool.2", SECOND));
        let order = children[1].terminate();
        h.idle().await;
        assert_full(&pool, 3);
        h.wait(order).await.unwrap();
        let next = pool.start(serve).unwrap();
        assert_full(&pool, 3);
        assert_eq!(
            next.path().to_string(),
            "root.pool.4",
            "refusals use no number"
        );
        let order = children[0].remove();
        order.await.unwrap();
        let named = pool.start_named("name", serve);
        named.expect("refusals take no name");
        assert_full(&pool, 3);
    });
}

#[test]
fn those_that_wait_to_start_again_count() {
    // R13. In backoff; and not any more when an order ends the wait.
    let pool = of_at_most(2);
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let again = runnable(serve).restart(Restart::Permanent);
        let again = again.backoff(Backoff::constant(SECOND * 10));
        let [first, _] = [again.clone(), again].map(|again| pool.start(again).unwrap());
        h.settled().await;
        for path in ["root.pool.1", "root.pool.2"] {
            h.inject(Fault::error(path));
            h.until(path, State::Waiting).await;
        }
        assert_full(&pool, 2);
        first.terminate().await.unwrap();
        fill(&pool, 1);
        h.settled().await;
        assert_full(&pool, 2);
        assert_eq!(h.state("root.pool.2").await, Some(State::Healthy));
    });
}

#[test]
fn those_whose_children_live_on_count() {
    // R13. A child that is done is forgotten when all below it has ended.
    let pool = of_at_most(1);
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let parent = |ctx: Context| async move {
            let below = |ctx: Context| async move {
                ctx.healthy();
                sleep(SECOND).await;
                ctx.done();
            };
            let run = ctx.run("below", below);
            ctx.done();
            run.map(drop)
        };
        let child = pool.start(parent).unwrap();
        h.until("root.pool.1", State::Done).await;
        assert_full(&pool, 1);
        child.healthy().await.expect("it was");
        let ended = h.wait(child.ended()).await;
        // What is below a child that is done has ended when it is done or down itself.
        assert_eq!((ended.state, h.now()), (State::Done, SECOND));
        fill(&pool, 1);
    });
}

#[test]
fn a_pool_takes_no_more_than_its_supervisor_allows() {
    // R13. Whichever is less, and the error says which. Of the children of each node.
    for (of_pool, of_tree, most) in [(5, 2, 2), (2, 5, 2), (3, 3, 3)] {
        let pool = of_at_most(of_pool);
        Harness::run(None, |h| async move {
            h.start_with(Supervisor::new(root_above(&pool)).children_max(of_tree));
            h.settled().await;
            let children = fill(&pool, most);
            assert_full(&pool, most);
            h.settled().await;
            assert_full(&pool, most);
            children[0].terminate().await.unwrap();
            fill(&pool, 1);
            assert_full(&pool, most);
        });
    }
}

#[test]
fn a_pool_of_at_most_none_starts_nothing() {
    // R13. It is there, and full.
    let pool = of_at_most(0);
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        assert_full(&pool, 0);
        assert_eq!(h.state("root.pool").await, Some(State::Healthy));
    });
}

#[test]
fn a_full_pool_that_starts_again_is_empty() {
    // R13, R16. It takes as many as before.
    let pool = of_at_most(2);
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        for _ in 0..3 {
            fill(&pool, 2);
            assert_full(&pool, 2);
            h.settled().await;
            tree.node("root.pool").restart().await.unwrap();
            assert_eq!(pool.children(), 0);
        }
    });
}

#[test]
fn a_start_that_is_refused_may_start_another_as_it_is_dropped() {
    // R13, L10. What is refused is dropped without a lock.
    struct Starts(Pool);
    impl Drop for Starts {
        fn drop(&mut self) {
            drop(self.0.start(serve));
            let _ = (self.0.children(), self.0.path(), self.0.drain());
        }
    }
    let pool = of_at_most(1);
    let starts = Starts(pool.clone());
    let refused = pool.start(move |_: Context| {
        drop(starts);
        async {}
    });
    assert!(matches!(refused, Err(StartError::Undeclared)));
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        tree.node("root.pool").restart().await.unwrap();
        fill(&pool, 1);
        for name in ["taken", "7", "Bad"] {
            let starts = Starts(pool.clone());
            let refused = pool.start_named(name, move |_: Context| {
                drop(starts);
                async {}
            });
            refused.expect_err("it is refused");
        }
        assert_eq!(pool.children(), 1);
    });
}

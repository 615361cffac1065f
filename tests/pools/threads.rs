//! Pools on many threads, in real time: what was accepted runs and ends, and nothing is counted
//! twice.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial::{Backoff, Context, Pool, Restart, StartError, State, runnable};
use tokio::task::yield_now;

use crate::many::{many, short};
use crate::pool::up_here;
use crate::serve::serve;
use crate::threaded::on_many;

#[test]
fn many_start_children_while_the_pool_drains() {
    // R13. What it accepts is waited for, what comes later is refused, and no number is used twice.
    on_many(async {
        let (pool, alive) = (Pool::new(), Arc::new(AtomicUsize::new(0)));
        let tree = up_here(&pool).await;
        let mut numbers = BTreeSet::new();
        for _ in 0..5 {
            let starters = many(4, |_| {
                let (pool, alive) = (pool.clone(), alive.clone());
                async move {
                    let mut children = Vec::new();
                    loop {
                        match pool.start(short(&alive)) {
                            Ok(child) => children.push(child),
                            Err(StartError::Draining { .. }) => return children,
                            Err(other) => panic!("{other}"),
                        }
                        yield_now().await;
                    }
                }
            });
            let drain = async {
                while pool.children() < 20 {
                    yield_now().await;
                }
                pool.drain().await;
                assert_eq!((pool.children(), alive.load(Ordering::SeqCst)), (0, 0));
                pool.start(serve).expect_err("it drains");
            };
            let (children, ()) = tokio::join!(starters, drain);
            for child in children.into_iter().flatten() {
                assert_eq!(child.ended().await.state, State::Down);
                assert!(numbers.insert(child.path().to_string()), "{child:?}");
            }
            tree.node("root.pool").restart().await.expect("it runs");
        }
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn a_pool_never_has_more_children_than_it_may() {
    // R13. However many want to start one, and however many are started again.
    const MOST: usize = 8;
    on_many(async {
        let pool = Pool::builder().max_children(MOST).build();
        let tree = up_here(&pool).await;
        let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let refused = many(8, |task| {
            let (pool, alive, most) = (pool.clone(), alive.clone(), most.clone());
            async move {
                let mut refused = 0;
                for _ in 0..200 {
                    let (alive, most) = (alive.clone(), most.clone());
                    let flaky = move |ctx: Context| {
                        let now = alive.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        let alive = alive.clone();
                        async move {
                            yield_now().await;
                            alive.fetch_sub(1, Ordering::SeqCst);
                            if task % 2 == 0 && ctx.attempt() < 3 {
                                return Err("again");
                            }
                            Ok(())
                        }
                    };
                    let flaky = runnable(flaky).restart(Restart::Transient);
                    match pool.start(flaky.backoff(Backoff::none())) {
                        Ok(child) => drop(child.ended().await),
                        Err(StartError::TooMany { limit: MOST, .. }) => refused += 1,
                        Err(other) => panic!("{other}"),
                    }
                    assert!(pool.children() <= MOST);
                    yield_now().await;
                }
                refused
            }
        });
        let refused: usize = refused.await.into_iter().sum();
        assert!(
            most.load(Ordering::SeqCst) <= MOST,
            "{most:?}, {refused} were refused"
        );
        pool.drain().await;
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn a_name_has_one_child_at_a_time() {
    // R13, R1. Whoever has seen the end of a child may have its name, unless another was faster.
    on_many(async {
        let pool = Pool::new();
        let tree = up_here(&pool).await;
        let alive = Arc::new(AtomicUsize::new(0));
        let started = many(6, |_| {
            let (pool, alive) = (pool.clone(), alive.clone());
            async move {
                let mut started = 0;
                for _ in 0..200 {
                    let alive = alive.clone();
                    let alone = move |_: Context| async move {
                        assert_eq!(alive.fetch_add(1, Ordering::SeqCst), 0, "L1");
                        yield_now().await;
                        alive.fetch_sub(1, Ordering::SeqCst);
                        Ok::<_, Infallible>(())
                    };
                    match pool.start_named("one", alone) {
                        Ok(child) => {
                            let exit = child.ended().await.evidence.expect("it ran").exit.clone();
                            assert!(exit.is_some_and(|exit| exit.is_ok()));
                            started += 1;
                        }
                        Err(StartError::NameTaken { .. }) => yield_now().await,
                        Err(other) => panic!("{other}"),
                    }
                }
                started
            }
        });
        assert!(started.await.into_iter().sum::<usize>() > 0);
        pool.start_named("one", serve).expect("it is free");
        tree.stop().await.expect("stopping is no failure");
    });
}

//! Section I: dynamic supervisors, which are pools: their names, templates, and places.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{Context, Pool, Restart, RunError, StartError, Strategy, runnable};

use crate::pooled::{above, above_all, counts};
use crate::serve::serve;
use crate::sup::children;
use crate::trace::Trace;

const FIRST: &str = "root.pool.1";

#[test]
fn otp_104_the_same_code_runs_as_often_as_it_is_started() {
    // R13. Each under a number of its own, in the order in which they were started.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let started = [(); 3].map(|()| pool.start(serve).expect("it stands"));
        h.settled().await;
        let paths = started.map(|child| child.path().to_string());
        assert_eq!(paths, ["root.pool.1", "root.pool.2", "root.pool.3"]);
        let listed = children(&h, "root.pool").await;
        assert_eq!(listed, "1 healthy, 2 healthy, 3 healthy");
        assert_eq!(counts(&h, &pool).await, (3, 3));
    });
}

#[test]
fn otp_104_a_name_is_for_one_child_at_a_time() {
    // R13, R1. It is free when the child is forgotten, and no name is a number.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let named = pool.start_named("a", serve).expect("it is free");
        assert_eq!(named.path().to_string(), "root.pool.a");
        let numbered = pool.start(serve).expect("it stands");
        assert_eq!(numbered.path().to_string(), FIRST);
        let why = |name: &'static str| match pool.start_named(name, serve) {
            Ok(child) => panic!("{child:?} has started"),
            Err(error) => error.to_string(),
        };
        assert_eq!(why("a"), "root.pool cannot start a: the name is taken");
        for number in ["1", "2", "007"] {
            let text = format!("root.pool cannot start {number}: only the pool gives numbers");
            assert_eq!(why(number), text);
        }
        assert_eq!(why("A b"), "root.pool cannot start a child");
        assert_eq!(counts(&h, &pool).await, (2, 2));
        named.terminate().await.expect("it runs");
        pool.start_named("a", serve).expect("it is free again");
        h.settled().await;
        assert_eq!(children(&h, "root.pool").await, "1 healthy, a healthy");
    });
}

#[test]
fn otp_108_a_template_makes_a_child_of_each_argument() {
    // R13. Once for each child: a restart has the same argument, in a new incarnation.
    let (pool, trace) = (Pool::new(), Trace::default());
    let made = Arc::new(AtomicUsize::new(0));
    let (counted, notes) = (made.clone(), trace.clone());
    let template = pool.template(move |argument: Arc<Mutex<u32>>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let trace = notes.clone();
        let code = runnable(move |ctx: Context| {
            let runs = {
                let mut runs = argument.lock();
                *runs += 1;
                *runs
            };
            trace.note(format!("{} {runs}", ctx.path().name()));
            serve(ctx)
        });
        code.restart(Restart::Permanent)
    });
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let [a, b] = [10, 20].map(|runs| Arc::new(Mutex::new(runs)));
        template.start(a.clone()).expect("it stands");
        template.start_named("b", b.clone()).expect("it is free");
        h.settled().await;
        trace.expect("1 11, b 21");
        h.inject(Fault::panic(FIRST));
        h.settled().await;
        trace.expect("1 12");
        h.inject(Fault::panic("root.pool.b"));
        h.settled().await;
        trace.expect("b 22");
        assert_eq!(made.load(Ordering::Relaxed), 2);
        let terminated = h.tree().node("root.pool.b").terminate();
        terminated.await.expect("it runs");
        assert_eq!(Arc::strong_count(&b), 1, "the argument goes with the child");
    });
}

#[test]
fn otp_108_a_template_that_panics_starts_nothing() {
    // R13, R18. The panic is an error value for whoever starts, and the pool goes on.
    let pool = Pool::new();
    let template = pool.template(|half: u32| {
        assert!(half.is_multiple_of(2), "{half} is odd");
        serve
    });
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for named in [false, true] {
            let started = match named {
                false => template.start(7),
                true => template.start_named("seven", 7),
            };
            match started {
                Err(StartError::Panicked { pool, panic }) => {
                    assert_eq!(
                        (pool.to_string().as_str(), panic.message()),
                        ("root.pool", "7 is odd")
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(counts(&h, &pool).await, (0, 0));
        let child = template.start_named("seven", 8).expect("the name is free");
        child.healthy().await.expect("it serves");
        let child = template.clone().start(2).expect("it stands");
        assert_eq!(child.path().to_string(), FIRST, "no number was lost");
    });
}

#[test]
fn otp_112_several_pools_stand_below_one_parent() {
    // R13. Each with numbers of its own; what ends one leaves the other alone.
    let (connections, requests) = (Pool::new(), Pool::new());
    let root = above_all([("connections", &connections), ("requests", &requests)]);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        for pool in [&connections, &requests, &requests] {
            pool.start(serve).expect("it stands");
        }
        h.settled().await;
        let listed = children(&h, "root").await;
        assert_eq!(listed, "connections healthy, requests healthy");
        let ended = h.tree().node("root.connections").terminate();
        ended.await.expect("it stands");
        assert_eq!(children(&h, "root.requests").await, "1 healthy, 2 healthy");
        assert_eq!((connections.children(), requests.children()), (0, 2));
    });
}

#[test]
fn otp_112_pools_clash_by_name_and_a_pool_has_one_place() {
    // R1, R13. A declaration that is refused leaves the pool as it was: it may be declared yet.
    let (first, second) = (Pool::new(), Pool::new());
    let pools = [first.clone(), second.clone()];
    let root = move |ctx: Context| {
        let [first, second] = pools.clone();
        async move {
            let twins = ctx.group("twins", Strategy::OneForOne);
            let twins = twins.run("a", first.clone()).run("b", first.clone());
            let why = |error: RunError| error.to_string();
            assert_eq!(
                twins.start().map_err(why).expect_err("it is one pool"),
                "root cannot run b: the pool was declared, as root.a"
            );
            assert_eq!(first.path(), None);
            ctx.run("a", first.clone())?;
            assert_eq!(
                ctx.run("a", second.clone())
                    .map_err(why)
                    .expect_err("it is taken"),
                "root cannot run a: the name is taken"
            );
            assert_eq!(
                ctx.run("b", first)
                    .map_err(why)
                    .expect_err("it has its place"),
                "root cannot run b: the pool was declared, as root.a"
            );
            ctx.run("b", second)?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        first.start(serve).expect("it stands");
        second.start_named("c", serve).expect("it stands");
        h.settled().await;
        assert_eq!(children(&h, "root.a").await, "1 healthy");
        assert_eq!(children(&h, "root.b").await, "c healthy");
    });
}

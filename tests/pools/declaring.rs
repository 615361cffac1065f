//! Pools as they are declared: once, and where.

use std::sync::Arc;

use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Child, Context, Effect, OrderError, Pool, Restart, RunError, Runnable, StartError, State,
    Strategy, Supervisor, once, runnable,
};

use crate::captured::captured;
use crate::open::assert_stopped;
use crate::pool::{root_above, up};
use crate::serve::serve;

/// What a root has seen while it declared.
type Seen<T> = Arc<Mutex<Vec<T>>>;

/// A root that declares in this way, once, and is done.
fn root_that(declare: impl Fn(&Context) + Send + Sync + 'static) -> impl Runnable {
    move |ctx: Context| {
        declare(&ctx);
        async move { ctx.done() }
    }
}

/// Why a declaration was refused.
#[track_caller]
fn why(refused: Result<impl std::fmt::Debug, RunError>) -> String {
    refused.expect_err("it is refused").to_string()
}

#[track_caller]
fn assert_undeclared(pool: &Pool) {
    let refused = pool.start(serve).expect_err("it has no place");
    assert!(matches!(refused, StartError::Undeclared), "{refused}");
    assert_eq!(pool.path(), None);
}

#[test]
fn a_pool_that_is_not_declared_starts_nothing() {
    // R13. By none of its handles; what was to be started is dropped.
    let (pool, alive) = (Pool::new(), Arc::new(()));
    let template = pool.template(|alive: Arc<()>| captured(&alive));
    let task = |_: Context| async { Ok::<_, StartError>(()) };
    let refused = [
        pool.start(captured(&alive)).map(drop),
        pool.start_named("one", captured(&alive)).map(drop),
        pool.start(once(captured(&alive))).map(drop),
        template.start(alive.clone()).map(drop),
        template.start_named("one", alive.clone()).map(drop),
        pool.task(task).map(drop),
    ];
    for refused in refused {
        let refused = refused.expect_err("it has no place");
        assert!(matches!(refused, StartError::Undeclared), "{refused}");
        let text = "a pool that is not declared cannot start a child";
        assert_eq!(refused.to_string(), text);
    }
    assert_eq!(Arc::strong_count(&alive), 1, "what it captured is dropped");
    assert_eq!((pool.children(), pool.path()), (0, None));
}

#[test]
fn a_pool_is_declared_once() {
    // R13, R3. The error says where it is, and the other name is free.
    let pool = Pool::new();
    let declared = pool.clone();
    let root = root_that(move |ctx| {
        ctx.run("a", declared.clone()).unwrap();
        for name in ["b", "c"] {
            let text = format!("root cannot run {name}: the pool was declared, as root.a");
            assert_eq!(why(ctx.run(name, declared.clone())), text);
        }
        let group = ctx.group("group", Strategy::OneForAll);
        let group = group.run("b", serve).run("c", declared.clone());
        assert!(matches!(
            group.start(),
            Err(RunError::PoolTaken { name, at, .. }) if name.as_str() == "c" && at == *"root.a"
        ));
        ctx.run("b", serve).unwrap();
        ctx.run("c", serve).unwrap();
        ctx.run("group", serve).unwrap();
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let child = pool.start(serve).unwrap();
        assert_eq!(child.path().to_string(), "root.a.1");
        child.healthy().await.unwrap();
        assert_eq!(h.snapshot().await.nodes.len(), 6);
    });
}

#[test]
fn a_group_with_a_pool_twice_declares_nothing() {
    // R13, R3. Neither names nor pools are taken: all may be declared afterwards.
    let (pool, other) = (Pool::new(), Pool::new());
    let pools = (pool.clone(), other.clone());
    let root = root_that(move |ctx| {
        let (pool, other) = &pools;
        let group = ctx.group("group", Strategy::OneForAll);
        let group = group.run("x", serve).run("other", other.clone());
        let group = group.run("a", pool.clone()).run("b", pool.clone());
        let text = "root cannot run b: the pool was declared, as root.a";
        assert_eq!(why(group.start()), text);
        assert_undeclared(pool);
        assert_undeclared(other);
        ctx.run("a", other.clone()).unwrap();
        let group = ctx.group("group", Strategy::OneForAll);
        let group = group.run("x", serve).run("b", pool.clone());
        assert_eq!(group.start().unwrap().len(), 2);
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let paths = [&pool, &other].map(|pool| pool.start(serve).unwrap().path().to_string());
        assert_eq!(paths, ["root.b.1", "root.a.1"]);
        h.settled().await;
        assert_eq!(h.snapshot().await.nodes.len(), 6);
    });
}

#[test]
fn a_pool_whose_declaration_is_refused_may_be_declared() {
    // R3, R13. For its name, for another member's, or for the time; each refused whole.
    let (pool, late) = (Pool::new(), Pool::new());
    let pools = (pool.clone(), late.clone());
    let root = root_that(move |ctx| {
        let (pool, late) = &pools;
        ctx.run("taken", serve).unwrap();
        for name in ["taken", "No Name"] {
            ctx.run(name, pool.clone()).expect_err("it is refused");
            let group = ctx.group("group", Strategy::OneForOne);
            let group = group.run("pool", pool.clone()).run(name, serve);
            group.start().expect_err("it is refused");
            let group = ctx.group("group", Strategy::OneForOne);
            let group = group.run("other", serve).run(name, pool.clone());
            group.start().expect_err("it is refused");
            assert_undeclared(pool);
        }
        ctx.run("pool", pool.clone()).unwrap();
        ctx.healthy();
        let refused = ctx.run("late", late.clone());
        assert!(matches!(refused, Err(RunError::TooLate { .. })));
        assert_undeclared(late);
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_undeclared(&late);
        pool.start(serve).unwrap().healthy().await.unwrap();
    });
}

#[test]
fn a_pool_beyond_the_most_children_may_be_declared_elsewhere() {
    // R3, R13. The root has as many as it may; its child has not.
    let pool = Pool::new();
    let declared = pool.clone();
    let root = move |ctx: Context| {
        let pool = declared.clone();
        async move {
            ctx.run("a", serve)?;
            let child = pool.clone();
            ctx.run("b", root_above(&child))?;
            let refused = ctx.run("c", pool.clone());
            assert!(matches!(refused, Err(RunError::TooMany { .. })));
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start_with(Supervisor::new(root).children_max(2));
        h.settled().await;
        assert_eq!(pool.path().unwrap().to_string(), "root.b.pool");
    });
}

#[test]
fn the_next_incarnation_cannot_declare_the_pool_of_the_last() {
    // R13, R3. It is told where that was; the handle of before stays refused.
    let pool = Pool::new();
    let seen = Seen::<String>::default();
    let (captured, sees) = (pool.clone(), seen.clone());
    let parent = move |ctx: Context| {
        if let Err(error) = ctx.run("again", captured.clone()) {
            assert!(matches!(error, RunError::PoolTaken { .. }), "{error}");
            sees.lock().push(error.to_string());
        }
        serve(ctx)
    };
    let parent = Arc::new(parent);
    let root = root_that(move |ctx| {
        let parent = parent.clone();
        ctx.run("parent", move |ctx: Context| parent(ctx)).unwrap();
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let child = pool.start(serve).unwrap();
        for fall in 1..=2 {
            h.inject(Fault::error("root.parent"));
            h.settled().await;
            let text = "root.parent cannot run again: the pool was declared, as root.parent.again";
            assert_eq!(*seen.lock(), vec![text; fall]);
            assert_stopped(&pool);
            assert_eq!(
                (pool.children(), child.ended().await.state),
                (0, State::Down)
            );
        }
    });
}

#[test]
fn a_pool_of_one_tree_is_not_declared_in_another() {
    // R13. Not even when its own has ended.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for _ in 0..2 {
            let other = Supervisor::new(root_above(&pool)).start();
            let failure = h.wait(other.ended()).await.expect_err("it cannot start");
            let text = failure.evidence.expect("it returned").chain();
            let clause = "root cannot run pool: the pool was declared, as root.pool";
            assert!(text.contains(clause), "{text}");
            h.stop().await.expect("stopping is no failure");
        }
    });
}

#[test]
fn code_takes_no_pools_place_and_a_pool_no_codes() {
    // R16, R13. Both go on as they were.
    let (pool, other, kept) = (Pool::new(), Pool::new(), Seen::<Child>::default());
    let (declared, keeps) = (pool.clone(), kept.clone());
    let root = root_that(move |ctx| {
        let children = [
            ctx.run("pool", declared.clone()).unwrap(),
            ctx.run("code", serve).unwrap(),
        ];
        keeps.lock().extend(children);
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let kept = kept.lock().clone();
        let [of_pool, of_code] = &kept[..] else {
            unreachable!("it declares two");
        };
        let pooled = runnable(serve).restart(Restart::Permanent);
        let pooled = pool.start(pooled).unwrap();
        let orders = [
            of_pool.replace(serve),
            of_pool.replace(other.clone()),
            of_pool.replace(pool.clone()),
            of_code.replace(other.clone()),
            of_code.replace(pool.clone()),
            pooled.replace(other.clone()),
        ];
        for order in orders {
            let error = order.await.expect_err("it is refused");
            assert!(matches!(error, OrderError::Pool { .. }), "{error}");
            let text = "cannot be replaced: a pool takes no code's place, and no code a pool's";
            assert!(error.to_string().ends_with(text), "{error}");
        }
        assert_undeclared(&other);
        assert_eq!(of_code.restart().await.unwrap(), Effect::Visible);
        pooled.healthy().await.unwrap();
        assert_eq!(pool.start(serve).unwrap().path().to_string(), "root.pool.2");
    });
}

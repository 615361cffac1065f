//! Templates: children of one kind, each made of an argument.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Context, Pool, Restart, RunError, StartError, State, Template, once, runnable,
};

use crate::pool::up;
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

/// What ran, with what, as which attempt.
type Ran = Arc<Mutex<Vec<(String, String, u32)>>>;

/// Notes what it was given, and serves.
fn notes(ran: &Ran, given: &str) -> impl Fn(Context) -> BoxFuture<'static, ()> + use<> {
    let (ran, given) = (ran.clone(), given.to_owned());
    move |ctx| {
        let noted = (ctx.path().to_string(), given.clone(), ctx.attempt());
        ran.lock().push(noted);
        Box::pin(serve(ctx))
    }
}

#[test]
fn a_template_starts_a_child_for_each_argument() {
    // R13. By number and by name, from any of its handles; made before the pool was declared.
    let (pool, ran) = (Pool::new(), Ran::default());
    let notes_in = ran.clone();
    let template: Template<&str> = pool.template(move |given| notes(&notes_in, given));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        template.start("a").unwrap().healthy().await.unwrap();
        let cloned = template.clone();
        let by_name = cloned.start_named("bob", "b").unwrap();
        by_name.healthy().await.unwrap();
        template.pool().start(serve).unwrap();
        template.start("c").unwrap().healthy().await.unwrap();
        let expected = [("1", "a"), ("bob", "b"), ("3", "c")];
        let expected =
            expected.map(|(name, given)| (format!("root.pool.{name}"), given.to_owned(), 1));
        assert_eq!(*ran.lock(), expected);
        let taken = template.start_named("bob", "d").expect_err("it is taken");
        assert!(matches!(taken, StartError::NameTaken { .. }), "{taken}");
        let bad = template.start_named("Bob", "d").expect_err("it is no name");
        assert!(matches!(bad, StartError::Name { .. }), "{bad}");
        let number = template.start_named("4", "d").expect_err("it is a number");
        assert!(matches!(number, StartError::Number { .. }), "{number}");
        assert_eq!((pool.children(), ran.lock().len()), (4, 3));
    });
}

#[test]
fn a_child_that_starts_again_has_the_same_argument() {
    // R13. After its failures and by order; the template is asked once for each child.
    let (pool, ran, made) = (Pool::new(), Ran::default(), Arc::new(AtomicUsize::new(0)));
    let (notes_in, makes) = (ran.clone(), made.clone());
    let template = pool.template(move |given: String| {
        makes.fetch_add(1, Ordering::Relaxed);
        let again = runnable(notes(&notes_in, &given)).restart(Restart::Permanent);
        again.backoff(Backoff::constant(SECOND))
    });
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let children = ["a", "b"].map(|given| template.start(given.to_owned()).unwrap());
        h.settled().await;
        h.inject(Fault::error("root.pool.1"));
        h.inject(Fault::panic("root.pool.2"));
        h.settled().await;
        children[0].restart().await.unwrap();
        h.settled().await;
        let ran = ran.lock();
        let of = |path: &str| {
            let of_it = ran.iter().filter(|(ran, ..)| ran == path);
            of_it
                .map(|(_, given, attempt)| (given.clone(), *attempt))
                .collect::<Vec<_>>()
        };
        let [a, b] = ["a", "b"].map(str::to_owned);
        assert_eq!(of("root.pool.1"), [(a.clone(), 1), (a.clone(), 2), (a, 2)]);
        assert_eq!(of("root.pool.2"), [(b.clone(), 1), (b, 2)]);
        assert_eq!(made.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_template_that_panics_starts_nothing() {
    // R13, R18. It is an error value with the message and the place; the next start is a new one.
    let pool = Pool::new();
    let template = pool.template(|divisor: u32| {
        let quotient = 12 / divisor;
        once(move |ctx: Context| async move {
            assert_eq!(quotient, 4);
            serve(ctx).await;
        })
    });
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let by_name = template.start_named("zero", 0);
        for refused in [template.start(0), by_name, template.start_named("Bad", 0)] {
            let refused = refused.expect_err("it panics");
            let text = refused.to_string();
            assert!(
                text.starts_with("root.pool cannot start a child: its template panicked"),
                "{text}"
            );
            let StartError::Panicked { pool, panic } = refused else {
                panic!("{refused}");
            };
            assert_eq!(pool, *"root.pool");
            assert_eq!(panic.message(), "attempt to divide by zero");
            let location = panic.location().expect("the hook saw it");
            assert!(location.starts_with(file!()), "{location}");
        }
        assert_eq!(pool.children(), 0);
        let child = template.start_named("zero", 3).unwrap();
        child.healthy().await.unwrap();
        let child = template.start(3).unwrap();
        assert_eq!(child.path().to_string(), "root.pool.1");
        child.healthy().await.unwrap();
        let last = h.snapshot().await;
        assert_eq!(
            last.find("root.pool").unwrap().state,
            State::Healthy,
            "{last}"
        );
    });
}

#[test]
fn the_panic_of_a_template_is_no_death_of_the_node_that_starts() {
    // R13, R18. Its code gets an error value, and goes on.
    let (pool, refused) = (Pool::new(), Arc::new(Mutex::new(None)));
    let template: Template<u32> = pool.template(|divisor| {
        assert!(12 / divisor > 0);
        serve
    });
    let keeps = refused.clone();
    let root = move |ctx: Context| {
        let (template, keeps) = (template.clone(), keeps.clone());
        async move {
            ctx.run("pool", template.pool().clone())?;
            *keeps.lock() = template.start(0).err();
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let refused = refused.lock().take();
        assert!(
            matches!(refused, Some(StartError::Panicked { .. })),
            "{refused:?}"
        );
        let root = h.snapshot().await.nodes[0].clone();
        assert_eq!((root.state, root.restarts), (State::Healthy, 0));
    });
}

#[test]
fn a_template_may_panic_with_anything() {
    // R13, R18. What is thrown is dropped, and may panic again.
    struct Throws;
    impl Drop for Throws {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    let pool = Pool::new();
    let template = pool.template(|throws: bool| {
        if throws {
            panic_any(Throws);
        }
        serve
    });
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let refused = template.start(true).expect_err("it panics");
        assert!(matches!(refused, StartError::Panicked { .. }), "{refused}");
        template.start(false).unwrap().healthy().await.unwrap();
    });
}

#[test]
fn a_template_may_use_its_own_pool() {
    // R13, L10. It is asked without a lock.
    let pool = Pool::builder().max_children(3).build();
    let inner = pool.clone();
    let template = pool.template(move |name: &'static str| {
        inner.start_named(name, serve).expect("there is room");
        assert!(inner.children() > 0 && inner.path().is_some());
        serve
    });
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let child = template.start("inner").unwrap();
        child.healthy().await.unwrap();
        assert_eq!(pool.children(), 2);
        let refused = template
            .start_named("outer", "outer")
            .expect_err("its template has the name");
        assert!(matches!(refused, StartError::TooMany { .. }), "{refused}");
        h.settled().await;
        assert_eq!(h.state("root.pool.outer").await, Some(State::Healthy));
    });
}

#[test]
fn the_argument_of_a_refused_start_is_dropped() {
    // R13. Whatever the reason is.
    let pool = Pool::builder().max_children(1).build();
    let argument = Arc::new(());
    let template = pool.template(|argument: Arc<()>| {
        once(move |ctx: Context| async move {
            serve(ctx).await;
            drop(argument);
        })
    });
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let child = template.start(argument.clone()).unwrap();
        assert_eq!(Arc::strong_count(&argument), 2);
        template.start(argument.clone()).expect_err("it is full");
        template
            .start_named("Bad", argument.clone())
            .expect_err("it is full");
        drop(pool.drain());
        template.start(argument.clone()).expect_err("it drains");
        assert_eq!(Arc::strong_count(&argument), 2);
        child.terminate().await.unwrap();
        assert_eq!(Arc::strong_count(&argument), 1, "it has ended");
        tree.node("root.pool").terminate().await.unwrap();
        template
            .start(argument.clone())
            .expect_err("it has stopped");
        assert_eq!(Arc::strong_count(&argument), 1);
    });
}

#[test]
fn a_template_lives_as_long_as_its_pool() {
    // R13, R16. It is refused while the pool is down, and starts children again afterwards.
    let pool = Pool::new();
    let template = pool.template(|()| serve);
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let node = tree.node("root.pool");
        for _ in 0..2 {
            let child = template.start(()).unwrap();
            child.healthy().await.unwrap();
            node.terminate().await.unwrap();
            let refused = template.start(()).expect_err("it is down");
            assert!(matches!(refused, StartError::Stopped { .. }), "{refused}");
            node.start().await.unwrap();
        }
    });
}

//! Tasks: children of a pool that end with an output, for whoever awaits their handle.

use std::error::Error;

use perennial::testing::{Fault, Harness};
use perennial::{Cause, Context, Exit, Pool, State, Supervisor, What, once};
use tokio::time::sleep;

use crate::giving::{SECOND, Why, failed, gives};
use crate::pool::{root_above, up};
use crate::serve::serve;

#[test]
fn a_task_gives_its_output_when_it_has_ended() {
    // R13. What may be moved alone, made of what was captured; its child is forgotten by then.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let captured = Box::new(std::cell::Cell::new(7));
        let task = pool.task(move |ctx: Context| async move {
            let path = ctx.path().to_string();
            sleep(SECOND).await;
            Ok::<_, Why>((path, captured))
        });
        let task = task.unwrap();
        assert_eq!(task.child().path().to_string(), "root.pool.1");
        let (path, captured) = h.wait(task).await.unwrap();
        assert_eq!((path.as_str(), captured.get()), ("root.pool.1", 7));
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
    });
}

#[test]
fn there_is_room_for_another_task_as_soon_as_one_has_its_output() {
    // R13. Whatever becomes of it.
    let pool = Pool::builder().max_children(1).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for round in 0..100 {
            let task = pool.task(move |ctx: Context| async move {
                match round % 4 {
                    0 => ctx.done(),
                    1 => return Err(Why("it fails", None)),
                    2 => panic!("on purpose"),
                    _ => {}
                }
                Ok(round)
            });
            let result = task.expect("there is room").await;
            assert_eq!(result.is_ok(), matches!(round % 4, 0 | 3), "{result:?}");
        }
    });
}

#[test]
fn the_error_of_a_task_is_the_awaiters_alone() {
    // R13, R5. With all that it follows from, and the type that it had.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let beside = pool.start(serve).unwrap();
        let fails = |_: Context| async {
            let cause = Box::new(Why("no such host", None));
            Err::<u8, _>(Why("cannot connect", Some(cause)))
        };
        let error = pool.task(fails).unwrap().await.expect_err("it fails");
        assert_eq!(error.to_string(), "root.pool.2 failed");
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(next) = cause {
            causes.push(next.to_string());
            cause = next.source();
        }
        let last = ["cannot connect", "no such host"];
        assert!(causes.ends_with(&last.map(str::to_owned)), "{causes:?}");
        let evidence = failed(Err::<u8, _>(error));
        assert!(evidence.chain().ends_with("cannot connect: no such host"));
        let exit = evidence.exit.as_ref().expect("it returned");
        let why = exit.error().expect("an error").downcast_ref::<Why>();
        assert_eq!(why.expect("the same").0, "cannot connect");
        h.settled().await;
        beside.healthy().await.expect("nobody else notices");
        let is_fall = |event: &perennial::Event| matches!(event.what, What::Fell { .. });
        assert!(!h.log().iter().any(is_fall));
    });
}

#[test]
fn the_panic_of_a_task_says_where_it_was() {
    // R13, R18. It is the awaiter's alone, too.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(|ctx: Context| async move {
            assert!(ctx.is_cancelled(), "a bad request");
            Ok::<_, Why>(())
        });
        let evidence = failed(task.unwrap().await);
        let Some(Exit::Panicked(panic)) = &evidence.exit else {
            panic!("{evidence:?}");
        };
        assert_eq!(panic.message(), "a bad request");
        let location = panic.location().expect("the hook saw it");
        assert!(location.starts_with(file!()), "{location}");
        assert!(evidence.chain().contains("a bad request"), "{evidence}");
        assert_eq!(h.state("root.pool").await, Some(State::Healthy));
    });
}

#[test]
fn a_task_that_is_lost_or_late_has_failed() {
    // R13, R5. Aborted from outside; or past its time limit, whatever it returns then.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let lost = pool.task(gives(5, 1)).unwrap();
        h.settled().await;
        h.inject(Fault::kill("root.pool.1"));
        let evidence = failed(lost.await);
        assert!(matches!(evidence.exit, Some(Exit::Aborted)), "{evidence:?}");
        let late = |ctx: Context| async move {
            ctx.cancelled().await;
            Ok::<_, Why>(1)
        };
        let late = pool.task(once(late).start_timeout(SECOND)).unwrap();
        let evidence = failed(h.wait(late).await);
        assert!(
            matches!(evidence.cause, Some(Cause::StartTimeout(SECOND))),
            "{evidence:?}"
        );
        assert_eq!(h.now(), SECOND);
        let served = pool.task(once(gives(5, 1)).start_timeout(SECOND));
        assert_eq!(
            h.wait(served.unwrap()).await.unwrap(),
            1,
            "it was healthy in time"
        );
    });
}

#[test]
fn what_a_task_says_makes_no_difference_to_its_output() {
    // R4, R13. Whichever signal it gives, it returned an output, or an error.
    let signals = [
        Context::healthy,
        Context::done,
        Context::restart,
        Context::give_up,
    ];
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for signal in signals {
            let task = |result: Result<u8, Why>| {
                let task = pool.task(move |ctx: Context| async move {
                    signal(&ctx);
                    result
                });
                task.expect("it stands")
            };
            assert_eq!(task(Ok(7)).await.unwrap(), 7);
            let evidence = failed(task(Err(Why("it fails", None))).await);
            assert!(evidence.chain().ends_with("it fails"), "{evidence}");
        }
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn what_is_put_in_the_place_of_an_exit_is_how_a_task_ends() {
    // R13, R5. Code around it lets it fail: the output that it had does not count.
    let pool = Pool::new();
    let audited = Supervisor::new(root_above(&pool)).interpose(|ctx, run| async move {
        match (run.await, ctx.path().depth()) {
            (Exit::Returned, 2) => Exit::failed("refused by the auditor"),
            (exit, _) => exit,
        }
    });
    Harness::run(None, |h| async move {
        h.start_with(audited);
        h.settled().await;
        let evidence = failed(pool.task(gives(0, 7)).unwrap().await);
        assert!(evidence.chain().ends_with("refused by the auditor"));
    });
}

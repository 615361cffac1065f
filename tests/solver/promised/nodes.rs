//! What the public documentation promises of the solver in a tree, and what a failure says.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join;
use perennial::resource::Release;
use perennial::solver::{
    BuildError, Cell, CellError, Edge, FailureCause, Fault, Identity, Input, JobEventKind, Keep,
    Keying, MemoryStore, Operation, OperationContext, OperationError, Output, RunContext, Solver,
    Vertex, Watched,
};
use perennial::store::Digest;
use perennial::testing::Harness;
use perennial::{Context, Pool, RunError, State};

use super::{Plain, build, rest};
use crate::kit::{Kit, after, by_content, pass, play, play_with, start, start_pool, text};

#[test]
fn an_operation_that_is_told_of_a_cycle_may_do_without() {
    // A cycle is an error of the one sub-build, at once and with the names on the way.
    play(|kit| async move {
        fn ours(kit: &Kit) -> Vertex<u64> {
            let again = kit.clone();
            let op = kit.op("ours", "ours", move |ctx, _| {
                let kit = again.clone();
                async move { Ok(vec![*ctx.build(&theirs(&kit).output(0)).await? + 1]) }
            });
            op.vertex().build()
        }
        fn theirs(kit: &Kit) -> Vertex<u64> {
            let again = kit.clone();
            let op = kit.op("theirs", "theirs", move |ctx, _| {
                let kit = again.clone();
                async move {
                    match ctx.build(&ours(&kit).output(0)).await {
                        Err(BuildError::Cycle { path }) => {
                            ctx.log(path.join(" -> "));
                            Ok(vec![40])
                        }
                        other => panic!("{other:?}"),
                    }
                }
            });
            op.vertex().build()
        }
        let job = kit.job("one");
        let mut watch = job.watch();
        assert_eq!(
            *job.build(&ours(&kit).output(0)).await.expect("it builds"),
            41
        );
        job.finish().await;
        let told = rest(&mut watch).await;
        let is_told = told.iter().any(|watched| match watched {
            Watched::Event(event) => match &event.kind {
                JobEventKind::Log { line } => &**line == "theirs -> ours -> theirs",
                _ => false,
            },
            _ => false,
        });
        assert!(is_told, "{told:#?}");
    });
}

#[test]
fn a_cycle_by_way_of_a_content_is_told() {
    // What looks at an input waits for it: an input that builds what looks at it is a cycle.
    play(|kit| async move {
        fn low(kit: &Kit) -> Vertex<u64> {
            let again = kit.clone();
            let op = kit.op("low", "low", move |ctx, _| {
                let kit = again.clone();
                async move { Ok(vec![*ctx.build(&high(&kit).output(0)).await?]) }
            });
            op.vertex().build()
        }
        fn high(kit: &Kit) -> Vertex<u64> {
            kit.node("high", "high", 1, [by_content(low(kit).output(0))])
        }
        for top in [high(&kit), low(&kit)] {
            let error = kit
                .h
                .wait(build(&kit, &top.output(0)))
                .await
                .expect_err("a cycle");
            assert!(text(&error).contains("a cycle: "), "{}", text(&error));
        }
    });
}

#[test]
fn a_cycle_of_equal_keys_is_told() {
    // Different vertices of one key share a run, which would wait for itself.
    play(|kit| async move {
        fn named(kit: &Kit, name: &'static str, other: &'static str) -> Vertex<u64> {
            let again = kit.clone();
            let op = kit.op(name, "one seed", move |ctx, _| {
                let kit = again.clone();
                async move { Ok(vec![*ctx.build(&named(&kit, other, name).output(0)).await?]) }
            });
            op.vertex().build()
        }
        let built = kit
            .h
            .wait(build(&kit, &named(&kit, "a", "b").output(0)))
            .await;
        let error = built.expect_err("a cycle");
        assert!(text(&error).contains("a cycle: "), "{}", text(&error));
    });
}

#[test]
fn a_solver_that_starts_again_builds_for_the_jobs_that_were_there() {
    // Builds are told that the solver stops; what a job has built it keeps, and it builds again.
    play(|kit| async move {
        let kept = kit.constant(1);
        let slow = kit
            .leaf("slow", "slow", 2)
            .before_run(after(20_000))
            .vertex()
            .build();
        let top = kit.sum(0, [kept.output(0), slow.output(0)]).output(0);
        let job = kit.job("one");
        assert_eq!(*job.build(&kept.output(0)).await.expect("it builds"), 1);
        let restarts = async {
            pass(5).await;
            kit.h.tree().node("root.solver").restart().await
        };
        let (stopped, ordered) = kit.h.wait(join(job.build(&top), restarts)).await;
        assert!(matches!(stopped, Err(BuildError::Stopped)), "{stopped:?}");
        ordered.expect("it restarts");
        kit.h.until("root.solver", State::Healthy).await;
        kit.forget_counts();
        let again = kit.h.wait(job.build(&top)).await;
        assert_eq!((*again.expect("it runs"), kit.counts().runs), (3, 2));
        let summary = job.finish().await;
        assert_eq!((summary.completed, summary.cancelled), (3, 0));
    });
}

#[test]
fn a_solver_builds_only_while_its_node_runs() {
    // `NotRunning` before its node runs and after, and no hang.
    Harness::run(None, |h| async move {
        let solver = Solver::<u64>::new();
        let vertex = || Vertex::builder("one", Plain).build().output(0);
        let job = solver.job("one").expect("the first");
        let early = job.build(&vertex()).await;
        assert!(matches!(early, Err(BuildError::NotRunning)), "{early:?}");
        start(&h, &solver).await;
        assert_eq!(*job.build(&vertex()).await.expect("it runs"), 1);
        h.stop().await.expect("it stops");
        let other = Vertex::builder("other", Plain)
            .input(vertex())
            .build()
            .output(0);
        let late = job.build(&other).await;
        assert!(matches!(late, Err(BuildError::NotRunning)), "{late:?}");
        h.wait(job.finish()).await;
    });
}

#[test]
fn a_run_that_is_stopped_from_outside_is_told_and_not_kept() {
    // Those who wait hear that it was stopped, and the next one starts a run.
    play(|kit| async move {
        let slow = kit
            .leaf("slow", "slow", 2)
            .before_run(after(10))
            .vertex()
            .build();
        let top = kit.sum(0, [slow.output(0)]).output(0);
        let job = kit.job("one");
        let stops = async {
            pass(5).await;
            kit.h.tree().node("root.solver.runs").restart().await
        };
        let (stopped, ordered) = kit.h.wait(join(job.build(&top), stops)).await;
        assert!(matches!(stopped, Err(BuildError::Stopped)), "{stopped:?}");
        ordered.expect("it restarts");
        kit.h.settled().await;
        let again = kit.h.wait(job.build(&top)).await;
        assert_eq!(*again.expect("it runs"), 2);
    });
}

#[test]
fn a_stop_takes_no_longer_than_the_grace() {
    // Builds are told at once; what does not end is aborted after the grace, and named.
    let grace =
        |solver: perennial::solver::SolverBuilder<u64>| solver.grace(Duration::from_secs(1));
    play_with(grace, |kit| async move {
        let deaf = kit
            .leaf("deaf", "deaf", 1)
            .before_run(Arc::new(|_| pass(600_000).boxed()));
        let edge = deaf.vertex().build().output(0);
        let top = kit.sub_build("top", "top", edge).vertex().build().output(0);
        let job = kit.job("one");
        let stops = async {
            pass(5).await;
            kit.h.tree().stop().await
        };
        let told = async { (job.build(&top).await, kit.h.now()) };
        let ((built, at), report) = kit.h.wait(join(told, stops)).await;
        assert!(matches!(built, Err(BuildError::Stopped)), "{built:?}");
        assert!(at < Duration::from_millis(10), "{at:?}");
        let report = report.expect("it stops");
        assert!(
            kit.h.now() <= Duration::from_millis(1_010),
            "{:?}",
            kit.h.now()
        );
        assert!(
            report
                .stops
                .iter()
                .any(|stop| stop.path.to_string().contains(".runs."))
        );
        job.finish().await;
    });
}

#[test]
fn a_panic_anywhere_in_an_operation_is_a_failure_of_its_vertex() {
    // Panics are errors that name the vertex; what else there is goes on.
    play(|kit| async move {
        let in_key = kit
            .leaf("key", "key", 1)
            .before_key(Arc::new(|_| panic!("in the key")));
        let in_run = kit.op("run", "run", |_, _| async move { panic!("in the run") });
        let content = Input::from(kit.constant(1).output(0));
        let content = content.content(|_| async { panic!("in the content") });
        let in_content = kit.node("content", "content", 1, [content]);
        let good = kit.constant(5).output(0);
        let panicking = [in_key.vertex().build(), in_run.vertex().build(), in_content];
        for vertex in panicking {
            let top = kit.sum(0, [vertex.output(0), good.clone()]).output(0);
            let error = build(&kit, &top).await.expect_err("it panics");
            let name = vertex.name();
            let expected = format!("{name} has failed: it has panicked: in the {name}");
            assert_eq!(text(&error), expected);
        }
        assert_eq!(build(&kit, &good).await.expect("it is good"), 5);
    });
}

#[test]
fn an_error_says_which_of_all_inputs_has_no_such_output() {
    // An error names the vertex that it is of, however deep that is.
    play(|kit| async move {
        let low = kit.node("low", "low", 1, None::<Edge<u64>>);
        let top = kit.sum(1, [kit.sum(1, [low.output(usize::MAX)]).output(0)]);
        let error = build(&kit, &top.output(0)).await.expect_err("there is one");
        let expected = format!("low has 1 outputs, and no output {}", usize::MAX);
        assert_eq!(error.to_string(), expected);
        assert_eq!(build(&kit, &low.output(0)).await.expect("it has one"), 1);
    });
}

#[test]
fn a_failure_outlives_its_job_with_all_that_it_says() {
    // An error says which vertex has failed, and keeps its cause.
    play(|kit| async move {
        let fails = kit.op("fails", "fails", |_, _| async {
            Err(std::io::Error::other("no more paper").into())
        });
        let vertex = fails.vertex().build();
        let top = kit.sum(1, [vertex.output(0)]).output(0);
        let error = build(&kit, &top).await.expect_err("it fails");
        let BuildError::Failed(failure) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(
            (&*failure.vertex, failure.digest),
            ("fails", vertex.digest())
        );
        let FailureCause::Operation(cause) = &failure.cause else {
            panic!("{:?}", failure.cause);
        };
        assert!(cause.is::<std::io::Error>());
        assert!(!error.is_transient());
    });
}

#[test]
fn a_run_that_panics_when_it_is_told_to_stop_is_not_kept() {
    // What was told to stop, and fails: the next one starts a run, whatever is kept.
    Harness::run(None, |h| async move {
        let pool = Pool::new();
        start_pool(&h, &pool).await;
        let cell = Cell::<u64, String>::new(Keep::ValuesAndErrors);
        let mut waits = Box::pin(cell.get(&pool, |ctx| async move {
            ctx.cancelled().await;
            panic!("it is told to stop")
        }));
        assert!((&mut waits).now_or_never().is_none());
        h.idle().await;
        drop(waits);
        let next = cell.get(&pool, |_| async { Ok::<_, Fault<String>>(7) });
        assert_eq!(h.wait(next).await.expect("a run of its own"), 7);
        assert_eq!(cell.runs(), 2);
    });
}

#[test]
fn a_pool_that_is_full_starts_no_run_and_the_next_one_may() {
    // No run starts: the work is dropped, who asked is told, and nothing is kept.
    Harness::run(None, |h| async move {
        let pool = Pool::builder().max_children(1).build();
        start_pool(&h, &pool).await;
        let (one, two) = (Cell::new(Keep::Values), Cell::new(Keep::Values));
        let captured = Arc::new(());
        let work = || {
            let captured = captured.clone();
            move |_: Context| async move {
                pass(5).await;
                drop(captured);
                Ok::<_, Fault<String>>(7)
            }
        };
        let refused = async { (two.get(&pool, work()).await, Arc::strong_count(&captured)) };
        let both = h.wait(join(one.get(&pool, work()), refused)).await;
        let (first, (refused, count)) = both;
        assert_eq!(first.expect("there is room"), 7);
        assert!(
            matches!(refused, Err(CellError::NotStarted(_))),
            "{refused:?}"
        );
        assert_eq!((count, two.runs(), two.waiters()), (2, 0, 0));
        h.settled().await;
        assert_eq!(
            h.wait(two.get(&pool, work())).await.expect("there is room"),
            7
        );
    });
}

/// A service that runs for as long as somebody has it.
struct Lease(perennial::Child);

impl Release for Lease {
    type Error = perennial::OrderError;

    async fn release(self) -> Result<(), Self::Error> {
        self.0.terminate().await.map(drop)
    }
}

/// Starts a service in a pool, under a key that all instances share.
struct Serve(&'static str, Pool);

impl Operation for Serve {
    type Value = Lease;

    fn identity(&self) -> Identity {
        Identity::new(self.0)
    }

    fn keying(&self) -> Keying {
        Keying::Asked
    }

    async fn key(
        &self,
        _: OperationContext,
        _: usize,
    ) -> Result<perennial::solver::CacheKey, OperationError> {
        Ok(perennial::solver::CacheKey::Last(Digest::of(b"service")))
    }

    async fn run(
        &self,
        ctx: RunContext<Lease>,
        _: Vec<Output<Lease>>,
    ) -> Result<Vec<Output<Lease>>, OperationError> {
        let child = self.1.start(crate::serve::serve)?;
        child.healthy().await?;
        Ok(vec![ctx.open(self.0, Lease(child))])
    }
}

#[test]
fn a_lease_of_two_vertices_is_one_and_ends_with_the_last_handle() {
    // Different vertices of one key share a live thing; the last handle stops it, job or no job.
    Harness::run(None, |h| async move {
        let pool = Pool::new();
        let solver = Solver::builder().store(MemoryStore::bounded(0)).build();
        let (node, services) = (solver.node(), pool.clone());
        h.start(move |ctx: Context| {
            let declared = ctx
                .run("services", services.clone())
                .and_then(|_| ctx.run("solver", node.clone()));
            async move {
                declared?;
                ctx.done();
                Ok::<_, RunError>(())
            }
        });
        h.until("root.solver", State::Healthy).await;
        let edge = |name| {
            Vertex::builder(name, Serve(name, pool.clone()))
                .build()
                .output(0)
        };
        let (one, two) = (
            solver.job("1").expect("a job"),
            solver.job("2").expect("a job"),
        );
        let both = h
            .wait(join(one.build(&edge("a")), two.build(&edge("b"))))
            .await;
        let (of_one, of_two) = (both.0.expect("a lease"), both.1.expect("a lease"));
        assert_eq!(of_one.0.path(), of_two.0.path());
        one.finish().await;
        two.finish().await;
        drop(of_one);
        h.settled().await;
        assert_eq!(pool.children(), 1, "one handle is left");
        drop(of_two);
        h.settled().await;
        assert_eq!(pool.children(), 0);
    });
}

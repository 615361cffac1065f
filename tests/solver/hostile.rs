//! Operations, values, stores and users that do what they should not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures::future::join_all;
use perennial::solver::{
    BuildError, Edge, Identity, JobEventKind, JobWatch, Operation, OperationContext,
    OperationError, Output, RunContext, Solver, Vertex, VertexState, Watched,
};
use perennial::{Context, Grace, RunError, Supervisor};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, timeout};

use crate::kit::{Kit, after, pass, play, play_with, text, when_cancelled};
use crate::stores::{Fault, TestStore};

/// Keeps something for ever.
type Kept<T> = Arc<Mutex<Vec<T>>>;

/// An operation that keeps the context of its run.
fn keeps_context(kit: &Kit, name: &str, kept: &Kept<RunContext<u64>>) -> Vertex<u64> {
    let kept = kept.clone();
    let op = kit.op(name, name, move |ctx, _| {
        kept.lock().expect("it is free").push(ctx);
        async { Ok(vec![1]) }
    });
    op.needs("one", 1).vertex().build()
}

#[test]
fn a_run_is_over_though_its_context_is_kept() {
    // Rule 8. Its permit is there for the next.
    play_with(
        |solver| solver.limit("one", 1),
        |kit| async move {
            let kept = Kept::default();
            let first = keeps_context(&kit, "first", &kept);
            let next = kit.leaf("next", "next", 2).needs("one", 1);
            let next = next.vertex().build().output(0);
            let job = kit.job("a");
            kit.h.wait(job.build(&first.output(0))).await.unwrap();
            let built = timeout(Duration::from_secs(1), job.build(&next));
            assert_eq!(*kit.h.wait(built).await.unwrap().unwrap(), 2);
            job.finish().await;
        },
    );
}

#[test]
fn a_vertex_goes_though_the_context_of_its_run_is_kept() {
    // Rule 3. Even by its own operation. What is asked of the context then is not done.
    play_with(
        |solver| solver.limit("one", 1),
        |kit| async move {
            let kept = Kept::default();
            let vertex = keeps_context(&kit, "vertex", &kept);
            let job = kit.job("a");
            job.build(&vertex.output(0)).await.unwrap();
            job.finish().await;
            kit.expect_empty();
            let ctx = kept.lock().unwrap().pop().unwrap();
            ctx.log("late");
            ctx.status("late", 1, 2);
            ctx.hand_back();
            let built = ctx.build(&vertex.output(0)).await;
            assert!(matches!(built, Err(BuildError::Cancelled)), "{built:?}");
        },
    );
}

#[test]
fn a_context_that_is_kept_says_nothing_of_another_vertex() {
    // L10. One has the place of the other in the tables by now, and has a job with a value.
    play(|kit| async move {
        let kept: Kept<OperationContext> = Kept::default();
        let keep = kept.clone();
        let op = kit.op("first", "first", move |ctx, _| {
            keep.lock().unwrap().push(OperationContext::clone(&ctx));
            async { Ok(vec![1]) }
        });
        let job = kit.job("a");
        job.build(&op.vertex().build().output(0)).await.unwrap();
        job.finish().await;
        let ctx = kept.lock().unwrap().pop().unwrap();
        ctx.warn("late");
        let job = kit.job("b");
        job.put(7_u32);
        job.build(&kit.constant(2).output(0)).await.unwrap();
        ctx.warn("late");
        assert!(ctx.values::<u32>().is_empty());
        assert_eq!(job.snapshot().vertices[0].warnings, 0);
        job.finish().await;
    });
}

/// A value that looks at the solver when it is dropped.
struct Nosy(Solver<u64>);

impl Drop for Nosy {
    fn drop(&mut self) {
        let seen = self.0.snapshot();
        assert!(seen.jobs < 3);
    }
}

#[test]
fn a_value_of_a_job_goes_with_the_job_and_may_use_the_solver() {
    // Rule 9. The log stays for a while, and nobody looks for values in that.
    play(|kit| async move {
        let job = kit.job("a");
        let value = Arc::new(());
        job.put(Nosy(kit.solver.clone()));
        job.put(value.clone());
        job.finish().await;
        assert_eq!(Arc::strong_count(&value), 1);
        kit.h.wait(pass(11_000)).await;
        kit.job("b").finish().await;
    });
}

#[test]
fn sub_builds_may_be_as_deep_as_they_like() {
    // Rule 8. What holds them goes one after the other: this stack has no room for all.
    fn level(kit: &Kit, left: usize) -> Edge<u64> {
        let name = format!("level {left}");
        let of_next = kit.clone();
        let op = kit.op(&name, &name, move |ctx, _| {
            let next = of_next.clone();
            async move {
                match left {
                    0 => Ok(vec![1]),
                    _ => Ok(vec![*ctx.build(&level(&next, left - 1)).await?]),
                }
            }
        });
        op.vertex().build().output(0)
    }
    let stack = thread::Builder::new().stack_size(256 * 1024);
    let built = stack.spawn(|| {
        play(|kit| async move {
            let job = kit.job("a");
            assert_eq!(*job.build(&level(&kit, 1000)).await.unwrap(), 1);
            job.finish().await;
        });
    });
    built.unwrap().join().unwrap();
}

#[test]
fn a_sub_build_that_nobody_wants_any_more_is_given_up_at_once() {
    // Rules 2, 8. The operations wait for nothing else, and the grace is long.
    play(|kit| async move {
        let below = kit.leaf("below", "below", 1).before_run(when_cancelled());
        let below = below.vertex().build().output(0);
        let sub = kit.sub_build("sub", "sub", below).vertex().build();
        let top = kit.sub_build("top", "top", sub.output(0));
        let top = top.vertex().build().output(0);
        let job = kit.job("a");
        let build = timeout(Duration::from_millis(10), job.build(&top));
        assert!(kit.h.wait(build).await.is_err());
        let began = Instant::now();
        kit.h.wait(job.finish()).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn what_fails_before_it_runs_is_told_to_have_failed() {
    // Rule 9. For its permits, or for its inputs.
    play(|kit| async move {
        let greedy = kit.leaf("greedy", "greedy", 1).needs("absent", 1);
        let input = kit.constant(1).output(7);
        let edges = [greedy.vertex().build(), kit.node("top", "top", 1, [input])];
        for (name, vertex) in ["greedy", "top"].into_iter().zip(edges) {
            let job = kit.job(name);
            job.build(&vertex.output(0)).await.unwrap_err();
            let snapshot = job.snapshot();
            let told = snapshot.vertices.iter().find(|one| &*one.name == name);
            assert_eq!(told.unwrap().state, VertexState::Failed, "{name}");
            assert_eq!(job.finish().await.failed, 1, "{name}");
        }
    });
}

/// An operation that panics when it is asked for its needs.
struct Needy;

impl Operation for Needy {
    type Value = u64;

    fn identity(&self) -> Identity {
        Identity::new("needy")
    }

    async fn run(
        &self,
        _: RunContext<u64>,
        _: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        Ok(vec![1.into()])
    }

    fn needs(&self) -> Vec<(String, u32)> {
        panic!("it needs too much")
    }
}

#[test]
fn an_operation_that_panics_in_its_needs_is_told_to_have_failed() {
    // Rules 3, 9.
    play(|kit| async move {
        let vertex = Vertex::builder("needy", Needy).build();
        let job = kit.job("a");
        let error = job.build(&vertex.output(0)).await.unwrap_err();
        assert!(
            text(&error).contains("it needs too much"),
            "{}",
            text(&error)
        );
        assert_eq!(job.finish().await.failed, 1);
    });
}

#[test]
fn a_store_that_panics_fails_no_build() {
    // Rule 7. Whatever it is asked.
    let store = TestStore::with(Fault::Panics);
    play_with(
        |solver| solver.store(store),
        |kit| async move {
            let one = kit.leaf("one", "one", 1).or_seed("other").vertex().build();
            let job = kit.job("a");
            assert_eq!(*job.build(&one.output(0)).await.unwrap(), 1);
            let warnings = job.snapshot().vertices[0].warnings;
            assert_eq!(
                warnings, 7,
                "two aliases, two looks, a load, a save, and an alias kept"
            );
            job.finish().await;
        },
    );
}

#[test]
fn a_result_without_the_output_that_is_wanted_is_none() {
    // Rule 7. It is of another operation, or of none.
    let store = TestStore::with(Fault::GivesNothing);
    play_with(
        |solver| solver.store(store),
        |kit| async move {
            let job = kit.job("a");
            let built = job.build(&kit.constant(1).output(0)).await;
            assert_eq!(*built.unwrap(), 1);
            job.finish().await;
        },
    );
}

/// How often a job has heard that something failed.
async fn failures(mut watch: JobWatch) -> usize {
    let mut failures = 0;
    while let Some(watched) = watch.next().await {
        if let Watched::Event(event) = watched {
            failures += usize::from(matches!(event.kind, JobEventKind::Failed { .. }));
        }
    }
    failures
}

#[test]
fn a_key_that_fails_is_told_once_however_many_wait() {
    // Rule 9.
    play(|kit| async move {
        let op = kit.leaf("vertex", "vertex", 1).before_key(after(10));
        let edge = op.key_fails("it has none").vertex().build().output(0);
        let jobs: Vec<_> = (0..3).map(|at| kit.job(&format!("job {at}"))).collect();
        let watches: Vec<_> = jobs.iter().map(|job| job.watch()).collect();
        let built = kit
            .h
            .wait(join_all(jobs.iter().map(|job| job.build(&edge))));
        assert!(built.await.iter().all(Result::is_err));
        join_all(jobs.into_iter().map(|job| job.finish())).await;
        assert_eq!(join_all(watches.into_iter().map(failures)).await, [1, 1, 1]);
    });
}

#[test]
fn of_statuses_without_end_the_newest_are_kept() {
    // Rule 9. Each is of something else.
    play(|kit| async move {
        let op = kit.op("vertex", "vertex", |ctx, _| async move {
            for at in 0..1000 {
                ctx.status(format!("file {at}"), 1, 1);
            }
            Ok(vec![1])
        });
        let edge = op.vertex().build().output(0);
        let (job, late) = (kit.job("a"), kit.job("b"));
        for job in [&job, &late] {
            job.build(&edge).await.unwrap();
            let statuses = &job.snapshot().vertices[0].statuses;
            assert_eq!(statuses.len(), 100);
            assert_eq!(&*statuses[99].id, "file 999");
        }
        job.finish().await;
        late.finish().await;
    });
}

#[test]
fn a_vertex_that_is_declared_twice_is_one_to_those_who_look() {
    // Rule 9. It is built as it is found, and anew.
    play(|kit| async move {
        let vertex = || kit.leaf("vertex", "vertex", 1).vertex();
        let job = kit.job("a");
        for vertex in [vertex().build(), vertex().fresh().build()] {
            job.build(&vertex.output(0)).await.unwrap();
        }
        kit.expect(2, 2, 0);
        assert_eq!(job.snapshot().vertices.len(), 1);
        assert_eq!(job.finish().await.completed, 1);
    });
}

/// An operation that is nothing but an identity.
struct Forged(Identity);

impl Operation for Forged {
    type Value = u64;

    fn identity(&self) -> Identity {
        self.0.clone()
    }

    async fn run(
        &self,
        _: RunContext<u64>,
        inputs: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        Ok(vec![(inputs.len() as u64).into()])
    }
}

#[test]
fn an_identity_that_looks_like_one_with_inputs_is_another() {
    // Rule 1. It has all that is known of an input.
    let leaf = Vertex::builder("leaf", Forged(Identity::new("leaf"))).build();
    let with_input = Vertex::builder("one", Forged(Identity::new("op")));
    let with_input = with_input.input(leaf.output(0)).build();
    let mut forged = Identity::new("op");
    forged
        .add(leaf.digest().as_bytes())
        .add(0_usize.to_le_bytes());
    forged.add([]).add([0]);
    let without = Vertex::builder("two", Forged(forged)).build();
    assert_ne!(with_input.digest(), without.digest());
}

#[test]
fn operations_that_panic_leave_the_solver_as_it_is() {
    // Rule 3, R9. They are no deaths that somebody counts.
    play(|kit| async move {
        let job = kit.job("a");
        for at in 0..50 {
            let name = format!("panics {at}");
            let op = kit.op(&name, &name, |_, _| async { panic!("it is broken") });
            let built = job.build(&op.vertex().build().output(0)).await;
            assert!(matches!(built, Err(BuildError::Failed(_))), "{built:?}");
        }
        assert_eq!(*job.build(&kit.constant(1).output(0)).await.unwrap(), 1);
        job.finish().await;
    });
}

/// Starts a tree with the solver's node, and waits until that runs.
async fn start(solver: &Solver<u64>) -> perennial::Tree {
    let node = solver.node();
    let tree = Supervisor::new(move |ctx: Context| {
        let declared = ctx.run("solver", node.clone());
        async move {
            declared?.healthy().await.ok();
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        }
    });
    let tree = tree.start();
    tree.ready().await;
    tree
}

/// An operation that waits for ever, whether it is told to stop or not, the first time.
struct Stubborn(Arc<AtomicUsize>);

impl Operation for Stubborn {
    type Value = u64;

    fn identity(&self) -> Identity {
        Identity::new("stubborn")
    }

    async fn run(
        &self,
        _: RunContext<u64>,
        _: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        Ok(vec![1.into()])
    }
}

#[test]
fn a_solver_outlives_the_runtime_that_its_tree_was_dropped_with() {
    // R11, rule 10. A run unwinds that nobody polls any more; jobs finish, and another tree builds.
    let solver = Solver::<u64>::builder()
        .grace(Grace::For(Duration::from_secs(60)))
        .build();
    let runs = Arc::new(AtomicUsize::new(0));
    let edge = Vertex::builder("stubborn", Stubborn(runs.clone()))
        .build()
        .output(0);
    let (first, second) = (solver.job("first").unwrap(), solver.job("second").unwrap());
    let runtime = Runtime::new().unwrap();
    let tree = runtime.block_on(async {
        let tree = start(&solver).await;
        let build = first.build(&edge);
        let gives_up = async {
            while runs.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            built = build => panic!("{built:?}"),
            () = gives_up => {}
        }
        tree
    });
    drop(tree);
    drop(runtime);
    Runtime::new().unwrap().block_on(async {
        first.finish().await;
        let tree = start(&solver).await;
        assert_eq!(*second.build(&edge).await.unwrap(), 1);
        second.finish().await;
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_second_node_of_a_solver_is_refused_and_takes_nothing_from_the_first() {
    // Rule 2. It would be two pools of runs.
    Runtime::new().unwrap().block_on(async {
        let solver = Solver::<u64>::new();
        let tree = start(&solver).await;
        let second = solver.node();
        let (says, mut said) = unbounded_channel();
        let other = Supervisor::new(move |ctx: Context| {
            let (declared, says) = (ctx.run("solver", second.clone()), says.clone());
            async move {
                let started = declared?.first_start().await;
                says.send(started).unwrap();
                ctx.cancelled().await;
                Ok::<_, RunError>(())
            }
        });
        let other = other.start();
        assert!(said.recv().await.unwrap().is_err());
        other.stop().await.unwrap();
        let job = solver.job("a").unwrap();
        let vertex = Vertex::builder("leaf", Forged(Identity::new("leaf"))).build();
        assert_eq!(*job.build(&vertex.output(0)).await.unwrap(), 0);
        job.finish().await;
        tree.stop().await.unwrap();
    });
}

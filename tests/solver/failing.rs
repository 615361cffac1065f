//! Errors: of keys, of runs, of contents and of stores.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use perennial::Backoff;
use perennial::resource::Release;
use perennial::solver::{
    BuildError, FailureCause, Identity, Input, JobEventKind, JobWatch, Keying, Operation,
    OperationError, Output, RunContext, Solver, Vertex, VertexState, Watched,
};
use perennial::testing::Harness;
use tokio::join;

use crate::kit::{Kit, Op, Seen, after, play, play_with, start, text};
use crate::stores::{Fault, TestStore};

/// An operation that fails each time.
fn fails(kit: &Kit, name: &str) -> Op {
    kit.op(name, name, |_, _| async {
        Err(OperationError::permanent("error-from-test"))
    })
}

/// An operation that fails in passing so many times, and then gives 7.
fn fails_at_first(kit: &Kit, times: usize) -> Op {
    let runs = Arc::new(AtomicUsize::new(0));
    let op = kit.op("v0", "seed0", move |_, _| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        async move {
            match run < times {
                true => Err(OperationError::transient("error-from-test")),
                false => Ok(vec![7]),
            }
        }
    });
    op.before_run(after(10))
}

#[track_caller]
fn assert_names(error: &BuildError, vertex: &str) {
    let BuildError::Failed(failure) = error else {
        panic!("{error:?}");
    };
    assert_eq!(&*failure.vertex, vertex);
    let text = text(error);
    assert!(
        text.contains(vertex) && text.contains("error-from-test"),
        "{text}"
    );
}

#[test]
fn sol_35_the_key_of_an_input_fails() {
    // Rule 3. The error names the input, and is kept.
    play(|kit| async move {
        let v1 = kit.leaf("v1", "seed1", 1).key_fails("error-from-test");
        let v1 = v1.vertex().build();
        let v0 = kit.node("v0", "seed0", 0, [v1.output(0)]).output(0);
        let job = kit.job("a");
        for _ in 0..2 {
            let error = job.build(&v0).await.unwrap_err();
            assert_names(&error, "v1");
            assert!(!error.is_transient());
        }
        kit.expect(2, 0, 0);
        job.finish().await;
    });
}

#[test]
fn sol_36_the_run_of_an_input_fails() {
    // Rule 3. The error names the input, and what is made of it does not run.
    play(|kit| async move {
        let v1 = fails(&kit, "v1").vertex().build();
        let v0 = kit.node("v0", "seed0", 0, [v1.output(0)]).output(0);
        let job = kit.job("a");
        let error = job.build(&v0).await.unwrap_err();
        assert_names(&error, "v1");
        kit.expect(2, 1, 0);
        let summary = job.finish().await;
        assert_eq!((summary.failed, summary.unneeded), (1, 1));
    });
}

#[test]
fn sol_37_a_failure_for_good_is_kept_as_long_as_the_vertex() {
    // Rule 3. It comes again when the last job is finished.
    play(|kit| async move {
        let v0 = || fails(&kit, "v0").vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        for job in [&a, &a, &b] {
            assert_names(&job.build(&v0()).await.unwrap_err(), "v0");
        }
        kit.expect(1, 1, 0);
        join!(a.finish(), b.finish());
        let c = kit.job("c");
        assert_names(&c.build(&v0()).await.unwrap_err(), "v0");
        kit.expect(1, 1, 0);
        c.finish().await;
    });
}

#[test]
fn sol_38_a_failure_in_passing_is_told_and_not_kept() {
    // Rule 3. Without a policy the next request runs it again.
    play(|kit| async move {
        let v0 = fails_at_first(&kit, 1).vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let both = async { join!(a.build(&v0), b.build(&v0)) };
        let (of_a, of_b) = kit.h.wait(both).await;
        for built in [of_a, of_b] {
            let error = built.unwrap_err();
            assert_names(&error, "v0");
            assert!(error.is_transient());
        }
        kit.expect(1, 1, 0);
        assert_eq!(*kit.h.wait(a.build(&v0)).await.unwrap(), 7);
        kit.expect(0, 1, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_38_a_failure_in_passing_is_not_kept_by_what_is_made_of_it() {
    // Rule 3. The next request runs both.
    play(|kit| async move {
        let v0 = fails_at_first(&kit, 1).vertex().build();
        let top = kit.sum(1, [v0.output(0)]).output(0);
        let job = kit.job("a");
        let error = kit.h.wait(job.build(&top)).await.unwrap_err();
        assert_names(&error, "v0");
        assert_eq!(*kit.h.wait(job.build(&top)).await.unwrap(), 8);
        kit.expect(2, 3, 0);
        job.finish().await;
    });
}

#[test]
fn sol_38_a_failure_in_passing_is_tried_again_for_all() {
    // Rule 3. With a policy nobody hears of it but by a warning.
    let options = |builder: perennial::solver::SolverBuilder<u64>| {
        builder.retry(1, Backoff::constant(Duration::from_millis(100)))
    };
    play_with(options, |kit| async move {
        let v0 = fails_at_first(&kit, 1).vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let watch = a.watch();
        let both = async { join!(a.build(&v0), b.build(&v0)) };
        let (of_a, of_b) = kit.h.wait(both).await;
        assert_eq!((*of_a.unwrap(), *of_b.unwrap()), (7, 7));
        kit.expect(1, 2, 0);
        join!(a.finish(), b.finish());
        let warnings = warnings(watch).await;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("error-from-test"), "{warnings:?}");
    });
}

/// All warnings of a job that is finished.
async fn warnings(mut watch: JobWatch) -> Vec<Arc<str>> {
    let mut warnings = Vec::new();
    while let Some(watched) = watch.next().await {
        if let Watched::Event(event) = watched
            && let JobEventKind::Warning { text } = event.kind
        {
            warnings.push(text);
        }
    }
    warnings
}

/// A value that says when it is released.
struct Tracked(Seen);

impl Release for Tracked {
    type Error = Infallible;

    async fn release(self) -> Result<(), Infallible> {
        let mut seen = self.0.lock().expect("nobody panics with it");
        seen.push("released".into());
        Ok(())
    }
}

/// Opens a value; or only looks at its input, if it has one.
struct Opens(Seen);

impl Operation for Opens {
    type Value = Tracked;

    fn identity(&self) -> Identity {
        Identity::new("opens")
    }

    fn keying(&self) -> Keying {
        Keying::Never
    }

    async fn run(
        &self,
        ctx: RunContext<Tracked>,
        _inputs: Vec<Output<Tracked>>,
    ) -> Result<Vec<Output<Tracked>>, OperationError> {
        Ok(vec![ctx.open("tracked", Tracked(self.0.clone()))])
    }
}

/// Is found by its input.
struct Looks;

impl Operation for Looks {
    type Value = Tracked;

    fn identity(&self) -> Identity {
        Identity::new("looks")
    }

    async fn run(
        &self,
        _ctx: RunContext<Tracked>,
        inputs: Vec<Output<Tracked>>,
    ) -> Result<Vec<Output<Tracked>>, OperationError> {
        Ok(inputs)
    }
}

#[test]
fn sol_39_an_error_of_a_content_keeps_the_input() {
    // L2. It is released once, when the error is gone and not when the job is.
    Harness::run(None, |h| async move {
        let solver = Solver::<Tracked>::new();
        start(&h, &solver).await;
        let seen = Seen::default();
        let v1 = Vertex::builder("v1", Opens(seen.clone())).build();
        let fails = |_| async { Err(OperationError::permanent("error-from-test")) };
        let v0 = Vertex::builder("v0", Looks).input(Input::from(v1.output(0)).content(fails));
        let v0 = v0.build().output(0);
        drop(v1);
        let job = solver.job("a").unwrap();
        let error = job.build(&v0).await.err().expect("there is no digest");
        assert_names(&error, "v0");
        job.finish().await;
        h.advance(Duration::from_millis(100)).await;
        assert_eq!(*seen.lock().unwrap(), [""; 0]);
        let BuildError::Failed(failure) = &error else {
            panic!("{error:?}");
        };
        assert!(
            matches!(failure.cause, FailureCause::Content { .. }),
            "{failure:?}"
        );
        assert!(failure.input::<Tracked>().is_some());
        drop(error);
        h.advance(Duration::from_millis(100)).await;
        assert_eq!(*seen.lock().unwrap(), ["released"]);
        solver.releaser().all_released().expect("a leak");
    });
}

#[test]
fn sol_40_what_a_store_cannot_load_is_made() {
    // Rule 7. Of all vertices, and their story ends without an error.
    play(|kit| async move {
        let top = || {
            let two = || kit.sum(2, [kit.constant(2).output(0)]).output(0);
            let inner = kit.sum(0, [two(), kit.constant(0).output(0)]);
            kit.sum(3, [inner.output(0), two()]).output(0)
        };
        for (is_broken, runs, loads) in [(false, 5, 0), (false, 0, 1), (true, 5, 5)] {
            if is_broken {
                kit.loads_fail();
            }
            let job = kit.job("a");
            assert_eq!(*job.build(&top()).await.unwrap(), 11);
            kit.expect(7, runs, loads);
            let states = job
                .snapshot()
                .vertices
                .into_iter()
                .map(|vertex| vertex.state);
            let failed = states.filter(|state| *state == VertexState::Failed).count();
            let summary = job.finish().await;
            assert_eq!((failed, summary.failed), (0, 0));
        }
    });
}

#[test]
fn sol_41_what_a_store_cannot_keep_is_a_warning() {
    // Rule 7. The build is fine.
    let store = TestStore::with(Fault::FailsToSave);
    play_with(
        |builder| builder.store(store),
        |kit| async move {
            let job = kit.job("a");
            let watch = job.watch();
            assert_eq!(*job.build(&kit.constant(7).output(0)).await.unwrap(), 7);
            let summary = job.finish().await;
            assert_eq!(summary.completed, 1);
            let warnings = warnings(watch).await;
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].contains("the store is broken"), "{warnings:?}");
        },
    );
}

#[test]
fn sol_42_what_vanishes_from_a_store_is_made() {
    // Rule 7. It was there when the vertex was looked for by its names, and is not to be had.
    let store = TestStore::with(Fault::Vanishes);
    play_with(
        |builder| builder.store(store),
        |kit| async move {
            let leaf = kit.leaf("v0", "seed0", 7).or_seed("seed1");
            let v0 = leaf.vertex().build();
            let job = kit.job("a");
            assert_eq!(*job.build(&v0.output(0)).await.unwrap(), 7);
            kit.expect(1, 1, 0);
            job.finish().await;
        },
    );
}

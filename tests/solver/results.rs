//! Results that have to be released.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use perennial::resource::Release;
use perennial::solver::{
    Edge, Identity, Job, MemoryStore, Operation, OperationError, Output, RunContext, Solver, Vertex,
};
use perennial::testing::Harness;
use tokio::time::sleep;

use crate::kit::start;

/// How values were released.
#[derive(Clone, Debug, Default)]
struct Ends(Arc<EndCounts>);

#[derive(Debug, Default)]
struct EndCounts {
    released: AtomicUsize,
    released_now: AtomicUsize,
}

impl Ends {
    fn released(&self) -> usize {
        self.0.released.load(Ordering::Relaxed)
    }

    fn released_now(&self) -> usize {
        self.0.released_now.load(Ordering::Relaxed)
    }
}

/// How a value is released.
#[derive(Clone, Copy, Debug)]
enum Way {
    AtOnce,
    TakesASecond,
    Hangs,
}

/// A value that is counted when it is released.
struct Thing {
    number: usize,
    way: Way,
    ends: Ends,
}

impl Release for Thing {
    type Error = Infallible;

    async fn release(self) -> Result<(), Infallible> {
        match self.way {
            Way::AtOnce => {}
            Way::TakesASecond => sleep(Duration::from_secs(1)).await,
            Way::Hangs => pending().await,
        }
        self.ends.0.released.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn release_now(self) {
        self.ends.0.released_now.fetch_add(1, Ordering::Relaxed);
    }

    fn release_within(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// Opens so many things.
struct Opens {
    things: usize,
    way: Way,
    ends: Ends,
}

impl Operation for Opens {
    type Value = Thing;

    fn identity(&self) -> Identity {
        Identity::new("opens")
    }

    async fn run(
        &self,
        ctx: RunContext<Thing>,
        _inputs: Vec<Output<Thing>>,
    ) -> Result<Vec<Output<Thing>>, OperationError> {
        let open = |number| {
            let thing = Thing {
                number,
                way: self.way,
                ends: self.ends.clone(),
            };
            ctx.open("thing", thing)
        };
        Ok((0..self.things).map(open).collect())
    }
}

struct Scene {
    h: Harness,
    solver: Solver<Thing>,
    ends: Ends,
}

impl Scene {
    fn things(&self, things: usize, way: Way) -> Vertex<Thing> {
        let ends = self.ends.clone();
        Vertex::builder("things", Opens { things, way, ends }).build()
    }

    /// Builds the first output in a job of its own, and keeps but that.
    async fn get(&self, edge: &Edge<Thing>) -> Output<Thing> {
        let job = self.solver.job("a").expect("the first of its name");
        let output = job.build(edge).await.expect("nothing fails");
        job.finish().await;
        output
    }
}

/// Plays a test in a tree with a solver that stores nothing, and sees that nothing is left.
fn play<Fut: Future<Output = ()>>(test: impl FnOnce(Scene) -> Fut) {
    Harness::run(None, |h| async move {
        let solver = Solver::builder().store(MemoryStore::bounded(0)).build();
        start(&h, &solver).await;
        let (left, ends) = (solver.clone(), Ends::default());
        test(Scene { h, solver, ends }).await;
        left.releaser().all_released().expect("a leak");
    });
}

/// What keeps a result.
enum Keeper {
    Job(Job<Thing>),
    Reference(Output<Thing>),
}

impl Keeper {
    async fn go(self) {
        match self {
            Self::Job(job) => {
                job.finish().await;
            }
            Self::Reference(output) => drop(output),
        }
    }
}

#[test]
fn sol_81_a_result_is_released_once_after_the_last_of_its_references() {
    // L9. Three jobs and three references go, each time in another order.
    play(|scene| async move {
        let edge = scene.things(1, Way::AtOnce).output(0);
        for round in 0..12 {
            let mut keepers = Vec::new();
            for id in ["a", "b", "c"] {
                let job = scene.solver.job(id).unwrap();
                keepers.push(Keeper::Reference(job.build(&edge).await.unwrap()));
                keepers.push(Keeper::Job(job));
            }
            keepers.rotate_left(round % 6);
            if round >= 6 {
                keepers.reverse();
            }
            for keeper in keepers {
                assert_eq!(scene.ends.released(), round);
                keeper.go().await;
                scene.h.settled().await;
            }
            assert_eq!(scene.ends.released(), round + 1);
        }
        assert_eq!(scene.ends.released_now(), 0);
    });
}

#[test]
fn sol_81_outputs_that_nobody_asked_for_are_released_too() {
    // L9. One of three is asked for, and outlives its job.
    play(|scene| async move {
        let output = scene.get(&scene.things(3, Way::AtOnce).output(1)).await;
        scene.h.settled().await;
        assert_eq!(output.number, 1);
        assert_eq!(scene.ends.released(), 2);
        drop(output);
        scene.h.settled().await;
        assert_eq!(scene.ends.released(), 3);
    });
}

#[test]
fn sol_81_a_result_that_nobody_took_is_released() {
    // L9. The job is dropped, not finished.
    play(|scene| async move {
        let edge = scene.things(1, Way::AtOnce).output(0);
        let job = scene.solver.job("a").unwrap();
        drop(job.build(&edge).await.unwrap());
        scene.h.settled().await;
        assert_eq!(scene.ends.released(), 0);
        drop(job);
        scene.h.settled().await;
        assert_eq!(scene.ends.released(), 1);
    });
}

#[test]
fn sol_82_a_stop_waits_for_what_is_being_released() {
    // Rule 10. A release that takes a second has begun.
    play(|scene| async move {
        let output = scene
            .get(&scene.things(1, Way::TakesASecond).output(0))
            .await;
        drop(output);
        scene.h.idle().await;
        assert_eq!(scene.ends.released(), 0);
        let began = scene.h.now();
        let report = scene.h.stop().await.expect("a stop is no failure");
        assert!(report.stops.is_empty(), "{report:?}");
        assert_eq!(scene.h.now() - began, Duration::from_secs(1));
        assert_eq!(scene.ends.released(), 1);
    });
}

#[test]
fn sol_82_a_release_that_hangs_holds_a_stop_up_for_five_seconds() {
    // Rule 10. The report names it.
    play(|scene| async move {
        let output = scene.get(&scene.things(1, Way::Hangs).output(0)).await;
        drop(output);
        scene.h.idle().await;
        let began = scene.h.now();
        let report = scene.h.stop().await.expect("a stop is no failure");
        assert_eq!(scene.h.now() - began, Duration::from_secs(5));
        assert_eq!(scene.ends.released(), 0);
        let stops = report.stops.iter().map(|stop| stop.path.to_string());
        let releases = "root.solver.releaser.releases.1-thing".to_owned();
        assert!(stops.into_iter().any(|path| path == releases), "{report:?}");
    });
}

#[test]
fn sol_83_a_result_outlives_its_job_and_the_solver() {
    // L9. Without a releaser, it is released where it is dropped.
    play(|scene| async move {
        let output = scene.get(&scene.things(1, Way::AtOnce).output(0)).await;
        let Scene { h, solver, ends } = scene;
        h.stop().await.expect("a stop is no failure");
        drop((h, solver));
        assert_eq!(output.number, 0);
        assert_eq!((ends.released(), ends.released_now()), (0, 0));
        drop(output);
        assert_eq!((ends.released(), ends.released_now()), (0, 1));
    });
}

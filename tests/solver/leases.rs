//! Results that live: handles to supervised children, which the last reference stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use perennial::resource::Release;
use perennial::solver::{
    Edge, Identity, MemoryStore, Operation, OperationError, Output, RunContext, Solver, Vertex,
};
use perennial::testing::Harness;
use perennial::{Child, Context, OrderError, Pool, RunError, State};
use tokio::time::{sleep, timeout};

use crate::serve::serve;

/// A service that runs, for as long as somebody has this.
struct Lease(Child);

impl Release for Lease {
    type Error = OrderError;

    async fn release(self) -> Result<(), OrderError> {
        self.0.terminate().await.map(drop)
    }
}

/// Starts a service in a pool, and waits until it serves.
struct Serve {
    name: &'static str,
    services: Pool,
    starts: Arc<AtomicUsize>,
    /// How long the service takes to be healthy.
    warms_up: Duration,
}

impl Operation for Serve {
    type Value = Lease;

    fn identity(&self) -> Identity {
        Identity::new(self.name)
    }

    async fn run(
        &self,
        ctx: RunContext<Lease>,
        _inputs: Vec<Output<Lease>>,
    ) -> Result<Vec<Output<Lease>>, OperationError> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        let warms_up = self.warms_up;
        let child = self.services.start(move |ctx: Context| async move {
            sleep(warms_up).await;
            serve(ctx).await;
        })?;
        // It is given back if nobody waits any more.
        let lease = ctx.open(self.name, Lease(child.clone()));
        match ctx.context().until_cancelled(child.first_start()).await {
            Some(started) => started?,
            None => return Err(OperationError::transient("nobody wants it")),
        }
        Ok(vec![lease])
    }
}

struct Scene {
    h: Harness,
    solver: Solver<Lease>,
    services: Pool,
    starts: Arc<AtomicUsize>,
}

impl Scene {
    fn service(&self, name: &'static str) -> Edge<Lease> {
        let serve = Serve {
            name,
            services: self.services.clone(),
            starts: self.starts.clone(),
            warms_up: Duration::from_millis(100),
        };
        Vertex::builder(name, serve).build().output(0)
    }

    fn starts(&self) -> usize {
        self.starts.load(Ordering::Relaxed)
    }

    /// How many services run.
    async fn serving(&self) -> usize {
        self.h.settled().await;
        let snapshot = self.h.snapshot().await;
        let services = snapshot.nodes.iter().filter(|node| {
            let path = node.path.to_string();
            path.starts_with("root.services.") && node.state == State::Healthy
        });
        services.count()
    }
}

/// Plays a test in a tree with a pool of services and a solver that uses it.
fn play<Fut: Future<Output = ()>>(test: impl FnOnce(Scene) -> Fut) {
    Harness::run(None, |h| async move {
        let solver = Solver::builder().store(MemoryStore::bounded(0)).build();
        let (node, services) = (solver.node(), Pool::new());
        let pool = services.clone();
        h.start(move |ctx: Context| {
            let declared = ctx.run("services", pool.clone());
            let declared = declared.and_then(|_| ctx.run("solver", node.clone()));
            async move {
                declared?;
                ctx.done();
                Ok::<_, RunError>(())
            }
        });
        h.until("root.solver", State::Healthy).await;
        let (left, starts) = (solver.clone(), Arc::default());
        test(Scene {
            h,
            solver,
            services,
            starts,
        })
        .await;
        left.releaser().all_released().expect("a leak");
    });
}

#[test]
fn equal_requests_share_a_live_service_and_the_last_handle_stops_it() {
    // L9, and rule 1. A third request joins when the others have what they wanted.
    play(|scene| async move {
        let edge = scene.service("database");
        let jobs = ["a", "b", "c"].map(|id| scene.solver.job(id).unwrap());
        let [a, b, c] = &jobs;
        let two = async { tokio::join!(a.build(&edge), b.build(&edge)) };
        let (of_a, of_b) = scene.h.wait(two).await;
        let of_c = c.build(&edge).await.unwrap();
        assert_eq!(scene.starts(), 1);
        assert_eq!(of_a.unwrap().0.path(), of_b.unwrap().0.path());
        for job in jobs {
            assert_eq!(scene.serving().await, 1);
            job.finish().await;
        }
        assert_eq!(scene.serving().await, 1);
        drop(of_c);
        assert_eq!(scene.serving().await, 0);
        let job = scene.solver.job("d").unwrap();
        let again = scene.h.wait(job.build(&edge)).await.unwrap();
        assert_eq!((scene.starts(), scene.serving().await), (2, 1));
        drop(again);
        job.finish().await;
        assert_eq!(scene.serving().await, 0);
    });
}

#[test]
fn a_service_that_nobody_waits_for_any_more_is_stopped_before_it_serves() {
    // L9, and rule 2. It takes 100 ms to be healthy.
    play(|scene| async move {
        let edge = scene.service("database");
        let job = scene.solver.job("a").unwrap();
        let build = timeout(Duration::from_millis(50), job.build(&edge));
        assert!(scene.h.wait(build).await.is_err());
        scene.h.wait(job.finish()).await;
        assert_eq!((scene.starts(), scene.serving().await), (1, 0));
    });
}

#[test]
fn a_stop_of_the_tree_stops_the_services_that_are_leased() {
    // L7, R11. The handle is of no use afterwards, and harms nothing.
    play(|scene| async move {
        let edge = scene.service("database");
        let job = scene.solver.job("a").unwrap();
        let lease = scene.h.wait(job.build(&edge)).await.unwrap();
        scene.h.stop().await.expect("a stop is no failure");
        assert!(lease.0.try_ended().is_some());
        job.finish().await;
        drop(lease);
    });
}

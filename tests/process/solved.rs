//! Programs that operations of a solver run.

use std::pin::pin;
use std::task::Poll;

use futures::future::poll_fn;
use perennial::process::Process;
use perennial::solver::{Identity, Operation, OperationError, Output, RunContext, Solver, Vertex};
use perennial::{Context, Published, RunError, Supervisor};

use crate::common::{alone, children, is_alive, sh};

/// Runs a program that does not end by itself, as a child of the node that it runs in.
struct Naps(Published<Process>);

impl Operation for Naps {
    type Value = ();

    fn identity(&self) -> Identity {
        Identity::new("naps")
    }

    async fn run(
        &self,
        ctx: RunContext<()>,
        _inputs: Vec<Output<()>>,
    ) -> Result<Vec<Output<()>>, OperationError> {
        let nap = sh("exec sleep 1000").publish(&self.0);
        ctx.context().run("nap", nap)?;
        ctx.context().cancelled().await;
        Err(OperationError::permanent("it was told to stop"))
    }
}

#[test]
fn a_program_is_stopped_when_the_last_job_that_waits_for_it_leaves() {
    // L1, and rule 2 of the solver. The first one that leaves takes nothing from the other.
    alone(async || {
        let solver = Solver::<()>::new();
        let node = solver.node();
        let root = move |ctx: Context| {
            let declared = ctx.run("solver", node.clone());
            async move {
                declared?;
                ctx.done();
                Ok::<(), RunError>(())
            }
        };
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        let published = Published::<Process>::new();
        let mut processes = published.watch();
        let nap = Vertex::builder("nap", Naps(published)).build().output(0);
        let [first, last] = ["first", "last"].map(|id| solver.job(id).expect("no such job yet"));
        let (mut of_last, process) = {
            let mut of_first = pin!(first.build(&nap));
            let mut of_last = Box::pin(last.build(&nap));
            poll_fn(|cx| {
                assert!(of_first.as_mut().poll(cx).is_pending());
                assert!(of_last.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            (of_last, processes.next().await.expect("it is published"))
        };
        first.finish().await;
        let pid = i32::try_from(process.id().pid()).expect("a process id");
        assert!(is_alive(pid));
        poll_fn(|cx| {
            assert!(of_last.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(of_last);
        last.finish().await;
        assert!(children().is_empty());
        tree.stop().await.expect("a stop is no failure");
    });
}

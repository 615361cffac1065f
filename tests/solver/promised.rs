//! What the public documentation promises, in combinations that a user would rely on.

use perennial::solver::{
    BuildError, Edge, Identity, JobWatch, Operation, OperationError, Output, RunContext, Watched,
};

use crate::kit::Kit;

#[path = "promised/graphs.rs"]
mod graphs;
#[path = "promised/jobs.rs"]
mod jobs;
#[path = "promised/nodes.rs"]
mod nodes;
#[path = "promised/random.rs"]
mod random;
#[path = "promised/stores.rs"]
mod stores;

/// Builds in a job of its own, which is finished. What a disk takes is no time of the test's.
pub(crate) async fn build(kit: &Kit, edge: &Edge<u64>) -> Result<u64, BuildError> {
    let job = kit.job(&kit.fresh_name());
    let built = job.build(edge).await;
    job.finish().await;
    built.map(|value| *value)
}

/// The same, with its warnings.
pub(crate) async fn build_and_warn(kit: &Kit, edge: &Edge<u64>) -> (u64, u64) {
    let job = kit.job(&kit.fresh_name());
    let built = job.build(edge).await.expect("it builds");
    let snapshot = job.snapshot();
    job.finish().await;
    let warnings = snapshot.vertices.iter().map(|vertex| vertex.warnings);
    (*built, warnings.sum())
}

/// All that a watch still gives of a finished job.
pub(crate) async fn rest(watch: &mut JobWatch) -> Vec<Watched> {
    let mut all = Vec::new();
    while let Some(watched) = watch.next().await {
        all.push(watched);
    }
    all
}

/// Gives 1.
pub(crate) struct Plain;

impl Operation for Plain {
    type Value = u64;

    fn identity(&self) -> Identity {
        Identity::new("plain")
    }

    async fn run(
        &self,
        _: RunContext<u64>,
        _: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        Ok(vec![1.into()])
    }
}

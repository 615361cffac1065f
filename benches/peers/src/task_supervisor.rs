//! task-supervisor: tasks by name, restarted by one loop. It has no tree.

use std::time::Duration;

use task_supervisor::{
    CancellationToken, SupervisedTask, SupervisorBuilder, SupervisorHandle, TaskResult,
};

use crate::peer::{Gone, Peer};
use crate::stage::Stage;

pub(crate) struct Tree {
    handle: SupervisorHandle,
    stage: Stage,
}

#[derive(Clone)]
struct Child {
    stage: Stage,
    index: usize,
}

impl SupervisedTask for Child {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        Ok(self.stage.serve(self.index, cancel.cancelled()).await?)
    }
}

impl Peer for Tree {
    async fn flat(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        let mut builder = SupervisorBuilder::new()
            .with_unlimited_restarts()
            .with_base_restart_delay(Duration::ZERO)
            .with_restart_jitter(0.0);
        for (index, name) in names.iter().enumerate() {
            let stage = stage.clone();
            builder = builder.with_task(name, Child { stage, index });
        }
        let handle = builder.spawn();
        Ok(Self { handle, stage })
    }

    async fn group(_: Stage, _: Vec<String>) -> Result<Self, String> {
        Err("has no groups".to_owned())
    }

    async fn chain(_: Stage, _: Vec<String>) -> Result<Self, String> {
        Err("does not nest".to_owned())
    }

    fn fail(&self) -> Result<(), Gone> {
        self.stage.fail();
        Ok(())
    }

    async fn stop(self) {
        self.handle.shutdown().await.expect("no task is dead");
    }
}

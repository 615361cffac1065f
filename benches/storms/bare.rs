//! The floor: bare tasks in a `JoinSet`, and a loop that spawns again what has failed.

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::side::Side;
use crate::stage::{Again, Stage};

/// Bare tasks.
pub(crate) struct Bare {
    stage: Arc<Stage>,
    token: CancellationToken,
    tasks: JoinSet<Result<(), Again>>,
    met: usize,
}

/// Spawns the tasks of a stage, until all run.
pub(crate) async fn start(stage: &Arc<Stage>) -> Bare {
    let mut bare = Bare {
        stage: stage.clone(),
        token: CancellationToken::new(),
        tasks: JoinSet::new(),
        met: 0,
    };
    (0..stage.size()).for_each(|_| bare.spawn());
    stage.running.full().await;
    bare
}

impl Bare {
    fn spawn(&mut self) {
        let (stage, token) = (self.stage.clone(), self.token.clone());
        self.tasks
            .spawn(async move { stage.run(token.cancelled()).await });
    }
}

/// Whether a task has failed, and not by being aborted.
pub(crate) fn has_failed(ended: &Result<Result<(), Again>, JoinError>) -> bool {
    match ended {
        Ok(result) => result.is_err(),
        Err(error) => error.is_panic(),
    }
}

impl Side for Bare {
    async fn recover(&mut self, failures: usize) {
        for _ in 0..failures {
            let ended = self.tasks.join_next().await.expect("there are tasks");
            assert!(has_failed(&ended), "it was not struck");
            self.met += 1;
            self.spawn();
        }
        self.stage.running.full().await;
    }

    async fn settle(&mut self) {}

    async fn met(&mut self) -> usize {
        self.met
    }

    async fn stop(mut self) {
        self.token.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

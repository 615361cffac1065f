//! ractor-supervisor: supervisors for the actors of ractor. Each child has a name, which holds in
//! the whole process.

use std::sync::Arc;

use ractor::concurrency::Duration;
use ractor::{ActorCell, ActorRef, SpawnErr};
use ractor_supervisor::{
    ChildSpec, Restart, SpawnFn, Supervisor, SupervisorArguments, SupervisorMsg, SupervisorOptions,
    SupervisorStrategy,
};

use crate::part::Seats;
use crate::peer::{Gone, Peer};
use crate::ractor::{Child, Fail, Part};
use crate::stage::Stage;

pub(crate) struct Tree {
    root: ActorRef<SupervisorMsg>,
    seats: Seats<ActorRef<Fail>>,
}

fn child(name: String, part: Part) -> ChildSpec {
    spec(name, move |above, name| {
        let part = part.clone();
        async move {
            let started = Supervisor::spawn_linked(name, Child, part, above).await;
            started.map(|(child, _)| child.get_cell())
        }
    })
}

/// A child that is always started again, without delay.
fn spec<F>(
    name: String,
    start: impl Fn(ActorCell, String) -> F + Send + Sync + 'static,
) -> ChildSpec
where
    F: Future<Output = Result<ActorCell, SpawnErr>> + Send + 'static,
{
    ChildSpec {
        id: name,
        restart: Restart::Permanent,
        spawn_fn: SpawnFn::new(start),
        backoff_fn: None,
        reset_after: None,
    }
}

/// Restarts without a limit, and remembers none of them.
const fn options(strategy: SupervisorStrategy) -> SupervisorOptions {
    SupervisorOptions {
        strategy,
        max_restarts: usize::MAX,
        max_window: Duration::ZERO,
        reset_after: None,
    }
}

/// A node of a chain: a supervisor of the next one, but for the last one, which is a child. The
/// first one has a child more, by whose first failure it fails too.
fn node(names: Arc<[String]>, index: usize, [first, last]: [Part; 2]) -> ChildSpec {
    let name = names[index].clone();
    if index + 1 == names.len() {
        return child(name, last);
    }
    spec(name, move |above, name| {
        let parts = [first.clone(), last.clone()];
        let mut child_specs = vec![node(names.clone(), index + 1, parts)];
        let mut options = options(SupervisorStrategy::OneForOne);
        if index == 0 {
            child_specs.push(child("first".to_owned(), first.clone()));
            (options.max_restarts, options.max_window) = (0, Duration::from_secs(3600));
        }
        let arguments = SupervisorArguments {
            child_specs,
            options,
        };
        async move {
            let started = Supervisor::spawn_linked(name, Supervisor, arguments, above).await;
            started.map(|(supervisor, _)| supervisor.get_cell())
        }
    })
}

impl Tree {
    async fn new(
        seats: Seats<ActorRef<Fail>>,
        strategy: SupervisorStrategy,
        child_specs: Vec<ChildSpec>,
    ) -> Result<Self, String> {
        let options = options(strategy);
        let arguments = SupervisorArguments {
            child_specs,
            options,
        };
        let started = Supervisor::spawn("root".to_owned(), arguments).await;
        let (root, _) = started.map_err(|error| error.to_string())?;
        Ok(Self { root, seats })
    }

    async fn children(
        stage: &Stage,
        strategy: SupervisorStrategy,
        names: Vec<String>,
    ) -> Result<Self, String> {
        let (parts, seats) = Part::all(stage, names.len(), 0);
        let children = names.into_iter().zip(parts);
        let specs = children.map(|(name, part)| child(name, part)).collect();
        Self::new(seats, strategy, specs).await
    }
}

impl Peer for Tree {
    async fn flat(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        Self::children(&stage, SupervisorStrategy::OneForOne, names).await
    }

    async fn group(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        Self::children(&stage, SupervisorStrategy::OneForAll, names).await
    }

    async fn chain(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        let (mut parts, seats) = Part::all(&stage, 2, 0);
        let (last, first) = (parts.remove(1), parts.remove(0));
        let top = node(names.into(), 0, [first, last]);
        Self::new(seats, SupervisorStrategy::OneForOne, vec![top]).await
    }

    /// The deepest one, and the child by which the first one fails.
    fn entering(_: usize) -> usize {
        2
    }

    fn fail(&self) -> Result<(), Gone> {
        let mut children = self.seats.take().into_iter();
        children.try_for_each(|child| child.cast(Fail).map_err(|_| Gone))
    }

    async fn stop(self) {
        let stopped = self.root.stop_and_wait(None, None).await;
        stopped.expect("there is no time limit");
    }
}

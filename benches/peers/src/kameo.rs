//! kameo: actors that supervise actors. A child fails by the error of a message that is told.

use std::time::Duration;

use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::message::{Context, Message};
use kameo::supervision::SupervisionStrategy;

use crate::part::{self, Seats};
use crate::peer::{Gone, Peer};
use crate::stage::{Again, Running, Stage};

type Part = part::Part<ActorRef<Child>>;

pub(crate) struct Tree {
    root: Root,
    seats: Seats<ActorRef<Child>>,
}

enum Root {
    Alone(ActorRef<Alone>),
    Together(ActorRef<Together>),
}

/// Whose children fail alone.
struct Alone;

impl Actor for Alone {
    type Args = Vec<Part>;
    type Error = Infallible;

    async fn on_start(parts: Vec<Part>, root: ActorRef<Self>) -> Result<Self, Infallible> {
        for part in parts {
            start_below(&root, part).await;
        }
        Ok(Self)
    }
}

/// Whose children fail together.
struct Together;

impl Actor for Together {
    type Args = Vec<Part>;
    type Error = Infallible;

    fn supervision_strategy() -> SupervisionStrategy {
        SupervisionStrategy::OneForAll
    }

    async fn on_start(parts: Vec<Part>, root: ActorRef<Self>) -> Result<Self, Infallible> {
        for part in parts {
            start_below(&root, part).await;
        }
        Ok(Self)
    }
}

async fn start_below<A: Actor>(parent: &ActorRef<A>, part: Part) {
    let child = Child::supervise(parent, part);
    child.restart_limit(u32::MAX, Duration::ZERO).spawn().await;
}

struct Child {
    _running: Running,
}

impl Actor for Child {
    type Args = Part;
    type Error = Infallible;

    async fn on_start(part: Part, me: ActorRef<Self>) -> Result<Self, Infallible> {
        if let Some(next) = part.next() {
            start_below(&me, next).await;
        }
        let _running = part.enter(me);
        Ok(Self { _running })
    }
}

struct Fail;

impl Message<Fail> for Child {
    type Reply = Result<(), Again>;

    async fn handle(&mut self, _: Fail, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Err(Again)
    }
}

impl Peer for Tree {
    async fn flat(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        let (parts, seats) = Part::all(&stage, names.len(), 0);
        let root = Root::Alone(Alone::spawn(parts));
        Ok(Self { root, seats })
    }

    async fn group(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        let (parts, seats) = Part::all(&stage, names.len(), 0);
        let root = Root::Together(Together::spawn(parts));
        Ok(Self { root, seats })
    }

    async fn chain(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        let (parts, seats) = Part::all(&stage, 1, names.len() - 1);
        let root = Root::Alone(Alone::spawn(parts));
        Ok(Self { root, seats })
    }

    fn fail(&self) -> Result<(), Gone> {
        let mut children = self.seats.take().into_iter();
        children.try_for_each(|child| child.tell(Fail).try_send().map_err(|_| Gone))
    }

    async fn stop(self) {
        // One that is gone has stopped.
        match self.root {
            Root::Alone(root) => {
                let _ = root.stop_gracefully().await;
                root.wait_for_shutdown().await;
            }
            Root::Together(root) => {
                let _ = root.stop_gracefully().await;
                root.wait_for_shutdown().await;
            }
        }
    }
}

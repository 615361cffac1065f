//! ractor: actors that hear of the failure of those below them. Whatever then is to be done, its
//! user writes, as in its example `supervisor`.

use std::collections::HashMap;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::part::{self, Seats};
use crate::peer::{Gone, Peer};
use crate::stage::{Again, Running, Stage};

pub(crate) type Part = part::Part<ActorRef<Fail>>;

pub(crate) struct Tree {
    root: ActorRef<()>,
    seats: Seats<ActorRef<Fail>>,
}

/// Tells a child to fail.
pub(crate) struct Fail;

pub(crate) struct Child;

impl Actor for Child {
    type Msg = Fail;
    type State = (Part, Option<Running>);
    type Arguments = Part;

    async fn pre_start(
        &self,
        _: ActorRef<Fail>,
        part: Part,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok((part, None))
    }

    async fn post_start(
        &self,
        me: ActorRef<Fail>,
        (part, running): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(next) = part.next() {
            Self::spawn_linked(None, Self, next, me.get_cell()).await?;
        }
        *running = Some(part.enter(me));
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Fail>,
        _: Fail,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err(Again.into())
    }
}

/// The one above the children.
#[derive(Clone, Copy)]
enum Root {
    /// Whose children fail alone.
    Alone,
    /// Whose children fail together.
    Together,
}

struct Children {
    parts: Vec<Part>,
    /// Which child is which part.
    places: HashMap<ActorId, usize>,
}

impl Children {
    async fn start(&mut self, place: usize, root: ActorCell) -> Result<(), ActorProcessingErr> {
        let part = self.parts[place].clone();
        let (child, _) = Actor::spawn_linked(None, Child, part, root).await?;
        self.places.insert(child.get_id(), place);
        Ok(())
    }

    async fn start_all(&mut self, root: &ActorRef<()>) -> Result<(), ActorProcessingErr> {
        for place in 0..self.parts.len() {
            self.start(place, root.get_cell()).await?;
        }
        Ok(())
    }
}

impl Actor for Root {
    type Msg = ();
    type State = Children;
    type Arguments = Vec<Part>;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        parts: Vec<Part>,
    ) -> Result<Children, ActorProcessingErr> {
        let places = HashMap::new();
        let mut children = Children { parts, places };
        children.start_all(&me).await?;
        Ok(children)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        children: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        let SupervisionEvent::ActorFailed(child, _) = event else {
            return Ok(());
        };
        let place = children.places.remove(&child.get_id());
        match (self, place) {
            (Self::Alone, Some(place)) => children.start(place, me.get_cell()).await,
            (Self::Together, Some(_)) => {
                me.stop_children_and_wait(None, None).await;
                children.places.clear();
                children.start_all(&me).await
            }
            (_, None) => Ok(()),
        }
    }
}

impl Tree {
    async fn new(
        root: Root,
        (parts, seats): (Vec<Part>, Seats<ActorRef<Fail>>),
    ) -> Result<Self, String> {
        let started = Actor::spawn(None, root, parts).await;
        let (root, _) = started.map_err(|error| error.to_string())?;
        Ok(Self { root, seats })
    }
}

impl Peer for Tree {
    async fn flat(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        Self::new(Root::Alone, Part::all(&stage, names.len(), 0)).await
    }

    async fn group(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        Self::new(Root::Together, Part::all(&stage, names.len(), 0)).await
    }

    async fn chain(stage: Stage, names: Vec<String>) -> Result<Self, String> {
        Self::new(Root::Alone, Part::all(&stage, 1, names.len() - 1)).await
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

//! The laws, watched event by event: each step costs time in proportion to what it changes.
//!
//! The monitor knows what the core was told and what the core did about it, and nothing of the
//! core's inside. It keeps what follows of each place, and asks each law in turn: `starts` watches
//! L1, L2, L4 and L5, `groups` who falls and who comes after whom, `answers` L3, `budgets` how
//! often somebody rises, `words` L6 and L10, `stops` L8 and L9.

mod answers;
mod budgets;
mod fact;
mod groups;
mod node;
mod orders;
mod starts;
mod stops;
mod words;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use perennial::Path;
use perennial::tree::{Action, Event, Id, State, What};

use crate::monitor::budgets::Meters;
pub(crate) use crate::monitor::fact::{Answer, Fact};
use crate::monitor::node::Node;
use crate::world::{ROOT, Spot, World};

#[derive(Debug)]
pub(crate) struct Monitor<'a> {
    world: &'a World,
    spots: HashMap<Path, Spot>,
    nodes: Vec<Node>,
    /// In which order the places were declared last.
    declared_in: Vec<u64>,
    /// The place of each incarnation, by its number.
    incarnations: Vec<Spot>,
    /// The members of each group, as declared last.
    groups: Vec<Vec<Spot>>,
    pub(crate) meters: Meters,
    /// What leaked, and its place runs beside it.
    abandoned: HashMap<u64, Spot>,
    /// When which place must have moved on; what did is passed over.
    dues: BinaryHeap<Reverse<(Duration, Spot)>>,
    step: u64,
    /// Counts falls.
    falls: u64,
    now: Duration,
    open: usize,
    leaked: usize,
    is_stopping: bool,
    stop_deadline: Option<Duration>,
    has_ended: bool,
    /// Groups and places that this step has to be judged by.
    touched: Vec<Spot>,
    pub(crate) restarts: u64,
    /// How many actions were judged.
    pub(crate) actions: usize,
}

impl<'a> Monitor<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let places = world.places.iter().enumerate();
        let spots = places.map(|(spot, place)| (place.path.clone(), spot));
        let mut nodes = vec![Node::nothing(); world.places.len()];
        nodes[0].is_there = true;
        nodes[0].incarnation = 1;
        Self {
            spots: spots.collect(),
            declared_in: vec![0; nodes.len()],
            nodes,
            incarnations: vec![Spot::MAX, 0],
            groups: vec![Vec::new(); world.groups.len()],
            meters: Meters::new(world),
            abandoned: HashMap::new(),
            world,
            dues: BinaryHeap::new(),
            step: 0,
            falls: 0,
            now: Duration::ZERO,
            open: 0,
            leaked: 0,
            is_stopping: false,
            stop_deadline: None,
            has_ended: false,
            touched: Vec::new(),
            restarts: 0,
            actions: 0,
        }
    }

    /// The place of an incarnation that was seen.
    pub(crate) fn spot_of(&self, incarnation: u64) -> Option<Spot> {
        let index = usize::try_from(incarnation).ok()?;
        self.incarnations
            .get(index)
            .copied()
            .filter(|spot| *spot != Spot::MAX)
    }

    /// The place of this path in the blueprint.
    pub(crate) fn spot_at(&self, path: &Path) -> Option<Spot> {
        self.spots.get(path).copied()
    }

    /// Judges one step of the core.
    pub(crate) fn check(
        &mut self,
        fact: &Fact,
        answer: Answer,
        actions: &[Action],
    ) -> Result<(), String> {
        self.step += 1;
        self.now = answer.now;
        self.actions += actions.len();
        let is_stale = self.is_stale(fact);
        let expected = self.expected_words(fact, is_stale);
        self.words(is_stale, answer, expected.as_ref(), actions)?;
        if !is_stale && !answer.is_refused {
            self.note_fact(fact);
        }
        self.one_exit(fact, is_stale, actions)?;
        for action in actions {
            self.follow(action)?;
        }
        self.barrier()?;
        self.nothing_is_dropped()?;
        self.touched.clear();
        match fact {
            Fact::Pass => self.bounds(answer),
            _ => Ok(()),
        }
    }

    fn follow(&mut self, action: &Action) -> Result<(), String> {
        if self.has_ended {
            return Err(format!("R11: an action follows the end: {action:?}"));
        }
        match action {
            Action::Event(event) => self.heard(event),
            Action::Start { id, .. } => self.started(*id),
            Action::Ask(id) => self.asked(*id),
            Action::Abort(id) => self.aborted(*id),
            Action::Forget { last, .. } => self.forgotten(last.id),
            Action::End(result) => self.ended(result),
            // Events say so too.
            Action::Open(_) | Action::Free { .. } => Ok(()),
            other => Err(format!("nobody asked for this: {other:?}")),
        }
    }

    /// What is known, before what happens is followed.
    fn note_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Exit { by, left, .. } => self.returned(*by, *left),
            Fact::Ended { by } => self.all_ended(*by),
            Fact::Stop { within } => self.told_to_stop(*within),
            Fact::Declared { group, members, .. } => {
                for spot in members {
                    self.nodes[*spot] = Node {
                        group: *group,
                        ..Node::nothing()
                    };
                }
                if let Some(group) = group {
                    self.groups[*group].clone_from(members);
                    self.meters.begin_group(*group);
                }
            }
            Fact::Ordered { to, order } => self.ordered(*to, *order),
            Fact::Reconfigured { to } => self.nodes[*to].will_be_later = true,
            Fact::Pass | Fact::Signal { .. } | Fact::OwnedPanic { .. } => {}
        }
    }

    fn heard(&mut self, event: &Event) -> Result<(), String> {
        match &event.what {
            What::Declared => return self.declared(event),
            What::RestartScheduled { due, .. } => return self.scheduled(event, *due),
            // It may be of an incarnation that is gone.
            What::SignalIgnored { .. } => return Ok(()),
            What::LeakEnded if self.abandoned.remove(&event.incarnation).is_some() => {
                return Ok(());
            }
            _ => {}
        }
        let spot = self.present(event)?;
        match &event.what {
            What::Starting { .. } => self.starting(event, spot)?,
            What::Exited { .. } => self.exited(event, spot),
            What::BudgetSpent { .. } => self.budget_spent(spot),
            What::StartedAgain | What::Absorbed { .. } | What::CutShort => {
                self.answered(event, spot)?;
            }
            What::Down { .. } => {
                self.close(spot);
                self.has_lain_down(spot);
                self.is_stopping |= spot == ROOT;
            }
            What::Escalated { to } => self.escalated(event, spot, to.as_ref())?,
            What::Fell { members, .. } => self.fell(event, spot, *members)?,
            What::Stopping { told, .. } => self.told(event, spot, *told)?,
            What::Leaked => self.has_leaked(event, spot)?,
            What::LeakEnded => self.leak_has_ended(spot),
            _ => {}
        }
        self.nodes[spot].state = event.state;
        // What follows for its state is no other event.
        match event.what {
            What::Ordered { .. } if self.nodes[spot].starts_alone => {
                self.nodes[spot].state = State::Waiting;
            }
            What::LeakEnded if self.rises_after_leak(spot) => {
                self.nodes[spot].state = State::Canceled;
            }
            _ => {}
        }
        self.meter(spot);
        Ok(())
    }

    /// The place of the event, whose present incarnation it is about.
    fn present(&self, event: &Event) -> Result<Spot, String> {
        let spot = self.spot_of(event.incarnation);
        let spot = spot.filter(|spot| {
            let node = &self.nodes[*spot];
            node.is_there && node.incarnation == event.incarnation
        });
        let spot = spot.filter(|spot| self.world.places[*spot].path == event.path);
        spot.ok_or_else(|| format!("L10: something happens to what is gone: {event}"))
    }

    fn here(&self, id: Id) -> Result<Spot, String> {
        let spot = self.spot_of(id.incarnation());
        let is_here = |spot: &Spot| self.nodes[*spot].incarnation == id.incarnation();
        spot.filter(is_here)
            .ok_or_else(|| format!("L10: {id:?} is gone"))
    }

    /// Gives a place its next incarnation.
    fn renew(&mut self, event: &Event) -> Result<Spot, String> {
        let spot = self.spots.get(&event.path).copied();
        let spot = spot.ok_or_else(|| format!("nobody declared {}", event.path))?;
        let index = usize::try_from(event.incarnation).map_err(|error| error.to_string())?;
        if self.spot_of(event.incarnation).is_some_and(|it| it != spot) {
            return Err(format!("L1: an incarnation is used again: {event}"));
        }
        self.incarnations
            .resize(self.incarnations.len().max(index + 1), Spot::MAX);
        self.incarnations[index] = spot;
        self.nodes[spot].incarnation = event.incarnation;
        self.nodes[spot].state = event.state;
        Ok(spot)
    }

    fn place(&self, spot: Spot) -> &Path {
        &self.world.places[spot].path
    }

    /// The place and those above it.
    fn ancestors(&self, spot: Spot) -> impl Iterator<Item = Spot> {
        std::iter::successors(Some(spot), |spot| self.world.places[*spot].parent)
    }
}

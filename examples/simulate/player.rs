//! Plays to the core, as the runtime would: facts in batches, the pass after each batch, the
//! actions after the pass. After every call the core is checked, and what it did is judged.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use perennial::Name;
use perennial::tree::{Action, Core, Declaration, Health, Id, Intent, Kind, Options, Place};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus as Rng;

use crate::call::{Call, Reply};
use crate::monitor::{Answer, Fact, Monitor};
use crate::planted::Planted;
use crate::twin::Twin;
use crate::world::{ROOT, Spot, World};

/// An incarnation as its own code knows it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: Id,
    pub(crate) spot: Spot,
    pub(crate) said: Intent,
    /// Its ledger takes no declaration: it was healthy, was asked to stop, or returned.
    pub(crate) is_closed: bool,
    pub(crate) has_returned: bool,
    pub(crate) has_ended: bool,
    pub(crate) was_asked: bool,
    pub(crate) was_aborted: bool,
}

/// What is known of a place, beside the blueprint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seat {
    pub(crate) place: Option<Place>,
    /// The incarnation of the parent that declared it last.
    pub(crate) declared_by: Option<u64>,
    /// The last incarnation that started here, and the one before it, among all.
    pub(crate) run: Option<usize>,
    pub(crate) before: Option<usize>,
    /// The incarnation of a pool that was there when it was declared, and the last to be closed.
    pub(crate) born: u64,
    pub(crate) closed: u64,
}

/// What an incarnation learns, by its number among all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    Started(usize),
    Asked(usize),
    Aborted(usize),
}

pub(crate) struct Player<'a> {
    pub(crate) world: &'a World,
    pub(crate) now: Duration,
    pub(crate) core: Core,
    pub(crate) seats: Vec<Seat>,
    pub(crate) runs: Vec<Run>,
    /// The runs that have not ended.
    pub(crate) living: Vec<usize>,
    pub(crate) news: Vec<News>,
    pub(crate) monitor: Monitor<'a>,
    pub(crate) has_ended: bool,
    /// How long it took from the last fault until the tree was settled.
    pub(crate) settled_after: Option<Duration>,
    /// Everything that the core was told, to be told again.
    pub(crate) tape: Vec<(Duration, Call)>,
    /// The history as it came to be, if somebody wants to read it.
    pub(crate) log: Option<String>,
    options: Vec<Arc<Options>>,
    twin: Option<Twin>,
    pub(crate) planted: Option<Planted>,
    rng: Rng,
    fresh: Vec<Action>,
    /// What the core wants done and nobody has done yet.
    wanted: Vec<Action>,
}

impl<'a> Player<'a> {
    pub(crate) fn new(world: &'a World, is_compared: bool, planted: Option<Planted>) -> Self {
        let options = world
            .places
            .iter()
            .map(|place| Arc::new(place.choices.options()));
        let options: Vec<_> = options.collect();
        let core = Core::new(world.settings.clone(), options[ROOT].clone());
        let mut seats = vec![Seat::default(); world.places.len()];
        seats[ROOT].place = Some(core.root());
        let flaw = planted.and_then(Planted::flaw);
        Self {
            world,
            now: Duration::ZERO,
            core,
            seats,
            runs: Vec::new(),
            living: Vec::new(),
            news: Vec::new(),
            monitor: Monitor::new(world),
            has_ended: false,
            settled_after: None,
            tape: Vec::new(),
            log: None,
            options,
            twin: is_compared.then(|| Twin::new(world, flaw)),
            planted,
            rng: Rng::seed_from_u64(world.jitter_seed),
            fresh: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Writes what happens to the end of this log.
    pub(crate) fn logging(mut self, log: Option<String>) -> Self {
        self.log = log;
        let World {
            settings, places, ..
        } = self.world;
        self.note(format_args!("{settings:?}, root: {}", places[ROOT]));
        self
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        let now = self.now.as_secs_f64();
        if let Some(log) = &mut self.log {
            // Writing to a text cannot fail.
            let _ = writeln!(log, "{now:>11.6} {what}");
        }
    }

    /// Tells the core, and judges what it does.
    pub(crate) fn tell(&mut self, fact: Fact, call: Call) -> Result<Reply, String> {
        self.tape.push((self.now, call.clone()));
        let stale = self.core.stale();
        let reply = call.tell(&mut self.core, self.now, &mut self.rng);
        self.fresh
            .extend(std::iter::from_fn(|| self.core.next_action()));
        self.note_actions();
        let answer = Answer {
            now: self.now,
            stale: self.core.stale() - stale,
            next_deadline: self.core.next_deadline(),
            is_settled: self.core.is_settled(),
            is_refused: reply.refusal.is_some(),
        };
        match self.planted.and_then(Planted::lie) {
            None => self.monitor.check(&fact, answer, &self.fresh)?,
            Some(lie) => lie.check(&mut self.monitor, fact.clone(), answer, &self.fresh)?,
        }
        self.core.assert_invariants();
        if let Some(twin) = &mut self.twin {
            let told = (&self.core, self.now);
            twin.follow(self.world, told, (&fact, &reply), &self.fresh)?;
        }
        self.wanted.append(&mut self.fresh);
        Ok(reply)
    }

    fn note_actions(&mut self) {
        let Some(log) = &mut self.log else { return };
        for action in &self.fresh {
            let _ = match action {
                Action::Event(event) => writeln!(log, "    {event}"),
                Action::End(Ok(report)) => writeln!(log, "    ended: {report}"),
                Action::End(Err(failure)) => writeln!(log, "    ended: {failure:?}"),
                Action::Ask(id) => writeln!(log, "    #{} is asked to stop", id.incarnation()),
                // An event says so too.
                _ => Ok(()),
            };
        }
    }

    /// The mailbox is empty: runs the pass and does the actions.
    pub(crate) fn pass(&mut self) -> Result<(), String> {
        if self.has_ended {
            return Ok(());
        }
        self.tell(Fact::Pass, Call::Advance)?;
        for action in std::mem::take(&mut self.wanted) {
            self.carry_out(&action);
        }
        let is_settled = self.core.is_settled();
        match &self.twin {
            Some(twin) if twin.is_settled() != is_settled => Err(format!(
                "settled\n  core:  {is_settled:?}\n  naive: {:?}",
                !is_settled
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Start { id, .. } => self.start(*id),
            Action::Ask(id) => match self.run_of(*id) {
                Some(run) => {
                    self.runs[run].was_asked = true;
                    self.runs[run].is_closed = true;
                    self.news.push(News::Asked(run));
                }
                None => self.close_pool(*id),
            },
            Action::Abort(id) => {
                if let Some(run) = self.run_of(*id) {
                    self.runs[run].was_aborted = true;
                    self.news.push(News::Aborted(run));
                }
            }
            Action::Free { parent, name } => self.free(*parent, name),
            Action::End(_) => self.has_ended = true,
            _ => {}
        }
    }

    fn start(&mut self, id: Id) {
        let Some(spot) = self.monitor.spot_of(id.incarnation()) else {
            return;
        };
        let run = self.runs.len();
        self.runs.push(Run {
            id,
            spot,
            said: Intent::Nothing,
            is_closed: self.world.places[spot].choices.health == Health::AtStart,
            has_returned: false,
            has_ended: false,
            was_asked: false,
            was_aborted: false,
        });
        let seat = &mut self.seats[spot];
        seat.before = seat.run.replace(run);
        // What this one runs beside is late, whatever it does.
        let before = seat.before;
        self.living.retain(|living| Some(*living) != before);
        self.living.push(run);
        self.news.push(News::Started(run));
    }

    /// The name of a child that was removed can be used again.
    fn free(&mut self, parent: Id, name: &Name) {
        let Some(parent) = self.monitor.spot_of(parent.incarnation()) else {
            return;
        };
        let path = self.world.places[parent].path.child(name.clone());
        if let Some(spot) = self.monitor.spot_at(&path) {
            self.seats[spot].declared_by = None;
        }
    }

    fn run_of(&self, id: Id) -> Option<usize> {
        let spot = self.monitor.spot_of(id.incarnation())?;
        self.seats[spot].run.filter(|run| self.runs[*run].id == id)
    }

    fn close_pool(&mut self, id: Id) {
        if let Some(spot) = self.monitor.spot_of(id.incarnation()) {
            self.seats[spot].closed = id.incarnation();
        }
    }

    pub(crate) fn is_pool(&self, spot: Spot) -> bool {
        self.world.places[spot].choices.kind == Kind::Pool
    }

    pub(crate) fn declaration(&self, spot: Spot) -> Declaration {
        Declaration {
            path: self.world.places[spot].path.clone(),
            options: self.options[spot].clone(),
        }
    }
}

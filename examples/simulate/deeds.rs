//! How each act is carried out, if it makes sense then.

use std::sync::Arc;
use std::time::Duration;

use perennial::tree::{Id, Intent, Kind, OrderKind, Signal, State};
use perennial::{Exit, Name, Panic};

use crate::act::{Act, Late};
use crate::call::Call;
use crate::choices::How;
use crate::monitor::Fact;
use crate::player::{Player, Run};
use crate::world::{Group, Place, Spot};

impl Player<'_> {
    /// Carries an act out. Says whether it made sense.
    pub(crate) fn play(&mut self, act: &Act) -> Result<bool, String> {
        match act {
            Act::Run { child } => self.declare(None, &[*child]),
            Act::Group { group, members } => self.declare(Some(*group), members),
            Act::Signal { by, signal } => match self.last(*by, |run| !run.has_ended) {
                Some(run) => self.signal(run, *signal),
                None => Ok(false),
            },
            Act::Exit { by, how, left } => match self.last(*by, |run| !run.has_returned) {
                Some(run) => self.exit(run, *how, *left),
                None => Ok(false),
            },
            Act::Ended { by } => match self.last(*by, |run| run.has_returned && !run.has_ended) {
                Some(run) => self.end(run),
                None => Ok(false),
            },
            Act::OwnedPanic { by } => match self.last(*by, |run| !run.has_ended) {
                Some(run) => self.owned_panic(run),
                None => Ok(false),
            },
            Act::Late { by, what } => self.late(*by, *what),
            Act::Order { to, order } => self.order(*to, *order),
            Act::Reconfigure { to } => self.reconfigure(*to),
            Act::Stop { within } => self.stop(*within),
            Act::Pass => self.pass().map(|()| true),
            Act::Wait(time) => self.wait(*time),
            Act::Oversleep(time) => {
                self.now += *time;
                self.note(format_args!("the processor is late by {time:?}"));
                Ok(true)
            }
        }
    }

    /// The last incarnation that started at a place, if it can do it.
    fn last(&self, spot: Spot, can: impl Fn(&Run) -> bool) -> Option<usize> {
        self.seats[spot].run.filter(|run| can(&self.runs[*run]))
    }

    fn declare(&mut self, group: Option<usize>, members: &[Spot]) -> Result<bool, String> {
        let parent = members
            .first()
            .and_then(|member| self.world.places[*member].parent);
        let Some(id) = parent.and_then(|parent| self.open(parent)) else {
            return Ok(false);
        };
        let is_free = |member: &Spot| self.is_free(*member, id);
        if !members.iter().all(is_free) {
            return Ok(false);
        }
        for member in members {
            let place = &self.world.places[*member];
            self.note(format_args!("{} is declared: {place}", place.path));
        }
        let fact = Fact::Declared {
            by: id.incarnation(),
            group,
            members: members.to_vec(),
        };
        let call = self.declares(id, group, members);
        let places = self.tell(fact, call)?.places;
        for (member, place) in members.iter().zip(places) {
            let view = self.core.view(place);
            let seat = &mut self.seats[*member];
            seat.place = Some(place);
            seat.declared_by = Some(id.incarnation());
            seat.born = view.map_or(0, |view| view.id.incarnation());
        }
        Ok(true)
    }

    fn declares(&mut self, by: Id, group: Option<usize>, members: &[Spot]) -> Call {
        let Some(group) = group else {
            return Call::Run(by, self.declaration(members[0]));
        };
        let Group { label, options, .. } = &self.world.groups[group];
        self.note(format_args!("  as group {label}, {options:?}"));
        let members = members.iter().map(|member| self.declaration(*member));
        Call::Group(by, label.clone(), *options, members.collect())
    }

    /// The incarnation at a place, if its ledger takes declarations.
    fn open(&self, parent: Spot) -> Option<Id> {
        let seat = &self.seats[parent];
        if self.world.places[parent].choices.kind != Kind::Pool {
            return Some(self.runs[self.last(parent, |run| !run.is_closed)?].id);
        }
        let view = self.core.view(seat.place?)?;
        let incarnation = view.id.incarnation();
        let has_started = view.state != State::Waiting || incarnation == seat.born;
        (has_started && seat.closed != incarnation).then_some(view.id)
    }

    /// Whether nobody has the name.
    fn is_free(&self, child: Spot, parent: Id) -> bool {
        let seat = &self.seats[child];
        let is_pooled = self.world.places[child]
            .parent
            .is_some_and(|it| self.is_pool(it));
        if is_pooled {
            return seat
                .place
                .is_none_or(|place| self.core.view(place).is_none());
        }
        seat.declared_by != Some(parent.incarnation())
    }

    fn signal(&mut self, run: usize, signal: Signal) -> Result<bool, String> {
        let known = &mut self.runs[run];
        let (id, path) = (known.id, self.world.places[known.spot].path.clone());
        if !known.has_returned {
            known.said = known.said.max(Intent::from(signal));
            known.is_closed |= matches!(signal, Signal::Healthy | Signal::Done);
        }
        self.note(format_args!("{path} #{} says {signal}", id.incarnation()));
        let by = id.incarnation();
        self.tell(Fact::Signal { by, signal }, Call::Signal(id, path, signal))?;
        Ok(true)
    }

    fn exit(&mut self, run: usize, how: How, left: usize) -> Result<bool, String> {
        let known = &mut self.runs[run];
        let (id, said) = (known.id, known.said);
        let path = &self.world.places[known.spot].path;
        if !known.has_returned {
            known.has_returned = true;
            known.is_closed = true;
            known.has_ended = left == 0;
        }
        let by = id.incarnation();
        self.note(format_args!("{path} #{by} exits {how:?}, {left} left"));
        let fact = Fact::Exit {
            by,
            said,
            how,
            left,
        };
        self.forget_ended(run);
        self.tell(fact, Call::Exited(id, Exit::from(how), left))?;
        Ok(true)
    }

    fn end(&mut self, run: usize) -> Result<bool, String> {
        let known = &mut self.runs[run];
        known.has_ended = true;
        let (id, path) = (known.id, &self.world.places[known.spot].path);
        let by = id.incarnation();
        self.note(format_args!("all that {path} #{by} had left has ended"));
        self.forget_ended(run);
        self.tell(Fact::Ended { by }, Call::Ended(id))?;
        Ok(true)
    }

    fn forget_ended(&mut self, run: usize) {
        if self.runs[run].has_ended {
            self.living.retain(|living| *living != run);
        }
    }

    fn owned_panic(&mut self, run: usize) -> Result<bool, String> {
        let known = &self.runs[run];
        let (id, path) = (known.id, &self.world.places[known.spot].path);
        let by = id.incarnation();
        self.note(format_args!("a task that {path} #{by} owns panics"));
        let panic = Panic::new("boom", None);
        self.tell(Fact::OwnedPanic { by }, Call::OwnedPanicked(id, panic))?;
        Ok(true)
    }

    /// Of the incarnation before the last one, or of the last one, if it has ended.
    fn late(&mut self, by: Spot, what: Late) -> Result<bool, String> {
        let seat = &self.seats[by];
        let last = seat
            .run
            .filter(|run| self.runs[*run].has_ended && what != Late::Run);
        let Some(run) = last.or(seat.before) else {
            return Ok(false);
        };
        if what == Late::Ended && !self.runs[run].has_returned {
            return Ok(false);
        }
        self.note(format_args!("    late:"));
        match what {
            Late::Signal => self.signal(run, Signal::Healthy),
            Late::Exit => self.exit(run, How::Err, 0),
            Late::Ended => self.end(run),
            Late::OwnedPanic => self.owned_panic(run),
            Late::Run => self.late_run(run),
        }
    }

    fn late_run(&mut self, run: usize) -> Result<bool, String> {
        let Run { id, spot, .. } = self.runs[run];
        let mut declaration = self.declaration(spot);
        declaration.path = declaration.path.child(Name::sanitize("late"));
        self.note(format_args!("{} is declared", declaration.path));
        let fact = Fact::Declared {
            by: id.incarnation(),
            group: None,
            members: Vec::new(),
        };
        self.tell(fact, Call::Run(id, declaration))?;
        Ok(true)
    }

    fn order(&mut self, to: Spot, order: OrderKind) -> Result<bool, String> {
        let Some(place) = self.seats[to].place else {
            return Ok(false);
        };
        self.note(format_args!(
            "{} is ordered to {order}",
            self.world.places[to].path
        ));
        self.tell(Fact::Ordered { to, order }, Call::Order(place, order))?;
        Ok(true)
    }

    fn reconfigure(&mut self, to: Spot) -> Result<bool, String> {
        let Some(place) = self.seats[to].place else {
            return Ok(false);
        };
        let Place { path, later, .. } = &self.world.places[to];
        self.note(format_args!("{path} starts from now on as: {later}"));
        let options = Arc::new(later.options());
        self.tell(Fact::Reconfigured { to }, Call::Reconfigure(place, options))?;
        Ok(true)
    }

    pub(crate) fn stop(&mut self, within: Option<Duration>) -> Result<bool, String> {
        self.note(format_args!("the tree is told to stop, within {within:?}"));
        self.tell(Fact::Stop { within }, Call::Stop(within))?;
        Ok(true)
    }

    /// Time passes, and every deadline on the way is met.
    fn wait(&mut self, time: Duration) -> Result<bool, String> {
        let end = self.now + time;
        while let Some(due) = self.core.next_deadline().filter(|due| *due <= end) {
            if self.has_ended {
                break;
            }
            self.now = self.now.max(due);
            self.pass()?;
        }
        self.now = self.now.max(end);
        Ok(true)
    }
}

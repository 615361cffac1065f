//! How each act of a history is carried out.

use perennial::tree::{Intent, Kind, Signal, Strategy};
use perennial::{Exit, Name, Panic, Path};

use crate::choices::{Choices, How};
use crate::history::{Act, Late};
use crate::laws::Fact;
use crate::world::{Incarnation, World};

/// Enough for every shape, and few enough to read.
const NODES_MAX: usize = 24;
const DEPTH_MAX: usize = 4;

impl World {
    pub(crate) fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Run { by, name, child } => self.run(*by, *name, *child),
            Act::Group { by, falls, members } => self.run_group(*by, *falls, members),
            Act::StartInPool { pool, child } => self.start_in_pool(*pool, *child),
            Act::Signal { by, signal } => self.pick_signal(*by, *signal),
            Act::Exit { by, how, left } => self.pick_exit(*by, *how, *left),
            Act::Obey { by, how, left } => self.pick_obedient(*by, *how, *left),
            Act::EndOwned { by } => {
                let by = self.pick(*by, |known| known.has_returned && !known.has_ended);
                by.map_or(Ok(()), |by| self.end(by))
            }
            Act::OwnedPanic { by } => {
                let by = self.pick(*by, |known| may_fail(known, *by) && !known.has_ended);
                by.map_or(Ok(()), |by| self.owned_panic(by))
            }
            Act::Late { by, what } => self.pick_late(*by, *what),
            Act::Stop { within } => self.stop(*within),
            Act::Next => self.sleep_until(self.core.next_deadline().unwrap_or(self.now)),
            Act::Sleep(time) => self.sleep_until(self.now + *time),
            Act::Oversleep(time) => {
                self.now += *time;
                self.note(format_args!("the processor is late"));
                Ok(())
            }
        }
    }

    /// Counts around those that can do it.
    fn pick(&self, by: usize, can: impl Fn(&Incarnation) -> bool) -> Option<usize> {
        let able = self
            .incarnations
            .iter()
            .enumerate()
            .filter(|(_, known)| can(known));
        let able: Vec<_> = able.map(|(at, _)| at).collect();
        Some(able[by.checked_rem(able.len())?])
    }

    fn pick_parent(&self, by: usize) -> Option<usize> {
        self.pick(by, |known| {
            let is_open = !known.is_closed && known.choices.kind == Kind::Runnable;
            is_open && known.path.depth() < DEPTH_MAX && self.naive.nodes.len() < NODES_MAX
        })
    }

    /// A name that the incarnation has not used.
    fn free_name(&mut self, by: usize, wanted: usize) -> Path {
        let known = &mut self.incarnations[by];
        let mut names = "abcdefghijklmnopqrstuvwxyz".chars().cycle().skip(wanted);
        let name = names.find(|name| !known.names.contains(&name.to_string()));
        let name = name.expect("there are more names than nodes").to_string();
        known.names.push(name.clone());
        known.path.child(Name::sanitize(&name))
    }

    fn run(&mut self, by: usize, name: usize, child: Choices) -> Result<(), String> {
        let Some(by) = self.pick_parent(by) else {
            return Ok(());
        };
        let path = self.free_name(by, name);
        self.note(format_args!("{path} is declared: {}", child));
        self.declare(by, path, child)
    }

    fn start_in_pool(&mut self, pool: usize, child: Choices) -> Result<(), String> {
        let has_room = self.naive.nodes.len() < NODES_MAX;
        let is_pool = |known: &Incarnation| known.choices.kind == Kind::Pool && !known.is_closed;
        let pool = self.pick(pool, |known| is_pool(known) && has_room);
        let Some(pool) = pool else { return Ok(()) };
        self.numbers += 1;
        let name = Name::sanitize(&self.numbers.to_string());
        let path = self.incarnations[pool].path.child(name);
        self.note(format_args!("{path} is started: {}", child));
        self.declare(pool, path, child)
    }

    fn declare(&mut self, by: usize, path: Path, child: Choices) -> Result<(), String> {
        let Incarnation {
            id, naive: parent, ..
        } = self.incarnations[by];
        let declaration = Self::declaration(&path, child);
        let place = self.state(
            &self.fact_of(by),
            |core, now| core.run(now, id, declaration),
            |naive, now, place| {
                let slot = place.map_or(0, |place| place.slot());
                naive.declare(now, parent, &[(path.clone(), child, slot)], false);
            },
        )?;
        place.map_or(Ok(()), |place| self.note_place(path, place, child))
    }

    fn run_group(&mut self, by: usize, falls: Strategy, members: &[Choices]) -> Result<(), String> {
        let Some(by) = self.pick_parent(by) else {
            return Ok(());
        };
        let Incarnation {
            id, naive: parent, ..
        } = self.incarnations[by];
        let together = falls == Strategy::OneForAll;
        self.numbers += 1;
        let label = format!("{}{}", if together { "all" } else { "one" }, self.numbers);
        self.note(format_args!("group {label} is declared, {falls:?}:"));
        let members = members
            .iter()
            .map(|member| (self.free_name(by, 0), *member));
        let members: Vec<_> = members.collect();
        for (path, member) in &members {
            self.note(format_args!("  {path}: {}", member));
        }
        let declared = members
            .iter()
            .map(|(path, child)| Self::declaration(path, *child));
        let declared = declared.collect();
        let label = Name::sanitize(&label);
        let places = self.state(
            &self.fact_of(by),
            |core, now| core.run_group(now, id, label, falls, declared),
            |naive, now, places| {
                let places = places.iter().flatten();
                let members = members.iter().zip(places);
                let members = members.map(|((path, child), it)| (path.clone(), *child, it.slot()));
                naive.declare(now, parent, &members.collect::<Vec<_>>(), together);
            },
        )?;
        for (place, (path, child)) in places.into_iter().flatten().zip(members) {
            self.note_place(path, place, child)?;
        }
        Ok(())
    }

    /// Whether a message of this incarnation is stale.
    fn fact_of(&self, by: usize) -> Fact {
        let naive = self.incarnations[by].naive;
        let is_there = self
            .naive
            .nodes
            .values()
            .any(|node| node.incarnation == naive);
        if is_there { Fact::Other } else { Fact::Stale }
    }

    fn is_late(&self, known: &Incarnation) -> bool {
        let mut nodes = self.naive.nodes.values();
        known.choices.kind == Kind::Runnable && !nodes.any(|node| node.incarnation == known.naive)
    }

    fn pick_signal(&mut self, by: usize, signal: Signal) -> Result<(), String> {
        let is_here = |known: &Incarnation| known.choices.kind == Kind::Runnable;
        let by = self.pick(by, |known| is_here(known) && !self.is_late(known));
        by.map_or(Ok(()), |by| self.signal(by, signal))
    }

    fn signal(&mut self, by: usize, signal: Signal) -> Result<(), String> {
        let fact = self.fact_of(by);
        let known = &mut self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        known.said = known.said.max(Intent::from(signal));
        known.is_closed |= matches!(signal, Signal::Healthy | Signal::Done);
        self.note(format_args!("{path} #{} says {signal}", id.incarnation()));
        self.state(
            &fact,
            |core, now| core.signal(now, id, &path, signal),
            |naive, now, ()| naive.signal(now, incarnation, signal),
        )
    }

    /// Every other time it is one that spoke before, and mostly does as it said.
    fn pick_exit(&mut self, by: usize, how: How, left: usize) -> Result<(), String> {
        let can = |known: &Incarnation| may_fail(known, by) && !known.has_returned;
        let spoke = |known: &Incarnation| can(known) && known.said != Intent::Nothing;
        let speaker = self.pick(by, spoke).filter(|_| by.is_multiple_of(2));
        let Some(by) = speaker.or_else(|| self.pick(by, can)) else {
            return Ok(());
        };
        let is_done = self.incarnations[by].said == Intent::Done;
        let how = if is_done && how == How::Err {
            How::Ok
        } else {
            how
        };
        self.exit(by, how, left)
    }

    fn pick_obedient(&mut self, by: usize, how: How, left: usize) -> Result<(), String> {
        let by = self.pick(by, |known| {
            known.choices.kind == Kind::Runnable && known.was_asked && !known.has_returned
        });
        by.map_or(Ok(()), |by| self.exit(by, how, left))
    }

    fn exit(&mut self, by: usize, how: How, left: usize) -> Result<(), String> {
        let known = &mut self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        let mut fact = Fact::Stale;
        if !known.has_returned {
            fact = Fact::Exit {
                path: path.clone(),
                incarnation: id.incarnation(),
                said: known.said,
                restart: known.choices.restart,
                how,
            };
            known.has_returned = true;
            known.is_closed = true;
            known.has_ended = left == 0;
            if left == 0 {
                self.laws.living.remove(&id.incarnation());
            }
        }
        self.note(format_args!(
            "{path} #{} exits {how:?}, {left} left",
            id.incarnation()
        ));
        self.state(
            &fact,
            |core, now| core.exited(now, id, Exit::from(how), left),
            |naive, now, ()| naive.exited(now, incarnation, how, left),
        )
    }

    fn end(&mut self, by: usize) -> Result<(), String> {
        let known = &mut self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        let fact = if known.has_ended {
            Fact::Stale
        } else {
            Fact::Other
        };
        known.has_ended = true;
        self.laws.living.remove(&id.incarnation());
        self.note(format_args!(
            "all that {path} #{} owned has ended",
            id.incarnation()
        ));
        self.state(
            &fact,
            |core, now| core.ended(now, id),
            |naive, _, ()| naive.all_ended(incarnation),
        )
    }

    fn owned_panic(&mut self, by: usize) -> Result<(), String> {
        let fact = self.fact_of(by);
        let known = &self.incarnations[by];
        let (id, path, incarnation) = (known.id, known.path.clone(), known.naive);
        self.note(format_args!(
            "a task that {path} #{} owns panics",
            id.incarnation()
        ));
        self.state(
            &fact,
            |core, now| core.owned_panicked(now, id, Panic::new("boom", None)),
            |naive, now, ()| naive.owned_panicked(now, incarnation),
        )
    }

    /// Of those whose node has moved on; an exit or an end may be of any that has ended.
    fn pick_late(&mut self, by: usize, what: Late) -> Result<(), String> {
        let may_be_here = matches!(what, Late::Exit | Late::Ended);
        let by = self.pick(by, |known| {
            self.is_late(known) || may_be_here && known.has_ended && known.has_returned
        });
        let Some(by) = by else { return Ok(()) };
        self.note(format_args!("    late:"));
        match what {
            Late::Signal => self.signal(by, Signal::Healthy),
            Late::Exit => self.exit(by, How::Err, 0),
            Late::Ended => self.end(by),
            Late::OwnedPanic => self.owned_panic(by),
            Late::Run => {
                let path = self.incarnations[by].path.child(Name::sanitize("late"));
                self.declare(by, path, self.incarnations[by].choices)
            }
        }
    }
}

/// Pools have no code, and the root fails seldom, for that is the end of all below it.
fn may_fail(known: &Incarnation, by: usize) -> bool {
    known.choices.kind == Kind::Runnable && (known.path.depth() > 0 || by.is_multiple_of(5))
}

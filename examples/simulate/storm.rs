//! The storm: each incarnation has plans of its own, drawn as it starts, and faults strike until
//! there were enough of them. What happens is kept as acts, so that it can be played again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use perennial::tree::{Health, Restart, Signal};
use rand::rngs::Xoshiro256PlusPlus as Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::act::Act;
use crate::choices::How;
use crate::faults::Faults;
use crate::player::{News, Player};
use crate::world::{Brood, Career, Spot};

/// What is to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Strike,
    Traffic,
    Declare(usize, usize),
    SetUp(usize),
    Return(usize, u8),
    End(usize),
}

/// What is wrong with an incarnation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mood {
    /// It does nothing more, and hears nothing.
    pub(crate) hangs: bool,
    /// Not even an abort ends it.
    pub(crate) leaks: bool,
}

pub(crate) struct Storm<'a> {
    pub(crate) player: Player<'a>,
    pub(crate) rng: Rng,
    pub(crate) acts: Vec<Act>,
    pub(crate) moods: Vec<Mood>,
    /// What struck so far.
    pub(crate) faults: Faults,
    plans: BinaryHeap<Reverse<(Duration, u64, Plan)>>,
    numbers: u64,
    /// The mean time from strike to strike.
    gap: Duration,
    pools: Vec<Spot>,
    /// Something was told, and no pass ran since.
    is_dirty: bool,
}

impl<'a> Storm<'a> {
    pub(crate) fn new(player: Player<'a>, seed: u64) -> Self {
        let mut rng = Rng::seed_from_u64(seed);
        let gaps = [10, 100, 500, 500, 2000, 10_000].map(Duration::from_millis);
        let places = 0..player.world.places.len();
        Self {
            gap: *gaps.choose(&mut rng).expect("there is a gap"),
            pools: places.filter(|spot| player.is_pool(*spot)).collect(),
            player,
            rng,
            acts: Vec::new(),
            moods: Vec::new(),
            faults: Faults::default(),
            plans: BinaryHeap::new(),
            numbers: 0,
            is_dirty: true,
        }
    }

    /// Rages until this many faults have struck, or the tree has ended.
    pub(crate) fn rage(&mut self, faults: u64) -> Result<(), String> {
        self.plan(Duration::ZERO, Plan::Strike);
        if !self.pools.is_empty() {
            self.plan(Duration::ZERO, Plan::Traffic);
        }
        self.act(Act::Pass)?;
        while self.faults.total() < faults && !self.player.has_ended {
            let Some(Reverse((at, ..))) = self.plans.peek() else {
                break;
            };
            if *at > self.player.now {
                self.pass_time(*at)?;
            } else if let Some(Reverse((.., plan))) = self.plans.pop() {
                self.carry_out(&plan)?;
                if self.rng.random_ratio(3, 4) {
                    self.act(Act::Pass)?;
                }
            }
        }
        Ok(())
    }

    /// Empties the mailbox before time passes, and then lets it pass up to the next deadline.
    fn pass_time(&mut self, until: Duration) -> Result<(), String> {
        let due = self.player.core.next_deadline();
        let until = due.map_or(until, |due| due.min(until));
        let time = until.saturating_sub(self.player.now);
        let act = if self.is_dirty || time.is_zero() {
            Act::Pass
        } else {
            Act::Wait(time)
        };
        self.act(act).map(|_| ())
    }

    /// Plays an act and keeps it. Says whether it made sense.
    pub(crate) fn act(&mut self, act: Act) -> Result<bool, String> {
        self.is_dirty = !matches!(act, Act::Pass | Act::Wait(_));
        // One that does not make sense is kept too if it breaks a law.
        self.acts.push(act);
        let act = self.acts.last().expect("it was just put in");
        let made_sense = self.player.play(act)?;
        if !made_sense {
            self.acts.pop();
        }
        self.learn();
        Ok(made_sense)
    }

    fn plan(&mut self, after: Duration, plan: Plan) {
        self.numbers += 1;
        let at = self.player.now + after;
        self.plans.push(Reverse((at, self.numbers, plan)));
    }

    pub(crate) fn millis(&mut self, choices: &[u64]) -> Duration {
        let millis = choices.choose(&mut self.rng).copied();
        // A little more or less, so that not all falls on the same moment.
        Duration::from_millis(millis.unwrap_or_default()) + self.micros(500)
    }

    fn micros(&mut self, max: u64) -> Duration {
        Duration::from_micros(self.rng.random_range(0..=max))
    }

    /// What the incarnations learned makes them plan.
    fn learn(&mut self) {
        for news in std::mem::take(&mut self.player.news) {
            match news {
                News::Started(run) => self.begin(run),
                News::Asked(run) => self.hear(run),
                News::Aborted(run) => {
                    let after = if self.moods[run].leaks {
                        self.millis(&[6000, 20_000, 60_000])
                    } else {
                        self.millis(&[0, 0, 0, 0, 0, 80])
                    };
                    self.plan(after, Plan::End(run));
                }
            }
        }
    }

    fn begin(&mut self, run: usize) {
        self.moods.push(Mood::default());
        let place = &self.player.world.places[self.player.runs[run].spot];
        let setup = self.millis(&[0, 0, 1, 50, 700]);
        if place.choices.health == Health::Signalled {
            for brood in 0..place.broods.len() {
                let after = self.micros(500).min(setup);
                self.plan(after, Plan::Declare(run, brood));
            }
            self.plan(setup, Plan::SetUp(run));
        }
        if place.choices.restart == Restart::Temporary {
            let life = self.millis(&[1, 100, 1000, 30_000]);
            self.plan(setup + life, Plan::Return(run, 0));
        }
    }

    /// Most return when they are asked, some late, and some leave things behind.
    fn hear(&mut self, run: usize) {
        let Mood { hangs, leaks } = self.moods[run];
        let after = self.millis(&[0, 0, 0, 0, 1, 1, 20, 200, 2500]);
        let left = u8::from(self.rng.random_ratio(1, 12));
        if self.player.runs[run].has_returned {
            self.plan(after, Plan::End(run));
        } else if !hangs && !leaks {
            self.plan(after, Plan::Return(run, left));
        }
    }

    fn carry_out(&mut self, plan: &Plan) -> Result<(), String> {
        match plan {
            Plan::Strike => {
                self.strike()?;
                let mean = u64::try_from(self.gap.as_micros()).unwrap_or(u64::MAX);
                let after = self.micros(2 * mean);
                self.plan(after, Plan::Strike);
                Ok(())
            }
            Plan::Traffic => self.traffic(),
            Plan::Declare(run, brood) if self.is_up(*run) => {
                let spot = self.player.runs[*run].spot;
                let world = self.player.world;
                let act = Act::declare(world, world.places[spot].broods[*brood]);
                self.act(act).map(|_| ())
            }
            Plan::SetUp(run) if self.is_up(*run) => self.set_up(*run),
            Plan::Return(run, left) if !self.moods[*run].hangs => {
                self.returns(*run, How::Ok, usize::from(*left)).map(|_| ())
            }
            Plan::End(run) => self.end(*run),
            Plan::Declare(..) | Plan::SetUp(_) | Plan::Return(..) => Ok(()),
        }
    }

    /// Whether no other has started at its place since.
    fn is_last(&self, run: usize) -> bool {
        let spot = self.player.runs[run].spot;
        self.player.seats[spot].run == Some(run)
    }

    fn is_up(&self, run: usize) -> bool {
        let known = &self.player.runs[run];
        self.is_last(run) && !known.has_returned && !known.was_asked && !self.moods[run].hangs
    }

    fn set_up(&mut self, run: usize) -> Result<(), String> {
        let by = self.player.runs[run].spot;
        let is_done = self.player.world.places[by].career == Career::Done;
        if !is_done {
            let signal = Signal::Healthy;
            return self.act(Act::Signal { by, signal }).map(|_| ());
        }
        let signal = Signal::Done;
        self.act(Act::Signal { by, signal })?;
        let after = self.micros(2000);
        self.plan(after, Plan::Return(run, 0));
        Ok(())
    }

    /// Returns, if that run has not; what it leaves ends some time later.
    pub(crate) fn returns(&mut self, run: usize, how: How, left: usize) -> Result<bool, String> {
        let known = &self.player.runs[run];
        if known.has_returned || !self.is_last(run) {
            return Ok(false);
        }
        let by = known.spot;
        if left > 0 {
            let after = self.millis(&[0, 100, 1000, 4000]);
            self.plan(after, Plan::End(run));
        }
        self.act(Act::Exit { by, how, left })
    }

    /// Ends what is left of a run, if it has returned or was aborted.
    fn end(&mut self, run: usize) -> Result<(), String> {
        let known = &self.player.runs[run];
        let by = known.spot;
        if known.has_ended || !self.is_last(run) {
            return Ok(());
        }
        if known.has_returned {
            return self.act(Act::Ended { by }).map(|_| ());
        }
        if known.was_aborted {
            return self.returns(run, How::Abort, 0).map(|_| ());
        }
        Ok(())
    }

    /// Somebody starts a child in a pool.
    fn traffic(&mut self) -> Result<(), String> {
        let pool = *self.pools.choose(&mut self.rng).expect("there are pools");
        let broods = &self.player.world.places[pool].broods;
        if let Some(Brood::Alone(child)) = broods.choose(&mut self.rng).copied() {
            self.act(Act::Run { child })?;
        }
        let after = self.millis(&[1, 100, 1000]);
        self.plan(after, Plan::Traffic);
        Ok(())
    }
}

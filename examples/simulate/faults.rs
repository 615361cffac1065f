//! The faults that strike in a storm, and how often each did.

use std::fmt;

use perennial::tree::{OrderKind, Signal};
use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::act::{Act, Late};
use crate::choices::How;
use crate::storm::Storm;
use crate::world::ROOT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Error,
    Panic,
    Abort,
    Hang,
    OwnedPanic,
    LeftBehind,
    GiveUp,
    PlannedRestart,
    Leak,
    LateMessage,
    LateProcessor,
    Order,
    Reconfigure,
    Stop,
}

const FAULTS: [Fault; 14] = [
    Fault::Error,
    Fault::Panic,
    Fault::Abort,
    Fault::Hang,
    Fault::OwnedPanic,
    Fault::LeftBehind,
    Fault::GiveUp,
    Fault::PlannedRestart,
    Fault::Leak,
    Fault::LateMessage,
    Fault::LateProcessor,
    Fault::Order,
    Fault::Reconfigure,
    Fault::Stop,
];

/// How often each fault struck.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults([u64; FAULTS.len()]);

impl Faults {
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (fault, times)) in FAULTS.iter().zip(self.0).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{fault} {times}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "errors",
            Self::Panic => "panics",
            Self::Abort => "aborts",
            Self::Hang => "hangs",
            Self::OwnedPanic => "owned panics",
            Self::LeftBehind => "things left",
            Self::GiveUp => "give ups",
            Self::PlannedRestart => "planned restarts",
            Self::Leak => "leaks",
            Self::LateMessage => "late messages",
            Self::LateProcessor => "late processor",
            Self::Order => "orders",
            Self::Reconfigure => "other options",
            Self::Stop => "stops",
        })
    }
}

impl Storm<'_> {
    /// Mostly one fault strikes, sometimes a few at the same moment.
    pub(crate) fn strike(&mut self) -> Result<(), String> {
        let times = if self.rng.random_ratio(1, 8) { 4 } else { 1 };
        for _ in 0..times {
            let fault = self.draw_fault();
            if self.strike_with(fault)? {
                self.faults.add(fault);
            }
        }
        Ok(())
    }

    /// What ends a tree soon is seldom: the stop, the leak and the give up.
    fn draw_fault(&mut self) -> Fault {
        match self.rng.random_range(0..1000) {
            0..250 => Fault::Error,
            250..350 => Fault::Panic,
            350..430 => Fault::Abort,
            430..510 => Fault::Hang,
            510..580 => Fault::OwnedPanic,
            580..650 => Fault::LeftBehind,
            650..670 => Fault::GiveUp,
            670..800 => Fault::PlannedRestart,
            800..820 => Fault::Leak,
            820..860 => Fault::LateMessage,
            860..870 => Fault::Reconfigure,
            870..970 => Fault::Order,
            970..998 => Fault::LateProcessor,
            _ => Fault::Stop,
        }
    }

    /// Says whether there was somebody to strike.
    fn strike_with(&mut self, fault: Fault) -> Result<bool, String> {
        match fault {
            Fault::Stop => {
                let within = self.millis(&[0, 500, 10_000]);
                let within = self.rng.random_ratio(2, 3).then_some(within);
                return self.act(Act::Stop { within });
            }
            Fault::LateProcessor => {
                let time = self.millis(&[1, 30, 700, 6000]);
                return self.act(Act::Oversleep(time));
            }
            Fault::LateMessage => return self.strike_late(),
            Fault::Order => return self.strike_with_order(),
            Fault::Reconfigure => {
                let to = self.rng.random_range(0..self.player.world.places.len());
                return self.act(Act::Reconfigure { to });
            }
            _ => {}
        }
        match self.draw_victim() {
            Some(run) => self.strike_one(fault, run),
            None => Ok(false),
        }
    }

    fn strike_late(&mut self) -> Result<bool, String> {
        let all = [
            Late::Signal,
            Late::Exit,
            Late::Ended,
            Late::OwnedPanic,
            Late::Run,
        ];
        let what = *all.choose(&mut self.rng).expect("there are some");
        let by = self.rng.random_range(0..self.player.world.places.len());
        self.act(Act::Late { by, what })
    }

    /// Mostly a start, so that what was ordered to stop runs again.
    fn strike_with_order(&mut self) -> Result<bool, String> {
        let all = [
            OrderKind::Start,
            OrderKind::Start,
            OrderKind::Start,
            OrderKind::Restart,
            OrderKind::Terminate,
            OrderKind::Remove,
        ];
        let order = *all.choose(&mut self.rng).expect("there are some");
        let to = self.rng.random_range(0..self.player.world.places.len());
        self.act(Act::Order { to, order })
    }

    /// The root is struck seldom, for that is the end of all below it.
    fn draw_victim(&mut self) -> Option<usize> {
        let run = *self.player.living.choose(&mut self.rng)?;
        let known = &self.player.runs[run];
        let is_spared = known.spot == ROOT && self.rng.random_ratio(19, 20);
        (!known.has_returned && !is_spared).then_some(run)
    }

    fn strike_one(&mut self, fault: Fault, run: usize) -> Result<bool, String> {
        let by = self.player.runs[run].spot;
        match fault {
            Fault::Error => self.returns(run, How::Err, 0),
            Fault::Panic => self.returns(run, How::Panic, 0),
            Fault::Abort => self.returns(run, How::Abort, 0),
            Fault::Hang => Ok(!std::mem::replace(&mut self.moods[run].hangs, true)),
            Fault::Leak => Ok(!std::mem::replace(&mut self.moods[run].leaks, true)),
            Fault::OwnedPanic => self.act(Act::OwnedPanic { by }),
            Fault::LeftBehind => {
                let how = *[How::Ok, How::Err, How::Panic]
                    .choose(&mut self.rng)
                    .expect("three");
                let left = self.rng.random_range(1..4);
                self.returns(run, how, left)
            }
            Fault::GiveUp | Fault::PlannedRestart => {
                let is_give_up = fault == Fault::GiveUp;
                let signal = if is_give_up {
                    Signal::GiveUp
                } else {
                    Signal::Restart
                };
                self.act(Act::Signal { by, signal })?;
                let how = if is_give_up { How::Err } else { How::Ok };
                self.returns(run, how, 0)
            }
            Fault::LateMessage
            | Fault::LateProcessor
            | Fault::Order
            | Fault::Reconfigure
            | Fault::Stop => Ok(false),
        }
    }
}

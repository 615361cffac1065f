//! What is made wrong in tests, so that it can be shown to be noticed: mistakes of the naive tree,
//! and lies that the monitor is told about the core.

use perennial::tree::{Action, Event, Intent, OrderKind, What};

use crate::choices::How;
use crate::monitor::{Answer, Fact, Monitor};
use crate::naive::Flaw;

#[cfg_attr(not(test), expect(dead_code, reason = "tests alone plant something"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    Flaw(Flaw),
    Lie(Lie),
    /// The storm ends, and nobody behaves.
    Grudge,
}

/// A lie, told at every step where it fits.
#[cfg_attr(not(test), expect(dead_code, reason = "tests alone plant lies"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing has left anything when it returned, or nothing of that ever ends.
    NothingEnded,
    /// The tree was told to stop, which it was not.
    TreeStops,
    /// Whatever starts was ordered to stop right before.
    OrderedToStop,
    /// Nobody says that it is healthy as soon as it starts.
    NobodyIsHealthy,
    /// Each death weighs as much as many.
    DeathsWeighMore,
    /// Nobody says how an exit was answered.
    NoAnswer,
    /// Each exit is heard twice.
    ExitedTwice,
    /// What rises does it twice.
    RoseOnceMore,
    /// The last of several starts in a pass does not happen.
    OneDidNotStart,
    /// Whoever returns had given up.
    GaveUp,
    /// What is due next was due already.
    DueIsLeft,
    /// Nobody is aborted, and nothing leaks.
    NobodyIsAborted,
    /// Every message is counted as stale.
    AllIsStale,
}

/// All lies, each with the law that it breaks.
#[cfg(test)]
pub(crate) const LIES: [(Lie, &str); 14] = [
    (Lie::NothingEnded, "R10"),
    (Lie::OrderedToStop, "L2"),
    (Lie::NobodyIsHealthy, "R10b"),
    (Lie::DeathsWeighMore, "R9"),
    (Lie::NothingEnded, "L1"),
    (Lie::TreeStops, "L2"),
    (Lie::NoAnswer, "L3"),
    (Lie::ExitedTwice, "L3"),
    (Lie::RoseOnceMore, "L4"),
    (Lie::OneDidNotStart, "L5"),
    (Lie::GaveUp, "L6"),
    (Lie::DueIsLeft, "L8"),
    (Lie::NobodyIsAborted, "L9"),
    (Lie::AllIsStale, "L10"),
];

impl Planted {
    pub(crate) const fn flaw(self) -> Option<Flaw> {
        match self {
            Self::Flaw(flaw) => Some(flaw),
            Self::Lie(_) | Self::Grudge => None,
        }
    }

    pub(crate) const fn lie(self) -> Option<Lie> {
        match self {
            Self::Flaw(_) | Self::Grudge => None,
            Self::Lie(lie) => Some(lie),
        }
    }
}

impl Lie {
    /// Lets the monitor judge what did not happen.
    pub(crate) fn check(
        self,
        monitor: &mut Monitor<'_>,
        mut fact: Fact,
        mut answer: Answer,
        actions: &[Action],
    ) -> Result<(), String> {
        let mut actions = actions.to_vec();
        match self {
            Self::NothingEnded => match &mut fact {
                Fact::Exit { left, .. } => *left = 1,
                Fact::Ended { .. } => return Ok(()),
                _ => {}
            },
            Self::TreeStops => {
                let stops = Fact::Stop { within: None };
                monitor.check(&stops, Answer { stale: 0, ..answer }, &[])?;
            }
            Self::OrderedToStop => {
                let to = actions.iter().filter_map(start).next();
                if let Some(to) = to.and_then(|to| monitor.spot_of(to)) {
                    let order = OrderKind::Terminate;
                    let fact = Fact::Ordered { to, order };
                    monitor.check(&fact, Answer { stale: 0, ..answer }, &[])?;
                }
            }
            Self::NobodyIsHealthy => {
                let healthy = |event: &Event| matches!(event.what, What::Healthy);
                if let Fact::Pass = fact {
                    actions.retain(|action| !is(action, healthy));
                }
            }
            Self::DeathsWeighMore => monitor.meters.weight = 100,
            Self::NoAnswer => actions.retain(|action| !is(action, is_answer)),
            Self::ExitedTwice => {
                let exit = |event: &Event| matches!(event.what, What::Exited { .. });
                let again = actions.iter().find(|action| is(action, exit)).cloned();
                actions.extend(again);
            }
            Self::RoseOnceMore => {
                let rise = |event: &Event| matches!(event.what, What::RestartScheduled { .. });
                let again = actions.iter().find(|action| is(action, rise)).cloned();
                actions.extend(again);
            }
            Self::OneDidNotStart => {
                let starts: Vec<_> = actions.iter().filter_map(start).collect();
                if let [_, .., last] = starts[..] {
                    actions.retain(|action| start(action) != Some(last));
                    actions.retain(|action| !is(action, |event| event.incarnation == last));
                }
            }
            Self::GaveUp => {
                if let Fact::Exit { said, how, .. } = &mut fact {
                    (*said, *how) = (Intent::GiveUp, How::Ok);
                }
            }
            Self::DueIsLeft => {
                answer.next_deadline = answer.next_deadline.map(|_| answer.now);
            }
            Self::NobodyIsAborted => actions.retain(|action| {
                let is_rung = |event: &Event| matches!(event.what, What::Aborted | What::Leaked);
                !matches!(action, Action::Abort(_)) && !is(action, is_rung)
            }),
            Self::AllIsStale => answer.stale += 1,
        }
        monitor.check(&fact, answer, &actions)
    }
}

fn is(action: &Action, is_it: impl Fn(&Event) -> bool) -> bool {
    matches!(action, Action::Event(event) if is_it(event))
}

fn is_answer(event: &Event) -> bool {
    let what = &event.what;
    matches!(
        what,
        What::StartedAgain | What::Absorbed { .. } | What::CutShort
    )
}

fn start(action: &Action) -> Option<u64> {
    match action {
        Action::Start { id, .. } => Some(id.incarnation()),
        _ => None,
    }
}

//! Lies about what the core did, so that it can be shown that each law notices.

use perennial::tree::{Action, Event, Intent, OrderKind, What};

use crate::choices::How;
use crate::laws::{Fact, Laws, event, is_start};

/// A lie, told at every step where it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing ever ends.
    NothingEnded,
    /// What started last starts again.
    StartedOnceMore,
    /// Whoever started was ordered to stop before.
    OrderedToStop,
    /// All groups start in order.
    AllInOrder,
    /// Nobody says how an exit was answered.
    NoAnswer,
    /// Each exit is heard twice.
    ExitedTwice,
    /// What rose last rises again.
    RoseOnceMore,
    /// The last start of each pass does not happen.
    OneDidNotStart,
    /// Whoever returns had given up.
    GaveUp,
    /// Every fact is of an incarnation that is no longer there.
    AllIsStale,
}

/// All lies, each with the law that it breaks.
pub(crate) const LIES: [(Lie, &str); 10] = [
    (Lie::OrderedToStop, "L2"),
    (Lie::AllInOrder, "R10b"),
    (Lie::NothingEnded, "L1"),
    (Lie::StartedOnceMore, "L2"),
    (Lie::NoAnswer, "L3"),
    (Lie::ExitedTwice, "L3"),
    (Lie::RoseOnceMore, "L4"),
    (Lie::OneDidNotStart, "L5"),
    (Lie::GaveUp, "L6"),
    (Lie::AllIsStale, "L10"),
];

impl Lie {
    /// What the laws are told instead, given all that was done so far.
    pub(crate) fn tell(
        self,
        laws: &mut Laws,
        fact: &Fact,
        actions: &[Action],
        past: &[Action],
    ) -> (Fact, Vec<Action>) {
        let mut fact = fact.clone();
        let mut actions = actions.to_vec();
        match self {
            Self::NothingEnded => {
                let starts = past
                    .iter()
                    .filter_map(event)
                    .filter(|event| is_start(event));
                laws.living
                    .extend(starts.map(|event| (event.incarnation, event.path.clone())));
            }
            Self::OrderedToStop => {
                let starts = past.iter().filter_map(event);
                for event in starts.filter(|event| is_start(event)) {
                    laws.note_order(event.path.to_string().as_str(), OrderKind::Terminate);
                }
            }
            Self::AllInOrder => laws.all_wait = true,
            Self::StartedOnceMore => actions.extend(last(past, is_start)),
            Self::RoseOnceMore => actions.extend(last(past, |event| {
                matches!(event.what, What::RestartScheduled { .. })
            })),
            Self::NoAnswer => actions.retain(|action| !event(action).is_some_and(is_answer)),
            Self::ExitedTwice => {
                let is_exit = |event: &Event| matches!(event.what, What::Exited { .. });
                let exit = actions
                    .iter()
                    .find(|action| event(action).is_some_and(is_exit));
                actions.extend(exit.cloned());
            }
            Self::OneDidNotStart => {
                let late = last(&actions, is_start);
                let late = late.as_ref().and_then(event).map(|event| event.incarnation);
                actions.retain(|action| !belongs(action, late));
            }
            Self::GaveUp => {
                if let Fact::Exit { said, how, .. } = &mut fact {
                    (*said, *how) = (Intent::GiveUp, How::Ok);
                }
            }
            Self::AllIsStale => fact = Fact::Stale,
        }
        (fact, actions)
    }
}

fn is_answer(event: &Event) -> bool {
    matches!(
        event.what,
        What::StartedAgain | What::Absorbed { .. } | What::CutShort
    )
}

fn last(actions: &[Action], is_it: impl Fn(&Event) -> bool) -> Option<Action> {
    let found = actions
        .iter()
        .rev()
        .find(|action| event(action).is_some_and(&is_it));
    found.cloned()
}

fn belongs(action: &Action, incarnation: Option<u64>) -> bool {
    let is_of = |it: u64| Some(it) == incarnation;
    match action {
        Action::Start { id, .. } => is_of(id.incarnation()),
        Action::Event(event) => is_start(event) && is_of(event.incarnation),
        _ => false,
    }
}

//! Last words (L6): what was said is applied before the exit. And late words are harmless (L10).

use perennial::tree::{Action, Event, Intent, Restart, Signal, State, What};

use crate::choices::How;
use crate::monitor::node::Own;
use crate::monitor::{Answer, Fact, Monitor};
use crate::world::Spot;

/// What a fact has to lead to.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// These events, and nothing else, in these states.
    Heard(&'static [State]),
    Ignored,
    /// The exit, read as one of these.
    Read(&'static [State]),
}

/// How an exit may be read of who was told to stop.
const ENDS: [State; 4] = [State::Canceled, State::Dead, State::Done, State::Down];

impl Monitor<'_> {
    /// Whether a fact is about an incarnation that is no longer there.
    pub(super) fn is_stale(&self, fact: &Fact) -> bool {
        let (by, owns): (_, &[Own]) = match fact {
            Fact::Pass | Fact::Stop { .. } => return false,
            Fact::Ordered { .. } | Fact::Reconfigured { .. } => return false,
            Fact::Exit { by, .. } | Fact::Ended { by } if self.abandoned.contains_key(by) => {
                return self.has_ended;
            }
            Fact::Declared { by, .. } | Fact::Signal { by, .. } | Fact::OwnedPanic { by } => {
                (*by, &[Own::Code, Own::Left, Own::Nothing])
            }
            Fact::Exit { by, .. } => (*by, &[Own::Code]),
            Fact::Ended { by } => (*by, &[Own::Left]),
        };
        let node = self.spot_of(by).map(|spot| &self.nodes[spot]);
        let is_there = node.is_some_and(|node| {
            node.is_there && node.incarnation == by && owns.contains(&node.own)
        });
        self.has_ended || !is_there
    }

    pub(super) fn expected_words(&self, fact: &Fact, is_stale: bool) -> Option<Expected> {
        match fact {
            Fact::Signal { by, signal } if !is_stale => {
                Some(heard(self.nodes[self.spot_of(*by)?].state, *signal))
            }
            Fact::Exit { by, .. } if self.abandoned.contains_key(by) => None,
            Fact::Exit { by, said, how, .. } if !is_stale => {
                self.read(self.spot_of(*by)?, *said, *how)
            }
            _ => None,
        }
    }

    /// R5, as far as the reason to stop is seen from outside.
    fn read(&self, spot: Spot, said: Intent, how: How) -> Option<Expected> {
        let node = &self.nodes[spot];
        let restart = self.choices(spot).restart;
        let crashed = matches!(how, How::Panic | How::Abort);
        let states: &[State] = match (node.state, said) {
            (State::Stopping, _) => &ENDS,
            // It may have been told to stop, and not asked.
            _ if self.may_be_told(spot) => &ENDS,
            (State::Starting | State::Healthy | State::Finishing, said) => match said {
                Intent::Done if how == How::Ok => &[State::Done],
                _ if restart == Restart::Temporary => &[State::Down],
                Intent::GiveUp => &[State::Down],
                Intent::Restart if !crashed => &[State::Canceled],
                Intent::Nothing if how == How::Ok && restart == Restart::Transient => {
                    &[State::Done]
                }
                _ => &[State::Dead],
            },
            _ => return None,
        };
        Some(Expected::Read(states))
    }

    pub(super) fn words(
        &self,
        is_stale: bool,
        answer: Answer,
        expected: Option<&Expected>,
        actions: &[Action],
    ) -> Result<(), String> {
        if answer.stale != u64::from(is_stale) {
            let stale = answer.stale;
            return Err(format!(
                "L10: {stale} stale messages counted, and stale is {is_stale}"
            ));
        }
        if is_stale && !actions.iter().all(is_ignored) {
            return Err(format!(
                "L10: a stale message makes the core act: {actions:?}"
            ));
        }
        let is_right = match expected {
            None => true,
            Some(Expected::Ignored) => actions.len() == 1 && actions.iter().all(is_ignored),
            Some(Expected::Heard(states)) => {
                let found = actions.iter().filter_map(event).map(|event| event.state);
                actions.len() == states.len() && found.eq(states.iter().copied())
            }
            Some(Expected::Read(states)) => {
                let mut events = actions.iter().filter_map(event);
                let exit = events.find(|event| matches!(event.what, What::Exited { .. }));
                exit.is_none_or(|exit| states.contains(&exit.state))
            }
        };
        if is_right {
            return Ok(());
        }
        Err(format!("L6: expected {expected:?} of {actions:?}"))
    }
}

/// R4.
const fn heard(state: State, signal: Signal) -> Expected {
    match (state, signal) {
        (State::Starting, Signal::Healthy) => Expected::Heard(&[State::Healthy]),
        (State::Starting, Signal::Done) => Expected::Heard(&[State::Healthy, State::Finishing]),
        (State::Healthy, Signal::Done) => Expected::Heard(&[State::Finishing]),
        (State::Starting | State::Healthy | State::Finishing, _) => Expected::Heard(&[]),
        _ => Expected::Ignored,
    }
}

fn event(action: &Action) -> Option<&Event> {
    match action {
        Action::Event(event) => Some(event),
        _ => None,
    }
}

fn is_ignored(action: &Action) -> bool {
    event(action).is_some_and(|event| matches!(event.what, What::SignalIgnored { .. }))
}

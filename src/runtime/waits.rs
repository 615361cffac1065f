//! Questions that the processor answers later: when a child changes, when the tree settles.
//!
//! Whoever is answered wakes up, which runs code of the user's: each for itself, so that the panic
//! of one keeps no other waiting.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::path::Path;
use crate::runtime::child::{Ended, Question, has_started};
use crate::runtime::error::{FirstStartError, HealthyError};
use crate::runtime::panics::{drop_shielded, shield};
use crate::runtime::sync::oneshot;
use crate::tree::{Core, Id, Place, State, View};

/// Who waits for what. Bounded by the callers that wait.
#[derive(Default)]
pub(super) struct Waits {
    children: HashMap<Place, Vec<Question>, RandomState>,
    /// Whose orders are waited for, through a context of which incarnation.
    givers: HashMap<Id, Vec<Place>, RandomState>,
    settled: Vec<oneshot::Sender<()>>,
    ready: Vec<oneshot::Sender<()>>,
}

impl Waits {
    /// Answers a question about a place now, or keeps it until the place changes.
    pub(super) fn ask(&mut self, core: &mut Core, place: Place, path: &Path, question: Question) {
        let Some(view) = core.view(place) else {
            return question.gone(path);
        };
        if let Some(question) = answer(question, &view, path) {
            core.watch(place);
            let questions = self.children.entry(place).or_default();
            push(questions, question, Question::is_dropped);
        }
    }

    /// Answers what a change of a place allows to answer.
    pub(super) fn changed(&mut self, core: &Core, place: Place, path: &Path) {
        // What is gone is answered when it is forgotten.
        let Some(view) = core.view(place) else { return };
        let Some(questions) = self.children.remove(&place) else {
            return;
        };
        let open = questions
            .into_iter()
            .filter_map(|question| shield(|| answer(question, &view, path)).flatten());
        let open: Vec<_> = open.collect();
        if !open.is_empty() {
            self.children.insert(place, open);
        }
    }

    /// Notes that somebody waits for an order about a place through a context of this incarnation.
    pub(super) fn note_giver(&mut self, id: Id, place: Place) {
        let children = &self.children;
        let is_answered = |place: &Place| {
            let questions = children.get(place).into_iter().flatten();
            !questions
                .into_iter()
                .any(|question| question.is_given_by(id))
        };
        push(self.givers.entry(id).or_default(), place, is_answered);
    }

    /// Answers the orders that were given through a context of an incarnation that is asked to stop
    /// now: it may be what they wait for.
    pub(super) fn asked(&mut self, id: Id) {
        if self.givers.is_empty() {
            return;
        }
        for place in self.givers.remove(&id).into_iter().flatten() {
            let questions = self.children.get_mut(&place);
            for question in questions
                .into_iter()
                .flat_map(|questions| questions.extract_if(.., |question| question.is_given_by(id)))
            {
                if let Question::Order(pending) = question {
                    let _ = shield(|| pending.accepted());
                }
            }
        }
    }

    /// Forgets who has given orders and is gone.
    pub(super) fn forget_giver(&mut self, id: Id) {
        // Nobody orders anything in most trees: that needs no hash.
        if !self.givers.is_empty() {
            self.givers.remove(&id);
        }
    }

    /// Answers the orders for a place that is gone, and drops the other questions: the handle knows
    /// the rest.
    pub(super) fn forget(&mut self, place: Place, path: &Path) {
        if self.children.is_empty() {
            return;
        }
        for question in self.children.remove(&place).into_iter().flatten() {
            let _ = shield(|| question.gone(path));
        }
    }

    /// Drops all questions: there is nobody to answer them.
    pub(super) fn leave(&mut self) {
        self.children
            .drain()
            .flat_map(|(_, questions)| questions)
            .for_each(drop_shielded);
        let (settled, ready) = (self.settled.drain(..), self.ready.drain(..));
        settled.chain(ready).for_each(drop_shielded);
    }

    pub(super) fn wait_settled(&mut self, reply: oneshot::Sender<()>) {
        push(&mut self.settled, reply, oneshot::Sender::is_closed);
    }

    pub(super) fn wait_ready(&mut self, reply: oneshot::Sender<()>) {
        push(&mut self.ready, reply, oneshot::Sender::is_closed);
    }

    /// Answers those who wait for the whole tree.
    pub(super) fn answer(&mut self, is_settled: impl FnOnce() -> bool, is_ready: bool) {
        if !self.settled.is_empty() && is_settled() {
            tell_all(&mut self.settled);
        }
        if is_ready {
            tell_all(&mut self.ready);
        }
    }
}

/// Keeps who waits. Those who do not any more go before the list grows, so that it costs each O(1).
fn push<T>(waiting: &mut Vec<T>, next: T, has_left: impl Fn(&T) -> bool) {
    if waiting.len() == waiting.capacity() {
        waiting.retain(|one| !has_left(one));
    }
    waiting.push(next);
}

fn tell_all(replies: &mut Vec<oneshot::Sender<()>>) {
    for reply in replies.drain(..) {
        // Who does not wait any more need not be told.
        let _ = shield(|| reply.send(()));
    }
}

impl Question {
    /// Answers an order whose place is gone; of other questions the handle knows the answer.
    fn gone(self, path: &Path) {
        if let Self::Order(pending) = self {
            pending.gone(path);
        }
    }

    fn is_given_by(&self, id: Id) -> bool {
        matches!(self, Self::Order(pending) if pending.by() == Some(id))
    }

    fn is_dropped(&self) -> bool {
        match self {
            Self::Healthy(reply) => reply.is_closed(),
            Self::FirstStart(reply) => reply.is_closed(),
            Self::Ended(reply) => reply.is_closed(),
            Self::Order(pending) => pending.is_dropped(),
        }
    }
}

/// Answers a question, or gives it back if it has no answer yet.
fn answer(question: Question, view: &View, path: &Path) -> Option<Question> {
    // A reply that nobody receives needs no answer.
    match question {
        Question::Healthy(reply) => match is_healthy(view, path) {
            Some(result) => drop(reply.send(result)),
            None => return Some(Question::Healthy(reply)),
        },
        Question::FirstStart(reply) => match first_start(view, path) {
            Some(result) => drop(reply.send(result)),
            None => return Some(Question::FirstStart(reply)),
        },
        Question::Ended(reply) => match has_ended(view) {
            Some(ended) => drop(reply.send(ended)),
            None => return Some(Question::Ended(reply)),
        },
        Question::Order(pending) => return pending.look(view, path).map(Question::Order),
    }
    None
}

fn is_healthy(view: &View, path: &Path) -> Option<Result<(), HealthyError>> {
    let path = path.clone();
    if view.is_taken {
        return Some(Err(HealthyError::Stopped { path }));
    }
    match view.state {
        State::Healthy | State::Finishing | State::Done => Some(Ok(())),
        State::Down => Some(Err(HealthyError::Down {
            path,
            source: view.last_exit.clone(),
        })),
        State::Waiting | State::Starting | State::Stopping | State::Dead | State::Canceled => None,
    }
}

/// Says how the first incarnation fared, once that is known.
fn first_start(view: &View, path: &Path) -> Option<Result<(), FirstStartError>> {
    let is_over = view.is_taken || view.state == State::Down;
    let is_known = view.first_start.is_some() || is_over;
    is_known.then(|| has_started(view.first_start.as_ref(), path))
}

fn has_ended(view: &View) -> Option<Ended> {
    let is_over = match view.state {
        State::Done | State::Down => true,
        // Stopped from above, it does not start again. Its place goes with its parent, which may
        // be who asks.
        State::Dead | State::Canceled => view.is_taken,
        State::Waiting | State::Starting | State::Healthy | State::Finishing | State::Stopping => {
            false
        }
    };
    // A pool forgets it, and with it its code that may not have run: the handle knows then.
    let is_forgotten = view.is_pooled && !view.has_leaked;
    (is_over && view.is_gone && !is_forgotten).then(|| Ended::of(view.clone()))
}

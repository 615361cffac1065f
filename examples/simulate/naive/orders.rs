//! Orders in the naive tree (R16).

use std::time::Duration;

use perennial::tree::{OrderKind, Refusal, State, Told, Wait};

use crate::choices::Choices;
use crate::naive::{Flaw, Key, Naive, Node, ROOT};

impl Naive {
    pub(crate) fn order(
        &mut self,
        now: Duration,
        key: Key,
        order: OrderKind,
    ) -> Result<(), Refusal> {
        self.pass_time(now);
        self.may_be_ordered(key)?;
        let by = self.nodes[&key].path.clone();
        match order {
            OrderKind::Terminate => self.tell(key, now, Told::Terminate, &by),
            OrderKind::Remove => self.tell(key, now, Told::Remove, &by),
            OrderKind::Restart => {
                self.may_start(key, self.nodes[&key].is_up())?;
                self.order_restart(key, now);
            }
            _ => {
                self.may_start(key, false)?;
                self.order_start(key, now);
            }
        }
        self.tidy();
        Ok(())
    }

    pub(crate) fn reconfigure(&mut self, key: Key, choices: Choices) -> Result<(), Refusal> {
        self.may_be_ordered(key)?;
        self.at(key).next_choices = Some(choices);
        if self.has(Flaw::OptionsHoldAtOnce) {
            self.adopt(key);
        }
        Ok(())
    }

    fn may_be_ordered(&self, key: Key) -> Result<(), Refusal> {
        if !self.nodes.contains_key(&key) {
            return Err(Refusal::Gone);
        }
        if key == ROOT {
            return Err(Refusal::Root);
        }
        if self.stopping.is_some() || self.ended.is_some() {
            return Err(Refusal::TreeStops);
        }
        Ok(())
    }

    /// A node starts if it neither runs nor stops, and nothing at or below it has leaked.
    fn may_start(&self, key: Key, may_run: bool) -> Result<(), Refusal> {
        let node = &self.nodes[&key];
        if self.is_taken(key) || node.told() == Some(Told::Remove) {
            return Err(Refusal::Stopping);
        }
        let mut beside = self.beside(key).into_iter();
        if let Some(leak) = beside.find(|key| self.nodes[key].is_leaked()) {
            return Err(Refusal::Leaked(self.nodes[&leak].path.clone()));
        }
        let has_fallen = matches!(node.state, State::Dead | State::Canceled);
        let fall = node.fall.as_ref();
        let stays_down = has_fallen && fall.is_none_or(|fall| fall.fate.is_some());
        let is_stopping = node.is_up() && node.told.is_some() || node.state == State::Stopping;
        if stays_down || is_stopping {
            return Err(Refusal::Stopping);
        }
        if node.is_up() && !may_run {
            return Err(Refusal::Running);
        }
        Ok(())
    }

    /// What has to have ended before a node starts: all of it, and of what fell with it.
    fn beside(&self, key: Key) -> Vec<Key> {
        let node = &self.nodes[&key];
        let is_pending = node.fall.is_some();
        let fell = |it: Key, other: &Node| {
            it != key && !is_pending && node.fell_with.contains(&other.incarnation)
        };
        let tops = std::iter::once(key).chain(self.all(fell));
        tops.flat_map(|top| self.subtree(top)).collect()
    }

    fn order_start(&mut self, key: Key, now: Duration) {
        let keeps = self.has(Flaw::StartKeepsBudget);
        if let Some(window) = self.at(key).window.as_mut().filter(|_| !keeps) {
            window.deaths.clear();
        }
        match self.nodes[&key].state {
            State::Done | State::Down => self.start_alone(key, now),
            _ => self.hurry(key),
        }
    }

    fn order_restart(&mut self, key: Key, now: Duration) {
        match self.nodes[&key].state {
            State::Down => self.start_alone(key, now),
            State::Waiting | State::Dead | State::Canceled => self.hurry(key),
            _ => {
                let by = self.nodes[&key].path.clone();
                self.fall(key, now, Duration::ZERO);
                self.tell(key, now, Told::Restart, &by);
                if self.has(Flaw::OrderedRestartCounts) {
                    self.at(key).failures += 1;
                }
            }
        }
    }

    /// The whole fall rises without delay, never before the barrier.
    fn hurry(&mut self, key: Key) {
        let node = &self.nodes[&key];
        let is_ordered = node.state == State::Waiting && node.wait == Wait::Ending;
        let Some(number) = node.fall.as_ref().map(|fall| fall.number) else {
            return;
        };
        if is_ordered || self.has(Flaw::StartDoesNotHurry) {
            return;
        }
        self.change_fall(number, |fall| fall.at_once = true);
        if self.nodes[&key]
            .fall
            .as_ref()
            .is_some_and(|fall| fall.due.is_some())
        {
            self.launch(number);
        }
    }

    /// It starts when what it left has ended, and all that fell with it.
    fn start_alone(&mut self, key: Key, now: Duration) {
        let node = self.at(key);
        let by = node.path.clone();
        node.told = None;
        node.is_held = false;
        node.state = State::Waiting;
        node.wait = Wait::Ending;
        self.tell_below(key, now, &by);
        let node = self.at(key);
        if node.fall.is_none() {
            self.fall_alone(key);
        }
    }
}

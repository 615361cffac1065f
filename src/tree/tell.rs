//! Telling nodes to stop, and all below them (R5, R6, and the table of states and events).

use std::time::Duration;

use crate::path::Path;
use crate::tree::action::Action;
use crate::tree::core::Core;
use crate::tree::event::What;
use crate::tree::group::Fate;
use crate::tree::node::Own;
use crate::tree::options::{Kind, Restart};
use crate::tree::state::{Down, State, Told, Wait};

impl Core {
    /// Tells a node to stop, and all below it.
    ///
    /// `by` is the node whose fall or stop it is. The strongest reason so far decides, so what is
    /// told twice only hears what is new.
    pub(super) fn tell(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        let mut below = Vec::new();
        let mut next = Some((slot, told));
        while let Some((slot, told)) = next {
            self.tell_one(slot, now, told, by);
            self.push_below(&mut below, slot, told);
            next = below.pop();
        }
    }

    /// Tells all below a node to stop, but not the node.
    pub(super) fn tell_below(&mut self, slot: usize, now: Duration, by: &Path) {
        let mut below = Vec::new();
        self.push_below(&mut below, slot, Told::Parent);
        while let Some((child, told)) = below.pop() {
            self.tell(child, now, told, by);
        }
    }

    fn push_below(&mut self, next: &mut Vec<(usize, Told)>, slot: usize, told: Told) {
        let told = if told == Told::Tree {
            Told::Tree
        } else {
            Told::Parent
        };
        if self.nodes[slot].told_below >= Some(told) {
            return;
        }
        let number = self.next_stop();
        let node = &mut self.nodes[slot];
        node.told_below = Some(told);
        node.stop_below = number;
        let mut child = node.links.last.get();
        while let Some(slot) = child {
            next.push((slot, told));
            child = self.nodes[slot].links.previous.get();
        }
    }

    fn tell_one(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        let node = &mut self.nodes[slot];
        let is_stronger = node.told() < Some(told);
        let is_from_above = matches!(told, Told::Parent | Told::Tree);
        if is_stronger {
            node.told = Some((told, by.clone()));
        }
        if is_from_above && (is_stronger || !node.is_taken) {
            node.is_taken = true;
            self.take(slot, now, told, by);
        } else if !is_stronger {
            return;
        }
        self.tick(slot, now);
        self.lift_limits(slot);
        self.heed(slot, now, told);
        self.tighten(slot, now);
        self.weigh(slot);
        self.changed(slot);
        self.update(slot);
    }

    /// What a node does about having been told: at once, or when its turn comes.
    fn heed(&mut self, slot: usize, now: Duration, told: Told) {
        match self.nodes[slot].state {
            State::Waiting if self.starts_below_a_held_one(slot, told) => {
                self.stop_in_turn(slot, now);
            }
            State::Waiting => {
                self.nodes[slot].is_held = false;
                self.stop_waiting(slot, now);
                self.wake_waiters(slot);
            }
            State::Starting | State::Healthy | State::Finishing => self.stop_in_turn(slot, now),
            State::Done => self.stop_done(slot, now, told),
            State::Dead | State::Canceled => match told {
                Told::Tree => self.put_down(slot, now, Down::Stopped),
                Told::Terminate | Told::Remove => {
                    self.put_down(slot, now, Down::Terminated);
                    self.come_at_once(slot, now);
                }
                Told::Significant | Told::Itself | Told::Restart | Told::Group | Told::Parent => {}
            },
            State::Stopping | State::Down => {}
        }
    }

    /// Asks a node now, or holds it until its turn comes.
    fn stop_in_turn(&mut self, slot: usize, now: Duration) {
        match self.obstacle(slot, now, None) {
            Some(_) if self.nodes[slot].is_held => {}
            Some(obstacle) => self.hold(slot, obstacle),
            None => self.come(slot, now),
        }
    }

    /// Lets what is below a node be asked that waited for its turn: an order does not wait.
    fn come_at_once(&mut self, slot: usize, now: Duration) {
        if self.nodes[slot].is_held {
            self.come(slot, now);
        }
    }

    fn stop_done(&mut self, slot: usize, now: Duration, told: Told) {
        let is_temporary = self.nodes[slot].options.restart == Restart::Temporary;
        match told {
            Told::Group if is_temporary => {
                self.put_down(slot, now, Down::Temporary);
                self.stop_in_turn(slot, now);
            }
            Told::Restart | Told::Group => {
                self.set(slot, now, State::Canceled);
                self.stop_in_turn(slot, now);
            }
            Told::Terminate | Told::Remove => {
                self.put_down(slot, now, Down::Terminated);
                self.come_at_once(slot, now);
            }
            // What is below it is asked in its turn.
            Told::Parent | Told::Tree => self.stop_in_turn(slot, now),
            Told::Significant | Told::Itself => {}
        }
    }

    /// Whether a node is about to start for the first time below one whose turn to be asked has not
    /// come: it does start, as one does that is declared a moment later, and is asked with its
    /// parent (R10). One that would start again does not (L2).
    fn starts_below_a_held_one(&self, slot: usize, told: Told) -> bool {
        let node = &self.nodes[slot];
        let is_first = node.wait == Wait::Queued;
        let is_held = |parent: usize| self.nodes[parent].is_held;
        let is_from_above = matches!(told, Told::Parent | Told::Tree);
        is_first && is_from_above && node.parent.get().is_some_and(is_held)
    }

    pub(super) fn stop_waiting(&mut self, slot: usize, now: Duration) {
        let node = &self.nodes[slot];
        // One that was ordered up again and waits for what it left was closed before.
        if node.options.kind == Kind::Pool && node.wait != Wait::Ending {
            // It takes children from its declaration on, and may be told before it starts.
            self.close_pool(slot);
        }
        let node = &self.nodes[slot];
        match (node.options.restart, node.told()) {
            (_, Some(Told::Terminate | Told::Remove)) => {
                self.put_down(slot, now, Down::Terminated);
            }
            (Restart::Permanent | Restart::Transient, _) => self.set(slot, now, State::Canceled),
            (Restart::Temporary, Some(Told::Tree)) => self.put_down(slot, now, Down::Stopped),
            (Restart::Temporary, _) => self.put_down(slot, now, Down::Temporary),
        }
    }

    /// Asks a node that runs.
    pub(super) fn stop_live(&mut self, slot: usize, now: Duration) {
        let node = &self.nodes[slot];
        match node.options.kind {
            Kind::Pool => {
                let is_terminated = node.is_terminated();
                self.close_pool(slot);
                if is_terminated {
                    self.put_down(slot, now, Down::Terminated);
                } else {
                    self.set(slot, now, State::Canceled);
                }
            }
            Kind::Runnable => {
                let told = node.told.clone();
                let (told, by) = told.expect("only who was told to stop is asked");
                self.set(slot, now, State::Stopping);
                self.tell_event(slot, now, What::Stopping { told, by });
                self.ask(slot, now);
            }
        }
    }

    /// Ends a pool, which has no code that could be waited for.
    pub(super) fn close_pool(&mut self, slot: usize) {
        self.nodes[slot].own = Own::Ended;
        self.actions.push_back(Action::Ask(self.id(slot)));
    }

    /// Takes a node out of its fall: whoever told it is responsible now. An exit that still waits
    /// for its answer gets it here (L3).
    fn take(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        if let Some(fall) = self.nodes[slot].fall.get() {
            self.dissolve(fall);
        }
        if std::mem::take(&mut self.nodes[slot].is_open) {
            let answer = if told == Told::Tree || !self.rises_with_its_top(slot) {
                What::CutShort
            } else {
                What::Absorbed { by: by.clone() }
            };
            self.tell_event(slot, now, answer);
        }
    }

    /// Whether the node that answers for a node that was taken will start again.
    fn rises_with_its_top(&self, slot: usize) -> bool {
        let parents = std::iter::successors(Some(slot), |slot| self.nodes[*slot].parent.get());
        let top = parents
            .map(|slot| &self.nodes[slot])
            .find(|node| !node.is_taken);
        top.is_none_or(|top| {
            let fate = top.fall.get().map(|key| &self.falls[key].fate);
            let stays_down = matches!(fate, Some(Fate::Down { .. }));
            top.state != State::Down && !stays_down && top.is_told_to_rise()
        })
    }
}

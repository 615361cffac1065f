//! What the naive tree does when it goes on: what is due, the GC pass, what is forgotten, and
//! whether the tree has ended.

use std::collections::BTreeSet;
use std::time::Duration;

use perennial::tree::{Down, OnSpent, Outcome, State, Told};

use crate::naive::{Flaw, Key, Limits, Naive};

/// What becomes due, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Rise(u64),
    Rung(usize, Key),
    Start(usize, Key),
    Beat(usize, Key),
    Run(usize, Key),
    Stop,
}

impl Naive {
    fn dues(&self) -> Vec<(Duration, Due)> {
        let mut dues = Vec::new();
        for (key, node) in &self.nodes {
            let fall = node.fall.as_ref();
            dues.extend(fall.and_then(|fall| Some((fall.due?, Due::Rise(fall.number)))));
            dues.extend(node.next_rung.map(|at| (at, Due::Rung(node.slot, *key))));
            let Limits { start, beat, run } = node.limits;
            dues.extend(start.map(|at| (at, Due::Start(node.slot, *key))));
            dues.extend(beat.map(|at| (at, Due::Beat(node.slot, *key))));
            dues.extend(run.map(|at| (at, Due::Run(node.slot, *key))));
        }
        let deadline = self.stopping.flatten().filter(|_| self.looks_again);
        dues.extend(deadline.map(|at| (at, Due::Stop)));
        dues
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let dues = self.dues().into_iter().map(|(at, _)| at);
        dues.chain(self.pass_due).min()
    }

    /// Does what is due, asks whose turn has come, raises what is ready, starts what waits.
    pub(crate) fn advance(&mut self, now: Duration) {
        self.pass_time(now);
        while let Some(due) = self.next_due(now) {
            match due {
                Due::Rise(number) => self.launch(number),
                Due::Rung(_, key) => self.climb(key, now),
                Due::Start(_, key) | Due::Run(_, key) => self.run_out_of_time(key, now),
                Due::Beat(_, key) => self.look_for_a_beat(key, now),
                Due::Stop => self.release_all(now),
            }
            self.tidy();
        }
        // What the pass gives up may have been in somebody's way.
        while self.take_turns(now) || self.pass(now) {}
        self.forget();
        self.start_all(now);
        self.finish();
    }

    fn run_out_of_time(&mut self, key: Key, now: Duration) {
        self.at(key).limits = Limits::default();
        self.condemn(key, now);
    }

    /// It is silent, or has beaten since it was looked at last.
    fn look_for_a_beat(&mut self, key: Key, now: Duration) {
        let node = &self.nodes[&key];
        let beat = self.beats.get(&node.incarnation).copied();
        let beat = beat.filter(|_| !self.has(Flaw::BeatsAreNotHeard));
        let last = beat.max(node.healthy_at).expect("who beats is healthy");
        let limit = node.choices.policy.beat_timeout;
        let due = last + limit.expect("it has a limit");
        if due > now {
            self.at(key).limits.beat = Some(due);
        } else {
            self.run_out_of_time(key, now);
        }
    }

    fn next_due(&self, now: Duration) -> Option<Due> {
        let due = self.dues().into_iter().min();
        due.filter(|(at, _)| *at <= now).map(|(_, due)| due)
    }

    fn finish(&mut self) {
        let is_out = self.nodes.values().all(|node| node.is_gone());
        if self.stopping.is_some() && is_out {
            self.ended = Some(self.failure.clone().map_or(Ok(Outcome::Stopped), Err));
        } else if self.stopping.is_none() && self.is_finished() {
            self.ended = Some(Ok(Outcome::Finished));
        }
        if self.ended.is_some() {
            // The report names them, and nobody waits any more.
            self.abandoned.clear();
        }
    }

    /// R7: a fall is ready when every node in it, and all below, has ended; and what was ordered to
    /// start also waits for all that fell with it.
    pub(crate) fn find_ready(&mut self) {
        let falls = self.nodes.values().filter_map(|node| node.fall.as_ref());
        let pending = falls
            .filter(|fall| fall.due.is_none())
            .map(|fall| fall.number);
        let pending: BTreeSet<_> = pending.collect();
        self.ready.retain(|number| pending.contains(number));
        for number in pending {
            let is_out = |key: &Key| self.is_out(*key);
            let is_ready = self.barrier(number).iter().all(is_out);
            if is_ready && !self.ready.contains(&number) {
                self.ready.push(number);
            }
        }
    }

    /// The members of a fall, and whom else they fell with.
    fn barrier(&self, number: u64) -> BTreeSet<Key> {
        let members = self.fallen(number);
        let fell = members.iter().flat_map(|key| &self.nodes[key].fell_with);
        let fell: BTreeSet<_> = fell.copied().collect();
        let fell = self.all(|_, node| fell.contains(&node.incarnation));
        members.into_iter().chain(fell).collect()
    }

    /// Raises what is ready, if the pass is due. Says whether it was.
    fn pass(&mut self, now: Duration) -> bool {
        if self.ready.is_empty() {
            self.pass_due = None;
            return false;
        }
        let due = *self.pass_due.get_or_insert(now + self.settings.gc_interval);
        if due > now {
            return false;
        }
        self.pass_due = None;
        while !self.ready.is_empty() {
            let number = self.ready.remove(0);
            let leaks = self.barrier(number).into_iter().any(|key| self.leaks(key));
            let leaks = leaks && !self.has(Flaw::LeakCanRise);
            let fall = self.fall_of(number);
            match fall.and_then(|fall| fall.fate) {
                Some(_) => self.lie_down(number, leaks, now),
                None if leaks => self.spend_for_leak(number, now),
                None => self.rise(number, now),
            }
            self.tidy();
        }
        true
    }

    /// R9: the fall is Down as a whole. But who was ordered to start since does that now.
    fn lie_down(&mut self, number: u64, leaks: bool, now: Duration) {
        let fall = self.fall_of(number);
        let Some(fate) = fall.and_then(|fall| fall.fate) else {
            return;
        };
        let members = self.fallen(number);
        let parent = self.nodes[&members[0]].parent;
        for key in members {
            self.at(key).fall = None;
            match self.nodes[&key].state {
                State::Down => {}
                State::Waiting if !leaks => self.reset(key),
                _ => self.at(key).put_down(fate.reason),
            }
        }
        if let Some((_, cause)) = fate.escalates {
            self.escalate_to(parent, cause, now);
        }
    }

    /// R10: a leak in a fall is a spent budget of its top.
    fn spend_for_leak(&mut self, number: u64, now: Duration) {
        let Some(fall) = self.fall_of(number) else {
            return;
        };
        let fallen = self.fallen(number);
        // Who was ordered to stop answers for nothing.
        let left = fallen.iter().copied();
        let left: Vec<_> = left
            .filter(|key| !self.nodes[key].is_terminated())
            .collect();
        let is_top = |key: &&Key| **key == fall.top;
        let is_open = |key: &&Key| self.nodes[*key].is_open;
        let top = left.iter().find(is_top);
        let top = top.or_else(|| left.iter().find(is_open));
        let Some(top) = top.or_else(|| left.first()).copied() else {
            return self.rise(number, now);
        };
        for key in &fallen {
            if *key == top || self.nodes[key].is_open {
                self.at(*key).put_down(Down::Leaked);
            }
        }
        self.spend(top, now, Down::Leaked);
        if self.nodes[&top].choices.policy.on_spent == OnSpent::StayDown {
            self.lie_down(number, true, now);
        }
    }

    pub(crate) fn discard_below(&mut self, key: Key) {
        for below in self.subtree(key).into_iter().skip(1) {
            self.nodes.remove(&below);
        }
    }

    /// R6, R13, R16: at the end of a batch what is below a Down node is discarded, if all of that
    /// has ended; and so is a child of a pool that will not start again, and who was ordered to go.
    fn forget(&mut self) {
        let over = self.all(|key, node| {
            let is_over = match node.state {
                State::Down | State::Done => true,
                State::Dead | State::Canceled => self.is_pooled(key) && self.is_taken(key),
                _ => false,
            };
            is_over && self.is_out(key) && !self.leaks(key)
        });
        for key in over {
            let Some(node) = self.nodes.get(&key) else {
                continue;
            };
            let is_down = node.state == State::Down;
            // What is done because of its significant children has nothing left below it, either.
            let is_over = is_down || node.told() == Some(Told::Significant);
            let has_left = self.is_pooled(key) && (is_down || !self.has(Flaw::DonePoolChildStays));
            let is_removed = is_down && node.told() == Some(Told::Remove);
            let goes = has_left || is_removed && !self.has(Flaw::RemovedStays);
            let goes = goes && !node.rises();
            if is_over && !self.has(Flaw::DownKeepsItsChildren) || goes {
                self.discard_below(key);
            }
            if goes {
                self.nodes.remove(&key);
            }
        }
    }

    fn is_pooled(&self, key: Key) -> bool {
        let parent = self.nodes[&key].parent;
        parent.is_some_and(|parent| self.nodes[&parent].is_pool())
    }
}

//! Facts about incarnations: what they say, how they return, when they have ended (R4, R5, R14).

use std::sync::Arc;
use std::time::Duration;

use crate::exit::{Exit, Panic};
use crate::path::Path;
use crate::tree::action::{Action, Id};
use crate::tree::core::Core;
use crate::tree::event::{Event, What};
use crate::tree::evidence::{Cause, Evidence};
use crate::tree::limits::Limit;
use crate::tree::node::{First, Own};
use crate::tree::options::{Kind, Significant};
use crate::tree::reading::{Reading, Returned, read};
use crate::tree::signal::{Intent, Signal};
use crate::tree::state::{Down, Rung, State, Told};

impl Core {
    /// States that an incarnation said something about itself.
    ///
    /// `path` is its node, which an ended incarnation can no longer be asked for.
    pub fn signal(&mut self, now: Duration, id: Id, path: &Path, signal: Signal) {
        match self.resolve(id) {
            Some(slot) => self.hear(slot, now, signal),
            None if self.has_ended() => {}
            None => {
                // The place may have its next incarnation by now.
                let node = self.nodes.get(id.slot).filter(|node| node.path == *path);
                let state = node.map_or(State::Canceled, |node| node.state);
                self.ignore(now, id, path, state, signal);
            }
        }
        self.check_invariants();
    }

    fn hear(&mut self, slot: usize, now: Duration, signal: Signal) {
        let node = &mut self.nodes[slot];
        match node.state {
            State::Starting | State::Healthy | State::Finishing => {}
            State::Waiting
            | State::Done
            | State::Stopping
            | State::Dead
            | State::Canceled
            | State::Down => {
                let (path, state) = (node.path.clone(), node.state);
                let id = self.id(slot);
                return self.ignore(now, id, &path, state, signal);
            }
        }
        node.intent = node.intent.max(Intent::from(signal));
        match signal {
            Signal::Healthy => self.become_healthy(slot, now),
            Signal::Done => {
                self.become_healthy(slot, now);
                self.become_finishing(slot, now);
            }
            Signal::Restart | Signal::GiveUp => {}
        }
    }

    fn ignore(&mut self, at: Duration, id: Id, path: &Path, state: State, signal: Signal) {
        let what = What::SignalIgnored { signal };
        let (path, incarnation) = (path.clone(), id.incarnation);
        self.actions.push_back(Action::Event(Event {
            at,
            path,
            incarnation,
            state,
            what,
        }));
    }

    pub(super) fn become_healthy(&mut self, slot: usize, now: Duration) {
        let node = &mut self.nodes[slot];
        if node.state != State::Starting {
            return;
        }
        node.healthy_at = Some(now);
        node.forget_memories();
        if matches!(node.first, First::Pending) {
            node.first = First::Healthy;
        }
        self.has_started |= slot == self.root;
        self.set(slot, now, State::Healthy);
        self.begin_limit(slot, now, Limit::Beat);
        self.tell_event(slot, now, What::Healthy);
    }

    fn become_finishing(&mut self, slot: usize, now: Duration) {
        if self.nodes[slot].state == State::Healthy {
            self.set(slot, now, State::Finishing);
            self.tell_event(slot, now, What::Finishing);
        }
    }

    /// States that an incarnation returned, with this many owned tasks and holds left (R14).
    pub fn exited(&mut self, now: Duration, id: Id, exit: Exit, left: usize) {
        if self.abandoned.contains_key(&id) {
            if left == 0 {
                self.reclaim(id, now);
            }
        } else if let Some(slot) = self.resolve(id) {
            match self.nodes[slot].own {
                Own::Running => self.exit(slot, now, exit, left),
                Own::Ending(_) | Own::Ended => self.stale += 1,
            }
        }
        self.check_invariants();
    }

    fn exit(&mut self, slot: usize, now: Duration, exit: Exit, left: usize) {
        if self.nodes[slot].rung == Rung::Leaked {
            let evidence = self.record(slot, now, Some(exit));
            self.tell_event(slot, now, What::Exited { evidence });
        } else {
            self.return_from(slot, now, Some(exit));
        }
        // Only now: what is told above must not find the node out before its own turn has come.
        self.leave(slot, now, left);
    }

    /// Reads how an incarnation returned, or that it was abandoned, and does what follows.
    pub(super) fn return_from(&mut self, slot: usize, now: Duration, exit: Option<Exit>) {
        let reading = self.read(slot, exit.as_ref().unwrap_or(&Exit::Aborted));
        let evidence = self.record(slot, now, exit);
        self.nodes[slot].age(now);
        self.follow(slot, now, reading, evidence);
    }

    fn read(&self, slot: usize, exit: &Exit) -> Reading {
        let node = &self.nodes[slot];
        let returned = Returned {
            told: node.told(),
            condemned: node.rare().condemned.is_some(),
            intent: node.intent,
            restart: node.options.restart,
        };
        read(exit, returned)
    }

    fn record(&mut self, slot: usize, at: Duration, exit: Option<Exit>) -> Arc<Evidence> {
        let node = &mut self.nodes[slot];
        let is_ok = exit.as_ref().is_some_and(Exit::is_ok);
        let condemned = node.rare().condemned.clone();
        let is_plain = is_ok && condemned.is_none() && node.rung <= Rung::Asked;
        let evidence = node.record(at, exit, condemned);
        if matches!(node.first, First::Pending) {
            node.first = First::Ended(Some(evidence.clone()));
        }
        if !is_plain {
            self.report(slot, Some(evidence.clone()));
        }
        evidence
    }

    pub(super) fn follow(
        &mut self,
        slot: usize,
        now: Duration,
        reading: Reading,
        evidence: Arc<Evidence>,
    ) {
        let exited = What::Exited {
            evidence: evidence.clone(),
        };
        let fails_its_group = self.fails_its_group(slot);
        match reading {
            Reading::Dead => {
                self.set(slot, now, State::Dead);
                self.tell_event(slot, now, exited);
                self.die(slot, now, &evidence);
            }
            Reading::Canceled => {
                self.set(slot, now, State::Canceled);
                self.tell_event(slot, now, exited);
            }
            Reading::Done => {
                self.set(slot, now, State::Done);
                self.tell_event(slot, now, exited);
                self.end_significant(slot, now);
            }
            Reading::Down(reason) => {
                self.exit_down(slot, now, reason, exited);
                if matches!(reason, Down::Finished | Down::Failed) {
                    if fails_its_group {
                        self.fail_start(slot, now, evidence);
                    } else {
                        self.end_significant(slot, now);
                    }
                }
            }
            Reading::Restart => {
                self.set(slot, now, State::Canceled);
                self.tell_event(slot, now, exited);
                self.restart(slot, now);
            }
            Reading::GiveUp => {
                self.exit_down(slot, now, Down::GaveUp, exited);
                if fails_its_group {
                    self.fail_start(slot, now, evidence);
                } else {
                    self.spend(slot, now, Down::GaveUp, evidence);
                }
            }
        }
    }

    fn exit_down(&mut self, slot: usize, now: Duration, reason: Down, exited: What) {
        self.nodes[slot].down = reason;
        self.set(slot, now, State::Down);
        self.tell_event(slot, now, exited);
        self.go_down(slot, now, reason);
    }

    fn go_down(&mut self, slot: usize, now: Duration, reason: Down) {
        self.put_down(slot, now, reason);
        let by = self.nodes[slot].path.clone();
        self.tell_below(slot, now, &by);
    }

    /// Notes that the code of an incarnation is gone, and lets what it owned hear it.
    pub(super) fn leave(&mut self, slot: usize, now: Duration, left: usize) {
        let node = &mut self.nodes[slot];
        node.own = Own::Ending(u32::try_from(left).unwrap_or(u32::MAX));
        node.is_held = false;
        // What provides for its code, or was to be asked with it, need not wait any longer.
        self.wake_waiters(slot);
        if left == 0 {
            self.end(slot, now);
        } else {
            self.ask(slot, now);
            self.weigh(slot);
        }
    }

    /// States that all that an incarnation owned has ended, after it had returned (R14).
    pub fn ended(&mut self, now: Duration, id: Id) {
        if self.abandoned.contains_key(&id) {
            self.reclaim(id, now);
        } else if let Some(slot) = self.resolve(id) {
            match self.nodes[slot].own {
                Own::Ending(_) => self.end(slot, now),
                Own::Running | Own::Ended => self.stale += 1,
            }
        }
        self.check_invariants();
    }

    fn end(&mut self, slot: usize, now: Duration) {
        let rung = self.nodes[slot].rung;
        self.nodes[slot].own = Own::Ended;
        self.rest(slot);
        match rung {
            Rung::None | Rung::Asked => {}
            Rung::Aborted => self.report(slot, self.nodes[slot].evidence.clone()),
            Rung::Leaked if self.abandoned.contains_key(&self.id(slot)) => {}
            Rung::Leaked => return self.unleak(slot, now),
        }
        self.weigh(slot);
        self.changed(slot);
        self.update(slot);
    }

    /// States that a task that an incarnation owns panicked: that fails its owner (R14).
    pub fn owned_panicked(&mut self, now: Duration, id: Id, panic: Panic) {
        if let Some(slot) = self.resolve(id) {
            if self.nodes[slot].state.is_live() {
                self.condemn(slot, now, Cause::Owned(panic));
            } else {
                self.report_owned(slot, now, panic);
            }
        }
        self.check_invariants();
    }

    /// After the owner's exit was read, a panic is evidence and changes no state.
    fn report_owned(&mut self, slot: usize, at: Duration, panic: Panic) {
        let node = &self.nodes[slot];
        let evidence = node.evidence_of(at, None, Some(Cause::Owned(panic)));
        self.report(slot, Some(evidence.clone()));
        self.tell_event(slot, at, What::OwnedPanicked { evidence });
    }

    /// Stops the parent of a significant child that has ended by itself (R10c).
    fn end_significant(&mut self, slot: usize, now: Duration) {
        let node = &self.nodes[slot];
        let is_own_end = node.told() <= Some(Told::Itself);
        let Some(parent) = node.parent.get().filter(|_| is_own_end) else {
            return;
        };
        if self.nodes[parent].options.kind == Kind::Pool {
            // What comes and goes stops nobody.
            return;
        }
        let has_ended = match node.options.significant {
            None => false,
            Some(Significant::Any) => true,
            Some(Significant::All) => self.children(parent).all(|child| {
                let child = &self.nodes[child];
                child.options.significant != Some(Significant::All)
                    || matches!(child.state, State::Done | State::Down)
            }),
        };
        if has_ended {
            let by = self.nodes[slot].path.clone();
            self.tell(parent, now, Told::Significant, &by);
        }
    }

    /// Makes a live incarnation stop and be read as dead, however it returns.
    pub(super) fn condemn(&mut self, slot: usize, now: Duration, cause: Cause) {
        let by = self.nodes[slot].path.clone();
        let node = &mut self.nodes[slot];
        node.rare_mut().condemned.get_or_insert(cause);
        node.was_ready = false;
        self.tell(slot, now, Told::Itself, &by);
        // Who was told something stronger before has not heard this.
        self.weigh(slot);
    }
}

//! What the processor does with an order (R16).

use std::time::Duration;

use crate::path::Path;
use crate::runtime::child::Question;
use crate::runtime::error::OrderError;
use crate::runtime::orders::{Effect, Given, Reply, Target, Wish};
use crate::runtime::panics::{drop_shielded, shield};
use crate::runtime::pending::{Pending, refused};
use crate::runtime::processor::{Next, Processor};
use crate::runtime::runnable::{Spec, Stored};
use crate::tree::{Id, OrderKind, Place, View};

impl Processor {
    /// Takes an order, and answers it as soon as its effect is visible.
    pub(super) fn order(&mut self, now: Duration, given: Given) -> Next {
        let Given {
            target,
            wish,
            by,
            reply,
        } = given;
        let found = self.find(&target, by);
        let result = match (found, wish) {
            (Ok((place, path)), Wish::Order(kind)) => self.obey(now, place, path, kind).map(Some),
            (Ok((place, path)), Wish::Replace(spec)) => {
                self.replace(place, path, spec).map(|()| None)
            }
            (Err(error), wish) => {
                drop_shielded(wish);
                Err(error)
            }
        };
        // Whoever is answered finds it done.
        let next = self.act();
        // And wakes up, which runs code of the user's.
        let _ = shield(|| match result {
            Ok(Some(accepted)) if self.takes(&accepted, by) => {
                drop(reply.send(Ok(Effect::Accepted)));
            }
            Ok(Some(accepted)) => self.wait_for(accepted, by, reply),
            Ok(None) => drop(reply.send(Ok(Effect::Visible))),
            Err(error) => drop(reply.send(Err(error))),
        });
        next
    }

    fn obey(
        &mut self,
        now: Duration,
        place: Place,
        path: Path,
        kind: OrderKind,
    ) -> Result<Accepted, OrderError> {
        let runs_again = matches!(kind, OrderKind::Start | OrderKind::Restart);
        if runs_again && self.entries.has_run_once(place) {
            return Err(OrderError::Once { path });
        }
        let before = self.core.view(place);
        let before = before.ok_or_else(|| OrderError::Gone { path: path.clone() })?;
        let ordered = self.core.order(now, place, kind);
        ordered.map_err(|refusal| refused(path.clone(), refusal))?;
        Ok(Accepted {
            place,
            path,
            kind,
            before,
        })
    }

    fn takes(&self, accepted: &Accepted, by: Option<Id>) -> bool {
        by.is_some_and(|id| self.core.takes(accepted.place, id))
    }

    fn wait_for(&mut self, accepted: Accepted, by: Option<Id>, reply: Reply) {
        let Accepted {
            place,
            path,
            kind,
            before,
        } = accepted;
        let question = Question::Order(Pending::new(kind, &before, by, reply));
        self.waits.ask(&mut self.core, place, &path, question);
        let Some(id) = by else { return };
        self.waits.note_giver(id, place);
        if self.core.is_asked(id) {
            // Whoever stops waits for nobody.
            self.waits.asked(id);
        }
    }

    fn replace(&mut self, place: Place, path: Path, spec: Spec) -> Result<(), OrderError> {
        let is_pooled = self.core.view(place).is_some_and(|view| view.is_pooled);
        let spec = if is_pooled { spec.into_pooled() } else { spec };
        let is_pool = self.entries.is_pool(place) || matches!(spec.stored, Stored::Pool(_));
        let changed = if is_pool {
            Err(OrderError::Pool { path })
        } else if self.entries.runs_once(place) {
            Err(OrderError::Once { path })
        } else {
            let changed = self.core.reconfigure(place, spec.options.clone());
            changed.map_err(|refusal| refused(path, refusal))
        };
        match changed {
            Ok(()) => {
                if spec.claim.is_some() {
                    self.core.watch(place);
                }
                self.entries.replace(place, spec);
            }
            Err(_) => drop_shielded(spec),
        }
        changed
    }

    fn find(&mut self, target: &Target, by: Option<Id>) -> Result<(Place, Path), OrderError> {
        if by.is_some_and(|id| !self.core.is_running(id)) {
            let path = target.to_string();
            return Err(OrderError::Stale { path });
        }
        match target {
            Target::Place(address) => {
                let path = address.path.clone();
                // Another may stand there by now.
                let is_there = |place: &Place| self.entries.address(*place).is_some();
                match address.place().filter(is_there) {
                    Some(place) => Ok((place, path)),
                    None => Err(OrderError::Gone { path }),
                }
            }
            Target::Nowhere(path) => Err(OrderError::NotFound { path: path.clone() }),
            Target::Path(text) => {
                let not_found = || OrderError::NotFound { path: text.clone() };
                let place = self.core.find(text).ok_or_else(not_found)?;
                let address = self.entries.address(place).ok_or_else(not_found)?;
                Ok((place, address.path.clone()))
            }
        }
    }
}

/// An order that the core has accepted.
struct Accepted {
    place: Place,
    path: Path,
    kind: OrderKind,
    /// How the place looked before.
    before: View,
}

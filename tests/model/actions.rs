//! How what the core wants done is done, and what the incarnations learn from it.

use perennial::tree::{self, Action, Event, Health, Id, Intent, Kind, OnLeak, What};
use perennial::{Name, Path};

use crate::choices::Choices;
use crate::naive::compare::same;
use crate::world::{Incarnation, Place, World};

impl World {
    pub(crate) fn do_actions(&mut self) -> Result<(), String> {
        for action in std::mem::take(&mut self.actions) {
            if self.has_ended {
                return Err(format!("R11: an action follows the end: {action:?}"));
            }
            match action {
                Action::Start { id, attempt, .. } => self.started(id, attempt)?,
                Action::Open(id) => self.opened(id)?,
                Action::Ask(id) => self.asked(id)?,
                Action::Abort(id) => self.aborted(id)?,
                Action::Event(event) => self.heard(&event)?,
                Action::End(result) => {
                    let core = match result {
                        Ok(report) => Ok(report.outcome),
                        Err(failure) => Err(failure.evidence.map(|it| it.path.clone())),
                    };
                    let naive = self.naive.ended.clone();
                    let outcome = if let Ok(it) = core {
                        format!("End {it:?}")
                    } else {
                        "End Failure".into()
                    };
                    *self.tally.entry(outcome).or_default() += 1;
                    same("outcome", Some(core), naive.map(|end| end.map_err(Some)))?;
                    self.has_ended = true;
                }
                Action::Forget { place, .. } => {
                    same(
                        "what is forgotten is gone",
                        self.core.view(place).is_none(),
                        true,
                    )?;
                }
                Action::Free { parent, name } => self.freed(parent, &name),
                other => return Err(format!("nobody asked for this: {other:?}")),
            }
        }
        Ok(())
    }

    /// Whatever starts is known by its event, pools included.
    fn heard(&mut self, event: &Event) -> Result<(), String> {
        let text = format!("{:?}", event.what);
        let kind = match event.what {
            What::Down { .. } => &text,
            _ => text.split(' ').next().unwrap_or_default(),
        };
        *self.tally.entry(kind.into()).or_default() += 1;
        match event.what {
            What::Starting { .. } => self.note_start(event),
            What::RestartScheduled { .. } => self.note_pool(event),
            _ => Ok(()),
        }
    }

    fn note_start(&mut self, event: &Event) -> Result<(), String> {
        let Place { place, key, .. } = self.places[&event.path.to_string()];
        let choices = self.naive.nodes.get(&key).map(|node| node.choices);
        let choices = choices.ok_or("it is in the naive tree")?;
        let view = self.core.view(place).ok_or("what starts has a place")?;
        let is_known = self.incarnations.iter().any(|known| known.id == view.id);
        if is_known && choices.kind == Kind::Pool {
            return Ok(());
        }
        self.note_incarnation(event.path.clone(), view.id, choices)
    }

    /// A pool that will start again may be told to stop before it does. It may be gone by now.
    fn note_pool(&mut self, event: &Event) -> Result<(), String> {
        let Place { place, key, .. } = self.places[&event.path.to_string()];
        let node = self.naive.nodes.get(&key);
        let view = self.core.view(place);
        let view = view.filter(|view| view.id.incarnation() == event.incarnation);
        match (node.map(|node| node.choices), view) {
            (Some(choices), Some(view)) if choices.kind == Kind::Pool => {
                self.note_incarnation(event.path.clone(), view.id, choices)
            }
            (Some(_), Some(_)) => Ok(()),
            (_, _) => {
                self.unborn.insert(event.incarnation);
                Ok(())
            }
        }
    }

    /// Keeps where a node is; the handle of a pool can be used before the pool starts.
    pub(crate) fn note_place(
        &mut self,
        path: Path,
        place: tree::Place,
        choices: Choices,
    ) -> Result<(), String> {
        let key = self.naive.key(&path).unwrap_or_default();
        self.places.insert(path.to_string(), Place { place, key });
        match self.core.view(place) {
            Some(view) if choices.kind == Kind::Pool => {
                self.note_incarnation(path, view.id, choices)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn note_incarnation(&mut self, path: Path, id: Id, choices: Choices) -> Result<(), String> {
        let naive = self
            .naive
            .incarnation(&path)
            .ok_or("it is in the naive tree")?;
        if self
            .incarnations
            .iter()
            .any(|known| known.naive == naive || known.id == id)
        {
            return Err(format!("{path} starts an incarnation again"));
        }
        if choices.policy.on_leak == OnLeak::Abandon {
            self.laws.abandons.insert(id.incarnation());
        }
        self.incarnations.push(Incarnation {
            id,
            naive,
            path,
            choices,
            names: Vec::new(),
            said: Intent::Nothing,
            is_closed: choices.kind == Kind::Runnable && choices.health == Health::AtStart,
            has_returned: false,
            has_ended: false,
            was_asked: false,
            was_aborted: false,
        });
        Ok(())
    }

    fn find(&mut self, id: Id) -> Result<&mut Incarnation, String> {
        let found = self.incarnations.iter_mut().find(|known| known.id == id);
        found.ok_or_else(|| format!("no incarnation {id:?} runs"))
    }

    fn started(&mut self, id: Id, attempt: u32) -> Result<(), String> {
        let path = self.find(id)?.path.to_string();
        let snapshot = self.core.snapshot(self.now);
        let node = snapshot.find(&path).ok_or("what starts is there")?;
        same("attempt", attempt, node.attempt)
    }

    fn opened(&mut self, id: Id) -> Result<(), String> {
        self.find(id).map(|_| ())
    }

    /// The parent may have moved on, or may have been asked to stop.
    fn freed(&mut self, parent: Id, name: &Name) {
        if let Ok(known) = self.find(parent) {
            known.names.retain(|used| used != name.as_str());
        }
    }

    fn asked(&mut self, id: Id) -> Result<(), String> {
        if self.unborn.remove(&id.incarnation()) {
            return Ok(());
        }
        let known = self.find(id)?;
        if known.was_asked {
            return Err(format!("R10: {} is asked twice", known.path));
        }
        known.was_asked = true;
        known.is_closed = true;
        Ok(())
    }

    fn aborted(&mut self, id: Id) -> Result<(), String> {
        let known = self.find(id)?;
        if known.was_aborted || !known.was_asked {
            return Err(format!("R10: {} is aborted out of turn", known.path));
        }
        known.was_aborted = true;
        Ok(())
    }
}

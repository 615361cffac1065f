//! What stands behind a published value: the value, who publishes it, and what is to be expected.
//!
//! A value belongs to one incarnation of a node, and goes with it. The publisher is the node that
//! was declared last. The two are apart: a value stays until its incarnation has ended or another
//! is published, whoever was declared meanwhile.
//!
//! This is kept in a `watch` channel, under its lock: what is withdrawn is returned, as its drop
//! runs code of the user's.

use std::sync::{Arc, Weak};

use crate::path::Path;
use crate::runtime::address::Address;
use crate::runtime::error::{GoneError, PublishError};
use crate::runtime::incarnation::Life;
use crate::tree::{State, View};

/// Behind a published value.
pub(super) struct Cell<T> {
    value: Option<Value<T>>,
    /// How many values there were.
    values: u64,
    publisher: Option<Publisher>,
    outlook: Outlook,
}

/// A value, and whose it is.
struct Value<T> {
    value: Arc<T>,
    /// Tells it from all others of its cell.
    serial: u64,
    /// The claim of its node.
    claim: u64,
    incarnation: u64,
}

/// The node that was declared last to publish.
struct Publisher {
    claim: u64,
    path: Path,
    address: Weak<Address>,
    /// Which of its incarnations may publish now.
    incarnation: Option<u64>,
}

/// What is to be expected where there is no value.
enum Outlook {
    /// There may be one.
    Open,
    /// There will be none, for this reason.
    Gone(GoneError),
}

/// What a reader finds: a value and its serial, or why there will be none.
pub(super) type Found<T> = Result<(Arc<T>, u64), GoneError>;

impl<T> Cell<T> {
    pub(super) const fn new() -> Self {
        Self {
            value: None,
            values: 0,
            publisher: None,
            outlook: Outlook::Open,
        }
    }

    /// What a reader finds that has read this value last, or `None` if it has to wait.
    pub(super) fn find(&self, seen: Option<u64>) -> Option<Found<T>> {
        match (&self.value, &self.outlook) {
            (Some(value), _) if Some(value.serial) == seen => None,
            (Some(Value { value, serial, .. }), _) => Some(Ok((value.clone(), *serial))),
            (None, Outlook::Gone(why)) => Some(Err(why.clone())),
            (None, Outlook::Open) => None,
        }
    }

    /// The serial of the value.
    pub(super) fn serial(&self) -> Option<u64> {
        self.value.as_ref().map(|value| value.serial)
    }

    /// Whether there is nothing to wait for.
    pub(super) const fn is_gone(&self) -> bool {
        self.value.is_none() && matches!(self.outlook, Outlook::Gone(_))
    }

    /// Where the publisher stands.
    pub(super) fn path(&self) -> Option<&Path> {
        self.publisher.as_ref().map(|own| &own.path)
    }

    /// Puts a value in the place of the one before, which is returned.
    pub(super) fn publish(
        &mut self,
        life: &Life,
        value: T,
    ) -> Result<Option<Arc<T>>, (PublishError, T)> {
        let path = || life.path().clone();
        let own = self.publisher.as_ref();
        let address = Arc::as_ptr(&life.address);
        let Some(own) = own.filter(|own| own.address.as_ptr() == address) else {
            return Err((PublishError::NotPublisher { path: path() }, value));
        };
        let incarnation = life.id().incarnation();
        if own.incarnation != Some(incarnation) {
            return Err((PublishError::Ended { path: path() }, value));
        }
        self.values += 1;
        let next = Value {
            value: Arc::new(value),
            serial: self.values,
            claim: own.claim,
            incarnation,
        };
        Ok(self.value.replace(next).map(|before| before.value))
    }

    /// Makes a node the publisher.
    pub(super) fn declare(&mut self, claim: u64, address: &Arc<Address>) {
        self.publisher = Some(Publisher {
            claim,
            path: address.path.clone(),
            address: Arc::downgrade(address),
            incarnation: None,
        });
        self.outlook = Outlook::Open;
    }

    /// Lets an incarnation publish. Returns what one before has left.
    pub(super) fn start(&mut self, claim: u64, incarnation: u64) -> Option<Arc<T>> {
        if let Some(own) = self.publisher(claim) {
            own.incarnation = Some(incarnation);
        }
        self.withdraw(|value| value.claim == claim && value.incarnation != incarnation)
    }

    /// Takes note of how a declared node looks now. Returns the value, if that is withdrawn.
    pub(super) fn look(&mut self, claim: u64, view: &View) -> Option<Arc<T>> {
        let present = view.id.incarnation();
        let is_live = view.state.is_live();
        if let Some(own) = self.publisher(claim) {
            own.incarnation = own.incarnation.filter(|own| is_live && *own == present);
            let path = own.path.clone();
            self.outlook = if view.is_taken || view.state == State::Down {
                Outlook::Gone(GoneError::Gone { path })
            } else {
                Outlook::Open
            };
        }
        let keeps = is_live || view.state == State::Done;
        self.withdraw(|value| value.claim == claim && !(keeps && value.incarnation == present))
    }

    /// Takes note that a declaration was refused, or its place is gone. Returns the value, if that
    /// is withdrawn.
    pub(super) fn release(&mut self, claim: u64) -> Option<Arc<T>> {
        match self.publisher.take_if(|own| own.claim == claim) {
            Some(Publisher { path, .. }) => self.outlook = Outlook::Gone(GoneError::Gone { path }),
            None if self.publisher.is_none() && matches!(self.outlook, Outlook::Open) => {
                self.outlook = Outlook::Gone(GoneError::Refused);
            }
            None => {}
        }
        self.withdraw(|value| value.claim == claim)
    }

    fn publisher(&mut self, claim: u64) -> Option<&mut Publisher> {
        self.publisher.as_mut().filter(|own| own.claim == claim)
    }

    fn withdraw(&mut self, which: impl FnOnce(&mut Value<T>) -> bool) -> Option<Arc<T>> {
        self.value.take_if(which).map(|value| value.value)
    }
}

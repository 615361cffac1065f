//! Declaring children, groups and pools: the ledger says yes or no at once (R3).

use std::fmt;
use std::sync::Arc;

use crate::name::{Name, NameError};
use crate::runtime::address::Address;
use crate::runtime::child::Child;
use crate::runtime::error::RunError;
use crate::runtime::incarnation::Life;
use crate::runtime::ledger::{Ledger, Names, Stage};
use crate::runtime::mailbox::{Declared, DeclaredGroup, Message};
use crate::runtime::pool::PoolCell;
use crate::runtime::runnable::{Runnable, Spec, Stored};
use crate::tree::{GroupOptions, Intensity, Strategy};

/// Children that share their fate, until they are started.
///
/// Members start in order of declaration. Nothing of the group is declared before
/// [`start`](Self::start).
#[must_use = "a group is not declared before it is started"]
pub struct Group {
    life: Arc<Life>,
    label: Result<Name, NameError>,
    options: GroupOptions,
    members: Vec<(Result<Name, NameError>, Spec)>,
}

impl Group {
    pub(super) fn new(life: Arc<Life>, label: Result<Name, NameError>, strategy: Strategy) -> Self {
        Self {
            life,
            label,
            options: GroupOptions::from(strategy),
            members: Vec::new(),
        }
    }

    /// Makes the members start and stop in order (R10b).
    ///
    /// Each starts when the one before it is healthy or done, whenever they start together. They
    /// stop in reverse: each is gone before the one before it is asked.
    ///
    /// Until all of them were healthy or done once, a member that returns before it is healthy is
    /// not tried again: those that are up stop in reverse, all stay down, and the failure escalates
    /// to this node. Later it is a death like any other. A temporary member that has nothing to
    /// serve says [`done`](crate::Context::done) before it returns.
    pub fn in_order(mut self) -> Self {
        self.options = self.options.in_order();
        self
    }

    /// Bounds how often the members may be started again, counted together (R9). No limit by
    /// default.
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.options = self.options.intensity(intensity);
        self
    }

    /// Adds a member.
    pub fn run<N>(mut self, name: N, runnable: impl Runnable) -> Self
    where
        N: TryInto<Name>,
        N::Error: Into<NameError>,
    {
        self.members
            .push((name.try_into().map_err(Into::into), runnable.into_spec()));
        self
    }

    /// Declares the group and starts its members. Returns them in order of declaration.
    ///
    /// # Errors
    ///
    /// [`RunError`] as for [`Context::run`](crate::Context::run); all of the group is declared, or
    /// nothing of it.
    pub fn start(self) -> Result<Vec<Child>, RunError> {
        let Self {
            life,
            label,
            options,
            members,
        } = self;
        // What is refused is dropped after the lock: it may hold code of the user's.
        let (all, rejected);
        let mut ledger = life.ledger();
        let mut claim = Claim::new(&life, &ledger);
        let label = claim.label(label)?;
        let names = members.iter().map(|(name, _)| claim.child(name.clone()));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let addresses = names.into_iter().map(|name| life.path().child(name));
        let addresses: Vec<_> = addresses.map(Address::new).collect();
        let specs = members.iter().map(|(_, spec)| spec);
        let pools = claim_pools(&life, addresses.iter().zip(specs))?;
        // Nothing is refused after this: another publisher of the same value is one no more.
        let members = addresses.into_iter().zip(members);
        let members = members.map(|(address, (_, spec))| declared(address, spec));
        all = members.collect::<Vec<_>>();
        let claimed = claim.names;
        ledger.declarations().add_all(claimed);
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let handles = all
            .iter()
            .map(|member| child_of(&life, &member.address))
            .collect();
        let group = DeclaredGroup {
            parent: life.id(),
            label: label.clone(),
            options,
            members: all,
        };
        rejected = life.shared.say(Message::Group(Box::new(group)));
        settle_pools(&pools, &rejected);
        match &rejected {
            Ok(()) => Ok(handles),
            Err(_) => Err(RunError::Ended {
                parent: life.path().clone(),
                name: label,
            }),
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.members.iter().map(|(name, _)| name).collect();
        f.debug_struct("Group")
            .field("parent", &self.life)
            .field("label", &self.label)
            .field("options", &self.options)
            .field("members", &names)
            .finish()
    }
}

/// Checks a name and queues a declaration, in one critical section.
pub(super) fn run(
    life: &Arc<Life>,
    name: Result<Name, NameError>,
    spec: Spec,
) -> Result<Child, RunError> {
    // What is rejected is dropped after the lock: it may hold code of the user's.
    let rejected;
    let mut ledger = life.ledger();
    let claim = Claim::new(life, &ledger);
    let name = claim.room_for(claim.free(name)?)?;
    let address = Address::new(life.path().child(name.clone()));
    let pools = claim_pools(life, [(&address, &spec)])?;
    rejected = life.shared.say(Message::Run {
        parent: life.id(),
        child: declared(address.clone(), spec),
    });
    settle_pools(&pools, &rejected);
    match &rejected {
        Ok(()) => {
            ledger.declarations().add_child(name);
            Ok(child_of(life, &address))
        }
        Err(_) => Err(RunError::Ended {
            parent: life.path().clone(),
            name,
        }),
    }
}

/// Gives those that are pools their places: all of them, or none.
fn claim_pools<'a>(
    life: &Life,
    members: impl IntoIterator<Item = (&'a Arc<Address>, &'a Spec)>,
) -> Result<Vec<Arc<PoolCell>>, RunError> {
    let mut claimed: Vec<Arc<PoolCell>> = Vec::new();
    for (address, spec) in members {
        let Stored::Pool(pool) = &spec.stored else {
            continue;
        };
        if let Err(at) = pool.claim(address, &life.shared) {
            claimed.iter().for_each(|pool| pool.release());
            let (parent, name) = (life.path().clone(), address.path.name().clone());
            return Err(RunError::PoolTaken { parent, name, at });
        }
        claimed.push(pool.clone());
    }
    Ok(claimed)
}

/// Opens those that are pools once they stand in the queue: what they take comes after them. What
/// was not queued may be declared elsewhere.
fn settle_pools(pools: &[Arc<PoolCell>], said: &Result<(), Message>) {
    for pool in pools {
        match said {
            Ok(()) => pool.declare(),
            Err(_) => pool.release(),
        }
    }
}

pub(super) fn declared(address: Arc<Address>, spec: Spec) -> Declared {
    if let Some(claim) = &spec.claim {
        claim.declare(&address);
    }
    Declared {
        address,
        options: spec.options,
        stored: spec.stored,
        claim: spec.claim,
    }
}

fn child_of(life: &Arc<Life>, address: &Arc<Address>) -> Child {
    Child::new(address.clone(), life.shared.clone())
}

/// Names that an incarnation claims at once, before any of them is taken.
struct Claim<'a> {
    life: &'a Life,
    ledger: &'a Ledger,
    names: Names,
}

impl<'a> Claim<'a> {
    fn new(life: &'a Life, ledger: &'a Ledger) -> Self {
        Self {
            life,
            ledger,
            names: Names::default(),
        }
    }

    /// Checks a name: the incarnation may declare, and the name is free.
    fn free(&self, name: Result<Name, NameError>) -> Result<Name, RunError> {
        let parent = || self.life.path().clone();
        let name = name.map_err(|source| RunError::Name {
            parent: parent(),
            source,
        })?;
        let taken = |names: &Names| names.contains(&name);
        let is_taken = self.ledger.declared().is_some_and(taken) || taken(&self.names);
        let stage = self.ledger.stage;
        if stage == Stage::Starting && !is_taken {
            return Ok(name);
        }
        let parent = parent();
        Err(match stage {
            Stage::Starting => RunError::NameTaken { parent, name },
            Stage::Serving => RunError::TooLate { parent, name },
            Stage::Asked => RunError::Stopping { parent, name },
            Stage::Returned => RunError::Ended { parent, name },
        })
    }

    /// Checks that there may be another child, of this name.
    fn room_for(&self, name: Name) -> Result<Name, RunError> {
        let limit = self.life.shared.children_max;
        let declared = self.ledger.declared().map_or(0, |names| names.children);
        if declared + self.names.children < limit {
            return Ok(name);
        }
        let parent = self.life.path().clone();
        Err(RunError::TooMany {
            parent,
            name,
            limit,
        })
    }

    /// Claims the name of a group.
    fn label(&mut self, name: Result<Name, NameError>) -> Result<Name, RunError> {
        let name = self.free(name)?;
        self.names.add_label(name.clone());
        Ok(name)
    }

    /// Claims the name of a child.
    fn child(&mut self, name: Result<Name, NameError>) -> Result<Name, RunError> {
        let name = self.room_for(self.free(name)?)?;
        self.names.add_child(name.clone());
        Ok(name)
    }
}

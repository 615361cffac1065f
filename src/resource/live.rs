//! What is not released, and who holds it.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::resource::error::write_holders;
use crate::resource::place::Place;
use crate::resource::record::Record;

/// A resource that is not released, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Live {
    name: Cow<'static, str>,
    refs: usize,
    holders: Option<Vec<Place>>,
}

impl Live {
    pub(super) fn of(record: &Record) -> Self {
        Self {
            name: record.name.clone(),
            refs: record.refs(),
            holders: record.places(None),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many references there are; zero if it is being released.
    #[must_use]
    pub const fn refs(&self) -> usize {
        self.refs
    }

    /// Where the references were made; empty if that is not tracked.
    #[must_use]
    pub fn holders(&self) -> &[Place] {
        self.holders.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, refs, .. } = self;
        match refs {
            0 => return write!(f, "{name} is being released"),
            1 => write!(f, "{name} has 1 reference")?,
            _ => write!(f, "{name} has {refs} references")?,
        }
        write_holders(f, self.holders.as_deref())
    }
}

/// That resources are not released, with the places that hold them.
#[derive(Clone, Debug, Error)]
#[error("not released:{}", list(.0))]
pub struct Unreleased(Vec<Live>);

impl Unreleased {
    /// `Ok` if there are none.
    pub(super) fn check(live: Vec<Live>) -> Result<(), Self> {
        if live.is_empty() {
            return Ok(());
        }
        Err(Self(live))
    }

    /// The resources, in the order in which they were opened.
    #[must_use]
    pub fn resources(&self) -> &[Live] {
        &self.0
    }
}

fn list(live: &[Live]) -> String {
    live.iter().map(|one| format!("\n  {one}")).collect()
}

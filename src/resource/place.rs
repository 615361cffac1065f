//! Where a reference was made.

use std::fmt;
use std::panic::Location;

use crate::{Context, Path};

/// Where a reference was made: a place in the source, and the node it was made for, where that is
/// known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    location: &'static Location<'static>,
    node: Option<Path>,
}

impl Place {
    /// The line that called.
    #[track_caller]
    pub(super) const fn here() -> Self {
        Self {
            location: Location::caller(),
            node: None,
        }
    }

    /// The same, for the node of this context.
    pub(super) fn for_node(self, context: &Context) -> Self {
        let node = Some(context.path().clone());
        Self { node, ..self }
    }

    /// File, line and column.
    #[must_use]
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The node, for a reference that was made for one.
    #[must_use]
    pub const fn node(&self) -> Option<&Path> {
        self.node.as_ref()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location)?;
        match &self.node {
            Some(node) => write!(f, " for {node}"),
            None => Ok(()),
        }
    }
}

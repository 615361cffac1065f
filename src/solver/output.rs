//! What operations give.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::resource::{Release, Shared};

/// A counted reference to what an operation gave; it derefs to the value.
///
/// Clones refer to the same value. When the last one is dropped, the value is dropped, or if it was
/// [opened](super::RunContext::open) as a resource, it is released by the solver's node.
pub struct Output<V>(Kept<V>);

enum Kept<V> {
    Value(Arc<V>),
    Resource(Arc<Shared<V>>),
}

/// All that an operation gave.
pub(super) type Outputs<V> = Arc<[Output<V>]>;

impl<V> Output<V> {
    /// A reference to a value that needs no more than to be dropped.
    pub fn new(value: V) -> Self {
        Self(Kept::Value(Arc::new(value)))
    }
}

impl<V: Release> Output<V> {
    /// A reference to a resource.
    pub(super) fn of(resource: Shared<V>) -> Self {
        Self(Kept::Resource(Arc::new(resource)))
    }
}

impl<V> From<V> for Output<V> {
    fn from(value: V) -> Self {
        Self::new(value)
    }
}

impl<V> Clone for Output<V> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Kept::Value(value) => Kept::Value(value.clone()),
            Kept::Resource(resource) => Kept::Resource(resource.clone()),
        })
    }
}

impl<V> Deref for Output<V> {
    type Target = V;

    fn deref(&self) -> &V {
        match &self.0 {
            Kept::Value(value) => value,
            Kept::Resource(resource) => resource,
        }
    }
}

impl<V: fmt::Debug> fmt::Debug for Output<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&**self).finish()
    }
}

//! References that keep nothing.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::Context;
use crate::resource::held::Held;
use crate::resource::place::Place;
use crate::resource::shared::Shared;
use crate::resource::sync::point;

/// A reference that does not keep its resource; made by [`Shared::downgrade`].
///
/// A resource that refers to itself, or to what has a reference to it, does so weakly: it would
/// never be released otherwise.
pub struct WeakShared<T: ?Sized>(Weak<dyn Held<T>>);

impl<T: ?Sized> WeakShared<T> {
    pub(super) fn new(held: &Arc<dyn Held<T>>) -> Self {
        Self(Arc::downgrade(held))
    }

    /// A reference, unless the last one is gone.
    ///
    /// Of a [part](Shared::project), this is one as long as a reference to the same part is left.
    #[track_caller]
    pub fn upgrade(&self) -> Option<Shared<T>> {
        self.upgrade_at(Place::here())
    }

    /// As [`upgrade`](Self::upgrade), for the node of this context.
    #[track_caller]
    pub fn upgrade_in(&self, context: &Context) -> Option<Shared<T>> {
        self.upgrade_at(Place::here().for_node(context))
    }

    pub(super) fn upgrade_at(&self, place: Place) -> Option<Shared<T>> {
        let held = self.0.upgrade()?;
        point();
        match held.ties().record.try_add(place) {
            Some(mark) => Some(Shared::new(held, mark)),
            None => {
                // The last one may have left it to us.
                held.let_go();
                None
            }
        }
    }
}

impl<T: ?Sized> Clone for WeakShared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> fmt::Debug for WeakShared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakShared")
    }
}

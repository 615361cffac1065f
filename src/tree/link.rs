//! A slot to go to, or none, in four bytes: a node keeps seven of them.

use std::fmt;
use std::num::NonZero;

/// The slot of a node, a group or a fall, or none.
///
/// Only what is stored is so small; whoever goes on from there takes the slot.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link(Option<NonZero<u32>>);

impl Link {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn to(slot: usize) -> Self {
        let after = u32::try_from(slot)
            .ok()
            .and_then(|slot| slot.checked_add(1));
        let after = after.expect("a tree has fewer than 2^32 - 1 nodes: more would not fit");
        Self(NonZero::new(after))
    }

    #[inline]
    pub(super) fn get(self) -> Option<usize> {
        self.0.map(|after| after.get() as usize - 1)
    }

    #[inline]
    pub(super) const fn is_some(self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(super) const fn is_none(self) -> bool {
        self.0.is_none()
    }
}

impl From<Option<usize>> for Link {
    fn from(slot: Option<usize>) -> Self {
        slot.map_or(Self::NONE, Self::to)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

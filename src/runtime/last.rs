//! How a tree looked last, for whoever asks after its end.

use std::collections::BTreeMap;

use crate::tree::{Last, Snapshot};

/// What nodes own that run, or have returned and not ended, by slot: how much, and which holds.
pub(crate) type Left = BTreeMap<usize, (usize, Vec<String>)>;

/// How a tree looked last. Few ask, so it is put together only then.
pub(crate) struct LastLook {
    last: Last,
    /// What has leaked, as it was then.
    left: Left,
}

impl LastLook {
    pub(crate) const fn new(last: Last, left: Left) -> Self {
        Self { last, left }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        complete(self.last.snapshot(), &self.left)
    }
}

/// Adds to a look at the tree what only its entries know.
pub(crate) fn complete(mut snapshot: Snapshot, left: &Left) -> Snapshot {
    for node in &mut snapshot.nodes {
        let Some((owned, holds)) = left.get(&node.slot) else {
            continue;
        };
        if node.ending > 0 {
            node.ending = *owned;
        }
        node.holds.clone_from(holds);
    }
    snapshot
}

//! What is remembered of nodes over a restart of what is above them (R8).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::name::Name;
use crate::tree::node::Node;

/// The attempts of a node and of those below it, kept by name over a restart (R8).
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) failures: u32,
    pub(super) last_delay: Duration,
    pub(super) children: Memories,
}

impl Node {
    /// Goes on with what is remembered of the place before.
    pub(super) fn remember(&mut self, mut memory: Memory) {
        self.failures = memory.failures;
        self.last_delay = memory.last_delay;
        let children = std::mem::take(&mut memory.children);
        if !children.is_empty() {
            self.rare_mut().memories = children;
        }
    }
}

pub(super) type Memories = BTreeMap<Name, Memory>;

/// Deep memories are taken apart level by level, so that no depth overflows the stack.
impl Drop for Memory {
    fn drop(&mut self) {
        if self.children.is_empty() {
            return;
        }
        let mut levels = vec![std::mem::take(&mut self.children)];
        while let Some(level) = levels.pop() {
            levels.extend(
                level
                    .into_values()
                    .map(|mut memory| std::mem::take(&mut memory.children)),
            );
        }
    }
}

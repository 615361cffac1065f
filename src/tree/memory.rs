//! What is remembered of nodes over a restart of what is above them (R8).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::name::Name;

/// The attempts of a node and of those below it, kept by name over a restart (R8).
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) failures: u32,
    pub(super) last_delay: Duration,
    pub(super) children: Memories,
}

pub(super) type Memories = BTreeMap<Name, Memory>;

/// Deep memories are taken apart level by level, so that no depth overflows the stack.
impl Drop for Memory {
    fn drop(&mut self) {
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
